"""A real model, hardly trained, from the golden episodes."""

import torch
from publishing import GOLDEN

from aign.diffusion import store
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.diffusion.training import Trainer
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

DIGEST = "5" * 64
SETTINGS = TrainSettings(network=NetworkSettings(channels=8, multipliers=(1, 2), embedding=16), stride=2, steps=4,
                         batch_size=8, warmup=2, noise_steps=10, inverse_hidden=8, evaluate_every=2,
                         checkpoint_every=4, precision="float32", compile=False)


def make_model(folder, behaviours=None, provenance=None):
    """Train for four steps and save."""
    data = TrajectoryStore.open(GOLDEN / "version-2")
    held = ContextPool.load(GOLDEN / "version-2" / "contexts.safetensors", data.scenario)["validation"]
    trainer = Trainer([data], SETTINGS, 1, torch.device("cpu"), [HeldOut(held.values, held.reference, held.optimum)],
                      behaviours, provenance or {"dataset_sha256": DIGEST, "seed": 1, "threads": 1})
    trained = trainer.run(folder.with_name("checkpoint.safetensors"), lambda step: None)
    store.save(trained.pipeline, folder, trained.history)
    return folder
