"""A small real dataset of water-filling, and a model that learned it for a few steps."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from aign.agents import behaviours
from aign.diffusion import store as models
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.diffusion.training import Trainer
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

CPU = torch.device("cpu")
EPISODES = {"train": 60, "validation": 8, "test": 4}


@pytest.fixture(scope="session")
def scenario():
    return registry.create("water-filling", channels=4)


@pytest.fixture(scope="session")
def pool(scenario):
    return ContextPool.draw(scenario, {"train": 40, "validation": 12, "test": 6}, seed=3)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory, scenario, pool):
    """216 episodes of 8 steps: three sources, three splits, several shards."""
    folder = tmp_path_factory.mktemp("water-filling")
    with ShardWriter(folder / "parts", scenario, 50, first_episode_id=0) as writer:
        for split, count in EPISODES.items():
            for source in ("random", "heuristics", "solver-guided"):
                for batch in behaviours.record(source, scenario, pool[split], count, seed=5):
                    writer.append(batch)
    assemble(folder / "dataset", writer.close(), scenario, {"seed": 5})
    return TrajectoryStore.open(folder / "dataset")


@pytest.fixture(scope="session")
def held_out(pool):
    contexts = pool["validation"]
    return HeldOut(contexts.values, contexts.reference, contexts.optimum)


@pytest.fixture(scope="session")
def make_settings():
    """Sizes at which a step takes milliseconds."""
    def make(**changes):
        small = {"network": NetworkSettings(channels=16, multipliers=(1, 2), kernel=3, embedding=32), "stride": 2,
                 "steps": 9, "batch_size": 16, "warmup": 3, "noise_steps": 20, "prediction": "sample",
                 "inverse_hidden": 16, "evaluate_every": 4, "checkpoint_every": 4, "precision": "float32",
                 "compile": False, "return_dropout": 0.1, "label_dropout": 0.5, "return_weighting": 0.0}
        return TrainSettings(**(small | changes))
    return make


@pytest.fixture(scope="session")
def make_trainer(dataset, held_out, make_settings):
    def make(seed=1, behaviours=None, **changes):
        return Trainer([dataset], make_settings(**changes), seed, CPU, [held_out], behaviours, {"dataset": "small"})
    return make


@pytest.fixture(scope="session")
def trained(make_trainer, tmp_path_factory):
    """Result of 100 steps. Read-only."""
    trainer = make_trainer(steps=100, batch_size=64, learning_rate=5e-3, evaluate_every=50, ema_decay=0.9)
    return trainer.run(tmp_path_factory.mktemp("training") / "checkpoint.safetensors", lambda step: None)


@pytest.fixture(scope="session")
def pipeline(trained):
    return trained.pipeline


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, trained) -> Path:
    """A saved model. Read-only: copy it before damaging it."""
    folder = tmp_path_factory.mktemp("models") / "small"
    models.save(trained.pipeline, folder, trained.history)
    return folder


@pytest.fixture
def watch(pipeline):
    """Everything the denoiser is given and returns while the test runs: calls[i].inputs, calls[i].output."""
    calls = []
    handle = pipeline.unet.register_forward_hook(
        lambda module, inputs, output: calls.append(SimpleNamespace(inputs=inputs, output=output)))
    yield calls
    handle.remove()
