"""A dataset and a model of a stranger, whose scenario names his module; importing that leaves a mark."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from recorded_data import sealed

from aign.agents.behaviours import record
from aign.diffusion import store as models
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.diffusion.training import Trainer
from aign.exchange.publish import publish_dataset
from aign.files import manifest
from aign.files.writing import write_json
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

MODULE = "stranger_world"
AGENT = "ppo"
CODE = """
from pathlib import Path
Path(__file__).with_name("imported").touch()

def keep_left(observation, actions):
    return 0

def count(record):
    return len(record.actions)
"""
PLAIN = {"name": "gymnasium", "environment": "CartPole-v1", "horizon": 4, "rollouts": 1, "repeats": 1}
NAMING = {**PLAIN, "module": MODULE, "rules": {"left": f"{MODULE}:keep_left"}}
SPELLINGS = {
    "module": {"module": MODULE},
    "inner module": {"module": f"{MODULE}.inner"},
    "id": {"environment": f"{MODULE}:CartPole-v1"},
    "rule": {"rules": {"left": f"{MODULE}:keep_left"}},
    "label": {"labels": {"steps": {"function": f"{MODULE}:count"}}},
    "option": {"options": {"vehicle": MODULE}},
    "inner option": {"options": {"config": {"vehicles": [{"kind": f"{MODULE}.Car"}]}}},
    "key of an option": {"options": {"config": {f"{MODULE}.Car": 1}}},
}
"""Every way in which the parameters of a scenario can name code."""
SMALL = TrainSettings(network=NetworkSettings(channels=8, multipliers=(1,), embedding=16), stride=1, window=2, steps=2,
                      batch_size=8, warmup=1, noise_steps=10, inverse_hidden=8, evaluate_every=2, evaluate_contexts=2)


@dataclass(frozen=True)
class Stranger:
    """What he offers, below one folder: data, models, published; and the folder of his module."""

    folder: Path

    @property
    def dataset(self) -> Path:
        return self.folder / "data" / "trajectories" / "walk"

    @property
    def model(self) -> Path:
        return self.folder / "models" / "walk"

    @property
    def published(self) -> Path:
        return self.folder / "published"

    @property
    def imported(self) -> bool:
        """Whether his module was imported since `forget`."""
        return (self.folder / "code" / "imported").exists() or MODULE in sys.modules

    def forget(self) -> None:
        (self.folder / "code" / "imported").unlink(missing_ok=True)
        sys.modules.pop(MODULE, None)


def made(folder: Path) -> Stranger:
    """Make dataset, published dataset and model; his code has to be on the path."""
    stranger, counts = Stranger(folder), {"train": 8, "validation": 3, "test": 3}
    scenario = registry.create(**NAMING)
    pool = ContextPool.draw(scenario, counts, seed=3)
    with ShardWriter(folder / "parts", scenario, 64, first_episode_id=0) as writer:
        for split, count in counts.items():
            for episodes in record("heuristics", scenario, pool[split], 2 * count, seed=5):
                writer.append(replace(episodes, behaviour=np.full(len(episodes), AGENT)))
    pool.save(folder / "parts" / "contexts.safetensors", scenario)
    assemble(stranger.dataset, writer.close(), scenario, {"author": "a stranger"},
             {"contexts.safetensors": folder / "parts" / "contexts.safetensors"})
    publish_dataset([stranger.dataset], str(stranger.published), trust_code=True)
    held = pool["validation"]
    trainer = Trainer([TrajectoryStore.open(stranger.dataset, trust_code=True)], SMALL, 1, torch.device("cpu"),
                      [HeldOut(held.values, held.reference, held.optimum)], None, {"dataset_sha256": "0"})
    done = trainer.run(folder / "parts" / "checkpoint.safetensors", lambda step: None)
    models.save(done.pipeline, stranger.model, done.history)
    return stranger


def respelled(stranger: Stranger, spec: dict) -> None:
    """Let dataset and model name their scenario otherwise, and seal both again."""
    info = json.loads((stranger.dataset / "meta/info.json").read_text())
    write_json(stranger.dataset / "meta/info.json", {**info, "scenario": spec})
    sealed(stranger.dataset)
    index = json.loads((stranger.model / "model_index.json").read_text())
    index["design"]["scenario"] = spec
    write_json(stranger.model / "model_index.json", index)
    manifest.build(stranger.model)
