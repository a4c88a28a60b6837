"""Biased and small datasets: what batch-constrained Q-learning and the diffuser make of parts of one dataset.

Both take the same number of gradient steps on the same episodes and are scored on the same unseen contexts. The kept
model is the last one: choosing among several by the simulator would help one of them past its data.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch

from aign.designs.baselines import best_training_design, recorded
from aign.diffusion.model import DesignModel
from aign.engines.jobs import Report
from aign.settings import RunSettings
from aign.stages.evaluate import judge, methods, unseen
from aign.stages.evaluate.methods import Method
from aign.trajectories.reader import TrajectoryStore
from studies import tables
from studies.comparison import described, q_policy
from studies.runs import Run, Task
from studies.settings import BiasSettings
from studies.subsets import SUBSETS, describe, rows_of
from studies.training import diffuser_trainer, q_learning

UNCONDITIONED = "_return_hidden"
"""Ends the name of a diffuser's method whose network is not told which return is wanted."""


def learn(run: Run) -> None:
    """Learn from every subset of a seed's dataset."""
    settings, data = run.params.studies.bias, tables.dataset(run, run.params.studies.bias.users)
    run.compute([Task(subset, settings.bcq.gradient_steps + settings.diffuser.steps, learn_subset,
                      {"dataset": data, "subset": subset, "settings": settings, "run": run.settings})
                 for subset in SUBSETS], [data])


def learn_subset(report: Report, folder: Path, dataset: Path, subset: str, settings: BiasSettings,
                 run: RunSettings) -> dict[str, Any]:
    """Train both on a subset and score them, and the best design in it, on unseen contexts."""
    stored = TrajectoryStore.open(dataset)
    rows, scenario, contexts = rows_of(stored, subset, run.seed), stored.scenario, unseen(stored, settings.contexts)
    q_steps, steps = settings.bcq.gradient_steps, settings.diffuser.steps
    began = time.perf_counter()
    # Nobody looks at the curve of Q-learning, so it is scored on a single context.
    policy = q_learning(stored, rows, settings.bcq, run.seed, 1, lambda done, planned: report(done)).policy
    learned = time.perf_counter()
    pipeline = diffuser_trainer([stored], settings.diffuser, run, [rows]).run(
        folder / "checkpoint.safetensors", lambda step: report(q_steps + step)).pipeline
    q_seconds, seconds = learned - began, time.perf_counter() - learned
    designs = torch.unique(recorded(stored, rows), dim=0)
    entrants: dict[str, tuple[Method, float, int]] = {
        "bcq": (q_policy(scenario, policy), q_seconds, q_steps),
        **{name: (method, seconds, steps) for name, method in generators(pipeline, settings, run.seed).items()},
        "best_training_design": (lambda values: best_training_design(scenario, values, designs), 0.0, 0)}
    figures = {name: {**described(judge(scenario, contexts, method)), "training_seconds": taken,
                      "gradient_steps": count} for name, (method, taken, count) in entrants.items()}
    return {"subset": describe(stored, rows), "methods": figures, "contexts": len(contexts),
            "users": scenario.agents}


def generators(pipeline: DesignModel, settings: BiasSettings, seed: int) -> dict[str, Method]:
    """Return a diffuser asked for high returns, and not told which return is wanted, as methods by name."""
    # The network is not told a target return that is no number; settings refuse it, so it is put in past their check.
    unconditioned = settings.sampling.model_copy(update={"target_returns": (math.nan,)})
    return {f"diffuser_{name}{ending}": methods.diffuser(pipeline, count, sampling, seed)
            for ending, sampling in (("", settings.sampling), (UNCONDITIONED, unconditioned))
            for name, count in (("single", 1), (f"best_of_{settings.candidates}", settings.candidates))}
