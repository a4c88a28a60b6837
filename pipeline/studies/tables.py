"""The runs behind Tables I and II: datasets, trainings and comparisons of one seed."""

from __future__ import annotations

from pathlib import Path

from aign.agents.libraries import planned_steps
from aign.agents.settings import LEARNERS
from aign.scenarios.core.registry import create
from studies import comparison, runs, training
from studies.params import StudyParams
from studies.runs import Task, place

GAINS = ("preset", "general")
METHODS = 16
"""Methods of a comparison, about: for the progress bar."""


def dataset(seed: int, users: int | str) -> Path:
    """Return the folder of a dataset."""
    return place("collect-tables", seed, users) / "trajectories"


def agents(seed: int, users: int | str) -> Path:
    """Return the folder of the agents that explored for a dataset."""
    return place("collect-tables", seed, users) / "agents"


def collect(params: StudyParams, seed: int, case: str) -> None:
    """Collect the dataset of a number of users."""
    users = int(case)
    runs.collect(params, "collect-tables", seed, users,
                 {"name": "power-allocation", "users": users, "gains": "general"},
                 params.studies.tables.collecting(users))


def train(params: StudyParams, seed: int, case: str) -> None:
    """Train what serves one number of users: the temporal U-Net, and batch-constrained Q-learning."""
    settings, data, run = params.studies.tables, dataset(seed, case), params.run(seed)
    tasks = [Task("unet", settings.unet.steps, training.diffuser,
                  {"datasets": [data], "settings": settings.unet, "run": run}),
             Task("bcq", settings.bcq.gradient_steps, training.bcq,
                  {"dataset": data, "settings": settings.bcq, "run": run})]
    runs.compute(params, "train-tables", seed, case, tasks, [data], training=True)


def train_set(params: StudyParams, seed: int, case: str) -> None:
    """Train the set network on the datasets of all numbers of users together."""
    settings = params.studies.tables.set_diffuser
    data = [dataset(seed, users) for users in sorted(sizes(seed))]
    task = Task("set", settings.steps, training.diffuser,
                {"datasets": data, "settings": settings, "run": params.run(seed)})
    runs.compute(params, "train-set", seed, case, [task], data, training=True)


def sizes(seed: int) -> list[int]:
    """Return the numbers of users whose datasets were collected, ascending."""
    return sorted(int(folder.name) for folder in place("collect-tables", seed).iterdir() if folder.name.isdigit())


def time_agents(params: StudyParams, seed: int, case: str) -> None:
    """Let the agents of a dataset explore once more without keeping episodes: how long they take."""
    settings, data = params.studies.tables.collecting(int(case)), dataset(seed, case)
    horizon = create("power-allocation", users=int(case)).horizon
    tasks = [Task(kind, planned_steps(kind, settings, horizon), training.agent_again,
                  {"dataset": data, "agents": agents(seed, case), "kind": kind, "settings": settings, "seed": seed})
             for kind in LEARNERS]
    runs.compute(params, "time-agents", seed, case, tasks, [data])


def compare(params: StudyParams, seed: int, case: str) -> None:
    """Compare every method at a trained number of users, on general and on preset gains."""
    settings, trained = params.studies.tables, place("train-tables", seed, case)
    models = {"unet": trained / "unet" / training.MODEL, "bcq": trained / "bcq" / training.MODEL,
              "sets": place("train-set", seed) / "set" / training.MODEL}
    common = {"dataset": dataset(seed, case), "agents": agents(seed, case), "seed": seed, "count": settings.contexts,
              "candidates": settings.candidates, "sampling": settings.sampling, **models}
    runs.compute(params, "compare", seed, case,
                 [Task(gains, METHODS, comparison.at_trained_size, {**common, "gains": gains}) for gains in GAINS],
                 [dataset(seed, case), trained, place("train-set", seed)])


def transfer(params: StudyParams, seed: int, case: str) -> None:
    """Compare at a number of users nobody trained on: the set diffuser, shared policies, what needs no training."""
    settings = params.studies.tables
    policies = {f"{kind}_trained_on_{users}": agents(seed, users) / kind for users in sizes(seed) for kind in LEARNERS}
    policies |= {f"bcq_trained_on_{users}": place("train-tables", seed, users) / "bcq" / training.MODEL
                 for users in sizes(seed)}
    task = Task("methods", METHODS, comparison.at_new_size,
                {"users": int(case), "count": settings.contexts, "seed": seed, "policies": policies,
                 "sets": place("train-set", seed) / "set" / training.MODEL, "candidates": settings.candidates,
                 "sampling": settings.sampling})
    runs.compute(params, "transfer", seed, case, [task], [place("train-tables", seed), place("train-set", seed)])
