"""The runs behind Tables I and II: datasets, trainings and comparisons of one seed."""

from __future__ import annotations

from pathlib import Path

from aign.agents.libraries import planned_steps
from aign.agents.settings import LEARNERS
from aign.scenarios.core.registry import create
from studies import comparison, training
from studies.runs import Run, Task

GAINS = ("preset", "general")
METHODS = 16
"""Methods of a comparison, about: for the progress bar."""


def dataset(run: Run, users: int | str) -> Path:
    """Return the folder of a dataset."""
    return run.folder("collect-tables", users) / "trajectories"


def agents(run: Run, users: int | str) -> Path:
    """Return the folder of the agents that explored for a dataset."""
    return run.folder("collect-tables", users) / "agents"


def sizes(run: Run) -> list[int]:
    """Return the numbers of users whose datasets were collected, ascending."""
    return sorted(int(folder.name) for folder in run.folder("collect-tables").iterdir() if folder.name.isdigit())


def collect(run: Run) -> None:
    """Collect the dataset of a number of users."""
    users = int(run.case)
    run.collect({"name": "power-allocation", "users": users, "gains": "general"},
                run.params.studies.tables.collecting(users))


def train(run: Run) -> None:
    """Train what serves one number of users: the temporal U-Net, and batch-constrained Q-learning."""
    settings, data = run.params.studies.tables, dataset(run, run.case)
    run.compute([Task("unet", settings.unet.steps, training.diffuser,
                      {"datasets": [data], "settings": settings.unet, "run": run.settings}),
                 Task("bcq", settings.bcq.gradient_steps, training.bcq,
                      {"dataset": data, "settings": settings.bcq, "run": run.settings})], [data], training=True)


def train_set(run: Run) -> None:
    """Train the set network on the datasets of all numbers of users together."""
    settings, data = run.params.studies.tables.set_diffuser, [dataset(run, users) for users in sizes(run)]
    run.compute([Task("set", settings.steps, training.diffuser,
                      {"datasets": data, "settings": settings, "run": run.settings})], data, training=True)


def time_agents(run: Run) -> None:
    """Let the agents of a dataset explore once more without keeping episodes: how long they take."""
    settings, data = run.params.studies.tables.collecting(int(run.case)), dataset(run, run.case)
    horizon = create("power-allocation", users=int(run.case)).horizon
    run.compute([Task(kind, planned_steps(kind, settings, horizon), training.agent_again,
                      {"dataset": data, "agents": agents(run, run.case), "kind": kind, "settings": settings,
                       "seed": run.seed}) for kind in LEARNERS], [data])


def compare(run: Run) -> None:
    """Compare every method at a trained number of users, on general and on preset gains."""
    settings, data = run.params.studies.tables, dataset(run, run.case)
    trained, sets = run.folder("train-tables", run.case), run.folder("train-set")
    common = {"dataset": data, "agents": agents(run, run.case), "seed": run.seed, "count": settings.contexts,
              "candidates": settings.candidates, "sampling": settings.sampling, "sets": sets / "set" / training.MODEL,
              **{name: trained / name / training.MODEL for name in ("unet", "bcq")}}
    run.compute([Task(gains, METHODS, comparison.at_trained_size, {**common, "gains": gains}) for gains in GAINS],
                [data, trained, sets])


def transfer(run: Run) -> None:
    """Compare at a number of users nobody trained on: the set diffuser, shared policies, what needs no training."""
    settings, trained, sets = run.params.studies.tables, run.folder("train-tables"), run.folder("train-set")
    policies = {f"{kind}_trained_on_{users}": agents(run, users) / kind for users in sizes(run) for kind in LEARNERS}
    policies |= {f"bcq_trained_on_{users}": trained / str(users) / "bcq" / training.MODEL for users in sizes(run)}
    run.compute([Task("methods", METHODS, comparison.at_new_size,
                      {"users": int(run.case), "count": settings.contexts, "seed": run.seed, "policies": policies,
                       "sets": sets / "set" / training.MODEL, "candidates": settings.candidates,
                       "sampling": settings.sampling})], [trained, sets])
