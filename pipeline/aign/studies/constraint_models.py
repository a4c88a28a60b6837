"""The models the study of constraints compares: what training shows them, and what they plan.

All learn the same dataset. The model of the final figures takes the study's full number of steps; those that are
compared with each other take fewer, all the same number.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aign.diffusion.settings import TrainSettings
from aign.engines.jobs import Job
from aign.params import Params
from aign.studies import cells
from aign.studies.repetitions import Repetition
from aign.studies.request_sets import HELD_OUT_PAIRS
from aign.studies.settings import ConstraintsSettings
from aign.studies.training import MODEL, diffuser
from aign.trajectories.reader import TrajectoryStore

PART = "constraints"
CONDITIONED: dict[str, dict[str, Any]] = {
    "achieved": {},
    "hindsight": {"condition": "hindsight"},
    "one_hot": {"condition": "one_hot"},
    "one_at_a_time": {"one_at_a_time": True},
}
"""Models that differ only in how training shows them labels, with what that changes in the first."""
UNET_RATE = 1e-3
"""Learning rate of the temporal U-Net, at which it was tuned; the set network takes twice that."""
CONTROLS = ("final_design_only", "temporal_unet")
"""Models that differ from the first in what they plan, or with which network."""


def recipe(name: str, settings: ConstraintsSettings, steps: int, horizon: int) -> TrainSettings:
    """Return how a model is trained.

    Args:
        name: one of CONDITIONED or CONTROLS.
        settings: the study's.
        steps: gradient steps.
        horizon: steps of an episode; a model of the final design only plans in one stride.
    """
    values = settings.train.model_dump() | {"condition": "achieved", "never_together": HELD_OUT_PAIRS, "steps": steps}
    values["network"] |= {"kind": "set"}
    if name == "temporal_unet":
        values |= {"network": settings.unet.model_dump() | {"kind": "temporal"}, "learning_rate": UNET_RATE}
    elif name == "final_design_only":
        values["stride"] = horizon
    return TrainSettings.model_validate(values | CONDITIONED.get(name, {}))


def training(name: str, repetition: Repetition, params: Params, steps: int) -> Job:
    """Return the job that trains a model on a repetition's dataset."""
    horizon = TrajectoryStore.open(repetition.dataset, deep=False).scenario.horizon
    # The number of workers changes no result, so it must not void a cell.
    run = params.base.model_copy(update={"seed": repetition.seed, "workers": 1})
    arguments = {"datasets": [repetition.dataset], "digests": [repetition.digests()["dataset"]],
                 "settings": recipe(name, params.studies.constraints, steps, horizon), "run": run}
    return cells.cell(PART, f"model-{name}-{steps}-{repetition.name}", steps, diffuser, arguments)


def model_of(job: Job) -> Path:
    """Return the folder of the model that a training makes."""
    return job.result.parent / MODEL


def described(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return of each finished training: the cell's name, steps, parameters, seconds, best held-out quality of single
    unconstrained designs.
    """
    rows = []
    for job in jobs:
        found = cells.result(job)
        quality = max(float(point["normalised_return_pooled"]) for point in found["curve"])
        rows.append({"model": job.name, "steps": found["gradient_steps"], "parameters": found["parameters"],
                     "training_seconds": found["training_seconds"], "held_out_normalised_return_pooled": quality})
    return rows
