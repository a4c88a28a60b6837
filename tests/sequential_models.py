"""Small models of two networks in which decisions follow each other; see tests/networks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from aign import scenarios
from aign.agents.behaviours import record
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.diffusion.training import Trainer
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

NETWORK = NetworkSettings(channels=32, multipliers=(1,), embedding=64)
SETTINGS = TrainSettings(network=NETWORK, stride=1, window=2, windows=1_000, steps=150, batch_size=256, warmup=10,
                         learning_rate=1e-2, weight_decay=0.0, ema_decay=0.9, noise_steps=20, inverse_hidden=32,
                         label_dropout=0.5, evaluate_every=150, checkpoint_every=1_000, precision="float32")
COUNTS = {"train": 40, "validation": 6, "test": 6}


@contextmanager
def networks() -> Iterator[None]:
    """Let the registry find the networks of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenarios, "__path__", [*scenarios.__path__, str(Path(__file__).with_name("networks"))])
        registry.scenarios.cache_clear()
        yield
    registry.scenarios.cache_clear()


def dataset(name: str, folder: Path, **parameters) -> SimpleNamespace:
    """Record episodes of each rule and of chance; return store and pool of contexts."""
    scenario = registry.create(name, **parameters)
    pool = ContextPool.draw(scenario, COUNTS, seed=3)
    with ShardWriter(folder / "parts", scenario, 64, first_episode_id=0) as writer:
        for split, count in COUNTS.items():
            for source in ("random", "heuristics"):
                for batch in record(source, scenario, pool[split], 2 * count, seed=5):
                    writer.append(batch)
    pool.save(folder / "parts" / "contexts.safetensors", scenario)
    assemble(folder / name, writer.close(), scenario, {"seed": 5},
             {"contexts.safetensors": folder / "parts" / "contexts.safetensors"})
    return SimpleNamespace(store=TrajectoryStore.open(folder / name), pool=pool)


def trained(name: str, folder: Path, settings: TrainSettings = SETTINGS, **parameters) -> SimpleNamespace:
    """Return dataset, pool of contexts, pipeline and history of a network."""
    with networks():
        data = dataset(name, folder, **parameters)
        held = data.pool["validation"]
        trainer = Trainer([data.store], settings, 1, torch.device("cpu"),
                          [HeldOut(held.values, held.reference, held.optimum)], None, {})
        done = trainer.run(folder / "checkpoint.safetensors", lambda step: None)
        assert done.pipeline.scenario.name == data.store.scenario.name == name  # built while the registry finds it
    return SimpleNamespace(**vars(data), pipeline=done.pipeline, history=done.history, scenario=done.pipeline.scenario)
