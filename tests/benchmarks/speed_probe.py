"""What `speed.py` measures within one version of the code, in processor seconds; run in that version's folder.

Uses only what both versions have.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from aign import params
from aign.designs.generation import generate
from aign.diffusion import store
from aign.diffusion.training import Trainer
from aign.scenarios.core.constraints import parse
from aign.stages.train import held_out
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

WHERE = ("total_power<=300", "min_rate>=6")
ROUNDS, STEPS, QUALITY_CONTEXTS = 15, 40, 1_024
NETWORK = "power-20"


def median(work: Callable[[], object], rounds: int) -> float:
    """Return the median processor time of several runs, after two that are not counted."""
    seconds = []
    for _ in range(rounds + 2):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds[2:])


def main(model: Path, dataset: Path) -> None:
    """Print the figures of the code that is imported, as JSON."""
    torch.set_num_threads(1)
    opened = store.load(model)
    scenario = opened.scenario
    contexts, constraints = scenario.draw_contexts(32, torch.Generator().manual_seed(7)), parse(WHERE, scenario.labels)
    figures = {"designs": median(lambda: generate(opened, contexts, (), 1), ROUNDS),
               "request": median(lambda: generate(opened, contexts[:1], constraints, 16), ROUNDS)}
    many = scenario.draw_contexts(QUALITY_CONTEXTS, torch.Generator().manual_seed(8))
    ratio = generate(opened, many, (), 1).utility[:, 0] / scenario.certify(many).utility
    figures |= {"ratio": float(ratio.mean()), "ratio_error": 1.96 * float(ratio.std()) / len(ratio) ** 0.5}
    stored = TrajectoryStore.open(dataset, deep=False)
    pool = ContextPool.load(dataset / "contexts.safetensors", stored.scenario)
    settings = params.load(Path("params.yaml")).variant(NETWORK).train
    trainer = Trainer([stored], settings, 1, torch.device("cpu"), [held_out(pool["validation"], 8)], None, {})
    losses = trainer.losses(trainer.unet) if hasattr(trainer, "losses") else trainer.unet  # as the version wants it
    figures["training_step"] = median(lambda: trainer.one_step(losses), STEPS)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
