"""Biased and small datasets: what batch-constrained Q-learning and the diffuser make of parts of one dataset.

Both take the same number of gradient steps on the same episodes and are scored on the same unseen contexts. The kept
model is the last one: choosing among several by the simulator would help one of them past its data.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.agents import bcq
from aign.agents.settings import BCQSettings
from aign.designs.baselines import best_training_design, recorded
from aign.diffusion import device
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.settings import TrainSettings
from aign.diffusion.training import Trainer
from aign.engines.jobs import Report
from aign.settings import RunSettings
from aign.stages.evaluate import judge, methods, unseen
from aign.stages.evaluate.methods import Method
from aign.stages.train import held_out
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from studies import runs, tables
from studies.comparison import acting, described
from studies.params import StudyParams
from studies.runs import Task, digest
from studies.settings import BiasSettings
from studies.subsets import SUBSETS, describe, rows_of

UNCONDITIONED = "_return_hidden"
"""Ends the name of a diffuser's method whose network is not told which return is wanted."""


def learn(params: StudyParams, seed: int, case: str) -> None:
    """Learn from every subset of a seed's dataset."""
    settings, data = params.studies.bias, tables.dataset(seed, params.studies.bias.users)
    tasks = [Task(subset, settings.bcq.gradient_steps + settings.diffuser.steps, learn_subset,
                  {"dataset": data, "subset": subset, "settings": settings, "run": params.run(seed)})
             for subset in SUBSETS]
    runs.compute(params, "bias", seed, case, tasks, [data])


def learn_subset(report: Report, folder: Path, dataset: Path, subset: str, settings: BiasSettings,
                 run: RunSettings) -> dict[str, Any]:
    """Train both on a subset and score them, and the best design in it, on unseen contexts."""
    stored = TrajectoryStore.open(dataset)
    rows, scenario, contexts = rows_of(stored, subset, run.seed), stored.scenario, unseen(stored, settings.contexts)
    steps = settings.bcq.gradient_steps
    policy, q_seconds = learned_q(stored, rows, settings.bcq, run.seed, report)
    pipeline, seconds = learned_diffuser(stored, rows, settings.diffuser, run, folder,
                                         lambda step: report(steps + step))
    designs = torch.unique(recorded(stored, rows), dim=0)
    entrants: dict[str, tuple[Method, float, int]] = {
        "bcq": (policy, q_seconds, steps),
        **{name: (method, seconds, settings.diffuser.steps)
           for name, method in generators(pipeline, settings, run.seed).items()},
        "best_training_design": (lambda values: best_training_design(scenario, values, designs), 0.0, 0)}
    figures = {name: {**described(judge(scenario, contexts, method)), "training_seconds": seconds,
                      "gradient_steps": steps} for name, (method, seconds, steps) in entrants.items()}
    return {"subset": describe(stored, rows), "methods": figures, "contexts": len(contexts),
            "users": scenario.agents}


def learned_q(stored: TrajectoryStore, rows: Tensor, settings: BCQSettings, seed: int,
              report: Report) -> tuple[Method, float]:
    """Return batch-constrained Q-learning from these rows (b,) as a method, and the seconds it took."""
    scenario = stored.scenario
    validation = ContextPool.load(stored.folder / "contexts.safetensors", scenario)["validation"]
    scored = validation.take(torch.arange(1))  # its curve is not looked at, so it is kept cheap
    began = time.perf_counter()
    policy = bcq.learn(stored, settings, seed, rows, scored, lambda done, planned: report(done)).policy
    seconds = time.perf_counter() - began
    return acting(scenario, lambda values, states, at: policy.act(scenario, values, states, at)), seconds


def learned_diffuser(stored: TrajectoryStore, rows: Tensor, settings: TrainSettings, run: RunSettings, folder: Path,
                     report: Callable[[int], None]) -> tuple[DesignPipeline, float]:
    """Return the diffuser trained on these rows (b,), and the seconds it took."""
    pool = ContextPool.load(stored.folder / "contexts.safetensors", stored.scenario)
    began = time.perf_counter()
    trainer = Trainer([stored], settings, run.seed, device.choose(run.device),
                      [held_out(pool["validation"], settings.evaluate_contexts)], None,
                      {"dataset_sha256": digest(stored.folder), "episodes": len(rows), "seed": run.seed}, rows=[rows])
    pipeline = trainer.run(folder / "checkpoint.safetensors", report).pipeline
    return pipeline, time.perf_counter() - began


def generators(pipeline: DesignPipeline, settings: BiasSettings, seed: int) -> dict[str, Method]:
    """Return a diffuser asked for high returns, and not told which return is wanted, as methods by name."""
    # A wanted return that is not a number is not shown; settings refuse it, so it is put in past their check.
    unconditioned = settings.sampling.model_copy(update={"ladder": (math.nan,)})
    return {f"diffuser_{name}{ending}": methods.diffuser(pipeline, count, sampling, seed)
            for ending, sampling in (("", settings.sampling), (UNCONDITIONED, unconditioned))
            for name, count in (("single", 1), (f"best_of_{settings.candidates}", settings.candidates))}
