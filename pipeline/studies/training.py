"""Tasks that learn: the diffusers, batch-constrained Q-learning, and the agents once more, to time them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.agents import bcq as batch_constrained
from aign.agents.learners import explore
from aign.agents.scoring import TrainingResult
from aign.agents.settings import BCQSettings, CollectSettings, Kind
from aign.agents.stored_policies import open_policy
from aign.diffusion import device, store
from aign.diffusion.settings import TrainSettings
from aign.diffusion.training import Trainer
from aign.engines.jobs import Report
from aign.errors import DatasetError
from aign.files.writing import read_json
from aign.settings import RunSettings
from aign.stages.train import held_out
from aign.trajectories.contexts import CONTEXTS, ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore
from studies.training_seconds import Clock, Stopwatch, timed

MODEL = "model"
"""Folder, or stem of the files, of a trained model inside its task's folder."""
SCORED_CONTEXTS = 64
"""Validation contexts behind each point of a learning curve, the same for every method."""
RETURN = "normalised_return_pooled"


def diffuser(report: Report, folder: Path, datasets: Sequence[Path], settings: TrainSettings,
             run: RunSettings) -> dict[str, Any]:
    """Train a diffuser on one dataset, or on several of different sizes; a stopped training goes on."""
    began = time.perf_counter()
    stores = [TrajectoryStore.open(dataset) for dataset in datasets]
    trainer = diffuser_trainer(stores, settings, run)
    preparation = time.perf_counter() - began
    watch = Stopwatch(folder / "seconds.json", settings.evaluate_every)

    def progress(step: int) -> None:
        """Note the time of a step and report it."""
        watch.tell(step)
        report(step)

    trained = trainer.run(folder / "checkpoint.safetensors", progress)
    seconds = watch.total()
    store.save(trained.pipeline, folder / MODEL, trained.history)
    users = [stored.scenario.agents for stored in stores]
    return {"training_seconds": seconds, "preparation_seconds": preparation,
            "curve": timed([by_users(point, users) for point in trained.history], "gradient_steps", watch.marks),
            "environment_steps": sum(map(steps_seen, stores)), "gradient_steps": settings.steps,
            "parameters": sum(weight.numel() for weight in trainer.parameters)}


def diffuser_trainer(stores: Sequence[TrajectoryStore], settings: TrainSettings, run: RunSettings,
                     rows: Sequence[Tensor] | None = None) -> Trainer:
    """Return a diffuser's training on these rows (b,) of each dataset, on all training episodes where None."""
    validation = [ContextPool.load(stored.folder / CONTEXTS, stored.scenario)["validation"] for stored in stores]
    digests = [read_json(stored.folder / "meta/manifest.json", DatasetError)["digest"] for stored in stores]
    return Trainer(stores, settings, run.seed, device.choose(run.device),
                   [held_out(contexts, settings.evaluate_contexts) for contexts in validation], None,
                   {"datasets_sha256": digests, "seed": run.seed, "threads": run.threads}, rows)


def by_users(point: Mapping[str, float], users: Sequence[int]) -> dict[str, float]:
    """Return a point of a diffuser's history with its quality on each dataset named by the number of users."""
    sizes = {f"{RETURN}_{count}_users": point[f"{RETURN}_{place}"] for place, count in enumerate(users)
             if f"{RETURN}_{place}" in point}
    return {"gradient_steps": point["step"], **({RETURN: point[RETURN]} if RETURN in point else {}), **sizes}


def bcq(report: Report, folder: Path, dataset: Path, settings: BCQSettings, run: RunSettings) -> dict[str, Any]:
    """Train discrete batch-constrained Q-learning on a dataset.

    `steps_drawn` of the dataset's environment steps are held in memory, drawn evenly.
    """
    stored = TrajectoryStore.open(dataset)
    clock = Clock(report)
    learned = q_learning(stored, stored.rows("train"), settings, run.seed, SCORED_CONTEXTS, clock.tell)
    seconds = clock.now()
    learned.policy.save(folder / MODEL)
    return {"training_seconds": seconds, "preparation_seconds": clock.preparation,
            "curve": timed(learned.curve, "gradient_steps", clock.marks),
            "environment_steps": steps_seen(stored), "gradient_steps": settings.gradient_steps,
            "steps_drawn": min(steps_seen(stored), settings.transitions // stored.scenario.agents),
            "parameters": sum(weight.numel() for weight in learned.policy.parameters())}


def q_learning(stored: TrajectoryStore, rows: Tensor, settings: BCQSettings, seed: int, scored: int,
               report: Callable[[int, int], None]) -> TrainingResult:
    """Learn from these rows (b,) of a dataset; points of the curve are `scored` on so many validation contexts."""
    validation = ContextPool.load(stored.folder / CONTEXTS, stored.scenario)["validation"]
    return batch_constrained.learn(stored, settings, seed, rows, first(validation, scored), report)


def first(contexts: Contexts, count: int) -> Contexts:
    """Return the first contexts, `count` at most."""
    return contexts.take(torch.arange(min(count, len(contexts))))


def agent_again(report: Report, folder: Path, dataset: Path, agents: Path, kind: Kind, settings: CollectSettings,
                seed: int) -> dict[str, Any]:
    """Let an agent explore once more without keeping episodes: how long it takes, and whether it learns the same.

    The seconds include the labelling of episodes and the scoring of snapshots, as exploration does.
    """
    stored = TrajectoryStore.open(dataset, deep=False)
    pool = ContextPool.load(dataset / CONTEXTS, stored.scenario)
    clock = Clock(report)
    learned = explore(kind, stored.scenario, pool, settings, seed, lambda episodes: None, clock.tell)
    seconds = clock.now()
    kept, again = open_policy(agents / kind).state_dict(), learned.policy.state_dict()
    same = kept.keys() == again.keys() and all(torch.equal(kept[name], again[name]) for name in kept)
    return {"training_seconds": seconds, "preparation_seconds": clock.preparation,
            "environment_steps": clock.marks[-1][0], "curve": timed(learned.curve, "environment_steps", clock.marks),
            "parameters": sum(weight.numel() for weight in again.values()), "same_policy": same}


def steps_seen(stored: TrajectoryStore) -> int:
    """Return the environment steps in the training episodes of a dataset."""
    return len(stored.rows("train")) * stored.scenario.horizon
