"""Tables I and II: which cells they are made of, and the order in which these are computed.

First the datasets, then all trainings, then all comparisons, then the files. `aign study training` stops after the
trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aign.agents.libraries import planned_steps
from aign.agents.settings import LEARNERS, Kind
from aign.engines import messages
from aign.engines.jobs import Job, run_jobs
from aign.params import Params
from aign.settings import RunSettings
from aign.studies import comparison, table_files, training
from aign.studies.cells import cell, result
from aign.studies.repetitions import Repetition, everyone, size_of
from aign.studies.table_jobs import Comparisons, Trainings
from aign.trajectories.reader import TrajectoryStore

PART = "tables"
GAINS = ("preset", "general")
COMPARED = 16
"""Methods in a comparison, about: for the progress bar."""


def run(params: Params) -> None:
    """Compute everything that is missing and write table1.json, transfer.json, convergence and plots."""
    repetitions, learned = train(params)
    cells = comparisons(params, repetitions, learned)
    compute(cells.jobs(), params, "comparisons")
    table_files.write(params, repetitions, learned, cells)


def train(params: Params) -> tuple[list[Repetition], Trainings]:
    """Collect the datasets and train every model that is missing."""
    repetitions = everyone(params)
    cells = trainings(params, repetitions)
    compute(cells.jobs(), params, "trainings")
    return repetitions, cells


def compute(jobs: Sequence[Job], params: Params, what: str) -> None:
    """Run the cells that are missing; silent about those that are there."""
    missing = [job for job in jobs if not job.result.exists()]
    messages.say(f"study {PART}", f"{what}: {len(jobs) - len(missing)} of {len(jobs)} cells are there")
    run_jobs(missing, params.base.workers, f"study {PART}", params.base.threads)


def trainings(params: Params, repetitions: Sequence[Repetition]) -> Trainings:
    """Return the cells that learn from these repetitions."""
    settings, seeds = params.studies.tables, params.studies.seeds
    by_seed = {seed: [one for one in repetitions if one.seed == seed] for seed in seeds}
    first = by_seed[seeds[0]]
    return Trainings(
        unet={(one.users, one.seed): _diffuser(params, f"unet-{one.name}", [one], settings.unet)
              for one in repetitions},
        bcq={(one.users, one.seed): _bcq(params, one) for one in repetitions},
        sets={seed: _diffuser(params, f"set-{seed}", by_seed[seed], settings.set_diffuser) for seed in seeds},
        again={(kind, one.users): _again(params, kind, one) for one in first for kind in LEARNERS})


def seeded(params: Params, seed: int) -> RunSettings:
    """Return what a cell is told of the run: the number of workers changes no result, so it must not void a cell."""
    return params.base.model_copy(update={"seed": seed, "workers": 1})


def _diffuser(params: Params, name: str, repetitions: Sequence[Repetition], settings: Any) -> Job:
    arguments = {"datasets": [one.dataset for one in repetitions],
                 "digests": [one.digests()["dataset"] for one in repetitions],
                 "settings": settings, "run": seeded(params, repetitions[0].seed)}
    return cell(PART, name, settings.steps, training.diffuser, arguments)


def _bcq(params: Params, one: Repetition) -> Job:
    settings = params.studies.tables.bcq
    arguments = {"dataset": one.dataset, "digest": one.digests()["dataset"], "settings": settings,
                 "run": seeded(params, one.seed)}
    return cell(PART, f"bcq-{one.name}", settings.gradient_steps, training.bcq, arguments)


def _again(params: Params, kind: Kind, one: Repetition) -> Job:
    settings = size_of(params, one.users).collect
    horizon = TrajectoryStore.open(one.dataset, deep=False).scenario.horizon
    digests = {name: digest for name, digest in one.digests().items() if name in ("dataset", kind)}
    arguments = {"dataset": one.dataset, "agents": one.agents, "digests": digests, "kind": kind,
                 "settings": settings, "seed": one.seed}
    return cell(PART, f"{kind}-again-{one.name}", planned_steps(kind, settings, horizon), training.agent_again,
                arguments)


def comparisons(params: Params, repetitions: Sequence[Repetition], learned: Trainings) -> Comparisons:
    """Return the cells that compare what has been trained."""
    return Comparisons(
        tables={(one.users, gains, one.seed): _table(params, one, gains, learned)
                for one in repetitions for gains in GAINS},
        transfer={(users, seed): _transfer(params, users, seed, repetitions, learned)
                  for seed in params.studies.seeds for users in params.studies.tables.transfer_users})


def _table(params: Params, one: Repetition, gains: str, learned: Trainings) -> Job:
    settings, place = params.studies.tables, (one.users, one.seed)
    models = {"unet": learned.unet[place], "sets": learned.sets[one.seed], "bcq": learned.bcq[place]}
    arguments = {"dataset": one.dataset, "agents": one.agents, "gains": gains, "count": settings.contexts,
                 "seed": one.seed, "candidates": settings.candidates, "sampling": settings.sampling,
                 **{name: job.result.parent / training.MODEL for name, job in models.items()},
                 "digests": {**one.digests(), **{name: result(job)["model_sha256"] for name, job in models.items()}}}
    return cell(PART, f"compare-{one.name}-{gains}", COMPARED, comparison.table_cell, arguments)


def _transfer(params: Params, users: int, seed: int, repetitions: Sequence[Repetition], learned: Trainings) -> Job:
    settings, model = params.studies.tables, learned.sets[seed]
    policies, digests = {}, {"sets": result(model)["model_sha256"]}
    for one in (one for one in repetitions if one.seed == seed):
        q_learned = learned.bcq[one.users, seed]
        sources: dict[str, tuple[Path, str]] = {
            "bcq": (q_learned.result.parent / training.MODEL, result(q_learned)["model_sha256"])}
        sources |= {kind: (one.agents / kind, one.digests()[kind]) for kind in LEARNERS}
        for kind, (stem, digest) in sources.items():
            policies[f"{kind}_trained_on_{one.users}"] = stem
            digests[f"{kind}-{one.users}"] = digest
    arguments = {"users": users, "count": settings.contexts, "seed": seed, "policies": policies, "digests": digests,
                 "sets": model.result.parent / training.MODEL, "candidates": settings.candidates,
                 "sampling": settings.sampling}
    return cell(PART, f"transfer-{users}-{seed}", COMPARED, comparison.transfer_cell, arguments)
