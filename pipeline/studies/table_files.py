"""From runs to files: table1.json, its details, transfer.json, convergence.json and its plot, tables.json."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from aign.agents.settings import LEARNERS, AgentSettings, BCQSettings
from aign.engines import messages
from aign.errors import DatasetError
from aign.files.writing import read_json
from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario
from aign.stages.evaluate import methods
from studies import convergence, table_one, tables
from studies.comparison import over_seeds
from studies.params import StudyParams
from studies.runs import PAGES, Key, Run, publish, results
from studies.settings import TablesSettings

Runs = Mapping[Key, Mapping[str, Any]]


def write(run: Run) -> None:
    """Write every file of the tables; nothing in them is typed by hand."""
    comparisons, learned = results("compare"), trainings()
    seeds, users = (sorted({int(key[place]) for key in comparisons}) for place in (0, 1))
    compared = {(size, gains): [comparisons[str(seed), str(size), gains] for seed in seeds]
                for size in users for gains in tables.GAINS}
    rows = table_one.rows(compared, costs(learned, users))
    curves = {kind: {size: curves_of(run, learned, kind, size, seeds) for size in users} for kind in convergence.NAMES}
    publish("tables", "table1.json", rows)
    publish("tables", "table1_details.json", table_one.details(compared))
    publish("tables", "transfer.json", transfer_rows(results("transfer")))
    publish("tables", "convergence.json", convergence.summary(curves))
    publish("tables", "tables.json", about(run.params, learned, next(iter(compared.values()))[0], seeds))
    convergence.draw(curves, users, PAGES / "convergence.png")
    for size, gains in compared:
        best = table_one.competing(table_one.block(rows, size, gains))[0]
        messages.measured("study tables", users=size, gains=gains, best=best["method"],
                          pooled_return=best[table_one.RETURN]["mean"], utility_ratio=best["utility_ratio"]["mean"])


def trainings() -> dict[Key, dict[str, Any]]:
    """Return what all trainings found, by (seed, users, what was trained); users "" for the set network."""
    trained: dict[Key, dict[str, Any]] = results("train-tables")
    trained |= {(seed, "", task): values for (seed, task), values in results("train-set").items()}
    return trained | results("time-agents")


def of_kind(learned: Runs, kind: str, users: int) -> list[Mapping[str, Any]]:
    """Return what the trainings of a kind that serve a number of users found, by seed."""
    return [values for (_, size, task), values in learned.items() if task == kind and size in ("", str(users))]


def costs(learned: Runs, sizes: Sequence[int]) -> dict[tuple[str, int], dict[str, float | None]]:
    """Return what each method's training took, by what was trained and the number of users."""
    spent: dict[tuple[str, int], dict[str, float | None]] = {}
    for users in sizes:
        for kind in convergence.NAMES:
            trained = of_kind(learned, kind, users)
            spent[kind, users] = {"training_seconds": fmean(values["training_seconds"] for values in trained),
                                  "environment_steps": round(fmean(values["environment_steps"] for values in trained))}
        spent["training_designs", users] = {**spent["bcq", users], "training_seconds": 0.0}
    return spent


def transfer_rows(runs: Runs) -> list[dict[str, Any]]:
    """Return the rows of transfer.json: every method at numbers of users nobody trained on."""
    compared = {(users, ""): [values for key, values in runs.items() if key[1] == str(users)]
                for users in sorted({int(key[1]) for key in runs})}
    return [{"users": users, "method": method, **over_seeds(figures),
             "worst_ratio": min(values["utility_ratio"]["worst"] for values in figures),
             "milliseconds_per_design": table_one.milliseconds(figures)}
            for users, _, method, figures in table_one.by_method(compared)]


def curves_of(run: Run, learned: Runs, kind: str, users: int, seeds: Sequence[int]) -> list[list[dict[str, Any]]]:
    """Return a learner's curves at a number of users, one a seed, with all three axes.

    An agent's seconds are those of its timed repetition, the first seed's: its steps are the same for all seeds.
    """
    trained = of_kind(learned, kind, users)
    if kind not in LEARNERS:
        return [[{**point, "environment_steps": values["environment_steps"]} for point in values["curve"]]
                for values in trained]
    stored = [read_json(tables.agents(replace(run, seed=seed), users) / "curves.json", DatasetError)[kind]
              for seed in seeds]
    return [[{**point, "seconds": timed["seconds"]}
             for point, timed in zip(curve, trained[0]["curve"], strict=True)] for curve in stored]


def about(params: StudyParams, learned: Runs, example: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
    """Return how the tables were computed: seeds, budgets, sizes of models, machine; `example` is a comparison."""
    settings, base = params.studies.tables, params.base

    def by_users(kind: str, figure: str) -> dict[str, Any]:
        """Return a figure of the trainings of a kind by the number of users."""
        return {users: values[figure] for (_, users, task), values in learned.items() if task == kind}

    return {
        "seeds": list(seeds), "contexts": example["contexts"], "candidates": settings.candidates,
        "certificate": example["certificate"], "statement": example["statement"],
        "trained_on": trained_on(settings, create(**example["scenario"])),
        "gradient_steps": {"unet": settings.unet.steps, "set": settings.set_diffuser.steps,
                           "bcq": settings.bcq.gradient_steps},
        "parameters": {"unet": by_users("unet", "parameters"), "bcq": by_users("bcq", "parameters"),
                       "set": by_users("set", "parameters")[""]},
        "bcq_steps_drawn": by_users("bcq", "steps_drawn"),
        "same_policy_again": {f"{task}-{users}": values["same_policy"] for (_, users, task), values in learned.items()
                              if "same_policy" in values},
        "preparation_seconds": {"-".join(filter(None, (task, users, seed))): values["preparation_seconds"]
                                for (seed, users, task), values in learned.items()},
        "machine": {"processor": processor(), "cores": os.cpu_count(), "workers": base.workers,
                    "threads": base.threads, "device": base.device, "python": platform.python_version(),
                    "torch": torch.__version__},
    }


def trained_on(settings: TablesSettings, scenario: Scenario[Any]) -> list[dict[str, Any]]:
    """Return what each learning agent was trained on, and at which numbers of users."""
    alike: dict[tuple[str, str], list[int]] = {}
    for users, collect in settings.sizes.items():
        agents: dict[str, AgentSettings | BCQSettings] = {"bcq": settings.bcq}
        agents |= {kind: collect.of(kind) for kind in LEARNERS}
        for name, text in methods.trained_on(scenario, agents).items():
            alike.setdefault((name, text), []).append(users)
    return [{"agent": name, "users": users, "trained_on": text} for (name, text), users in alike.items()]


def processor() -> str:
    """Return what the system calls its processor."""
    described = Path("/proc/cpuinfo")
    named = re.search(r"^model name[^:]*:(.+)", described.read_text() if described.exists() else "", re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()
