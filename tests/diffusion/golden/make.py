"""Makes the golden models: tiny ones of two-user power allocation, and what they generate for a fixed seed.

    python tests/diffusion/golden/make.py tests/diffusion/golden

Run it once for each new kind of model folder, and never again for an old one: what it made must open for ever, and
generate the same designs.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from aign.diffusion import store as models
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.plans import Plans, Sampling
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.diffusion.training import Trainer
from aign.scenarios.core.constraints import Constraint
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

DATASET = Path(__file__).parents[2] / "trajectories" / "golden" / "version-1"
KINDS = ("temporal", "set")
CONSTRAINTS = (Constraint("total_power", "<=", 43.0), Constraint("min_rate", ">=", 1.0))
SEED = 5


def train(kind: str, folder: Path) -> None:
    """Train a model for a few steps on the golden dataset of version 1, and write its folder."""
    store = TrajectoryStore.open(DATASET)
    held_out = ContextPool.load(DATASET / "contexts.safetensors", store.scenario)["validation"]
    network = NetworkSettings(kind=kind, channels=8, multipliers=(1,), embedding=16, depth=1)
    settings = TrainSettings(network=network, steps=40, batch_size=16, warmup=4, noise_steps=20, inverse_hidden=8,
                             evaluate_every=20, checkpoint_every=40, precision="float32", learning_rate=5e-3)
    trainer = Trainer([store], settings, SEED, torch.device("cpu"),
                      [HeldOut(held_out.values, held_out.reference, held_out.optimum)], None, {"dataset": "golden"})
    with tempfile.TemporaryDirectory() as name:
        trained = trainer.run(Path(name) / "checkpoint.safetensors", lambda step: None)
    models.save(trained.pipeline, folder, trained.history)


def contexts() -> torch.Tensor:
    """Return the four held-out contexts (4, 2) of the golden dataset."""
    store = TrajectoryStore.open(DATASET)
    pool = ContextPool.load(DATASET / "contexts.safetensors", store.scenario)
    return torch.cat([pool[split].values for split in ("validation", "test")])


def generate(pipeline: DesignPipeline) -> dict[str, Any]:
    """Return plans for the four contexts with a constraint, for a fixed seed, as JSON values."""
    plans: Plans = pipeline(contexts(), torch.full((4,), 0.9), CONSTRAINTS,
                            sampling=Sampling(steps=5, guidance=1.5, compositional_guidance=False),
                            generator=torch.Generator().manual_seed(SEED))
    return {name: getattr(plans, name).tolist() for name in ("states", "raw_designs", "designs")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for one in KINDS:
        target = Path(sys.argv[1]) / one
        train(one, target)
        target.with_suffix(".json").write_text(json.dumps(generate(models.load(target))) + "\n")
