"""Makes the golden dataset of the format that this program writes: real episodes of two-user power allocation.

    python tests/trajectories/golden/make.py tests/trajectories/golden/version-N

Run it once for each new format version, and never again for an old one: what it made must open for ever.
"""

import dataclasses
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from aign.agents.behaviours import record
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

SOURCES = {"random": "collect", "heuristics": "field-log", "solver-guided": "collect"}
COUNTS = {"train": 6, "validation": 2, "test": 2}
SEED = 7
TEXTS = ("behaviour", "source", "split")


def make(folder: Path) -> None:
    """Write the dataset: two shards, 30 episodes, all three splits; the heuristics' ones as if from a log."""
    scenario = registry.create("power-allocation", users=2)
    with tempfile.TemporaryDirectory() as name:
        contexts = Path(name) / "contexts.safetensors"
        pool = ContextPool.draw(scenario, COUNTS, SEED)
        pool.save(contexts, scenario)
        with ShardWriter(Path(name), scenario, shard_rows=16, first_episode_id=100) as writer:
            for behaviour, source in SOURCES.items():
                for split, count in COUNTS.items():
                    for episodes in record(behaviour, scenario, pool[split], count, SEED):
                        writer.append(dataclasses.replace(episodes, source=np.array(source)))
        assemble(folder, writer.close(), scenario, {"author": "golden", "seed": SEED},
                 {"contexts.safetensors": contexts})


def figures(folder: Path) -> dict[str, Any]:
    """Return what the tests compare: of numbers type, shape, ends and SHA-256 of the column, of texts all of them."""
    store = TrajectoryStore.open(folder)
    found: dict[str, Any] = {}
    for name in store.columns:
        if name in TEXTS:
            found[name] = {"texts": store.strings(name).tolist()}
            continue
        values = store.column(name).numpy()
        found[name] = {"dtype": str(values.dtype), "shape": list(values.shape), "first": values.flat[0].item(),
                       "last": values.flat[-1].item(), "sha256": hashlib.sha256(values.tobytes()).hexdigest()}
    return found


if __name__ == "__main__":
    target = Path(sys.argv[1])
    make(target)
    target.with_suffix(".json").write_text(json.dumps(figures(target), indent=1) + "\n")
