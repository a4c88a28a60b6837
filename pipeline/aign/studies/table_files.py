"""From finished cells to files: table1.json, transfer.json, convergence.json and its plot, tables.json."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from aign.agents.settings import LEARNERS, AgentSettings, BCQSettings
from aign.engines import messages
from aign.errors import DatasetError
from aign.files.writing import read_json, write_json
from aign.params import Params
from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario
from aign.stages.evaluate import methods
from aign.studies import convergence, table_one
from aign.studies.cells import PAGES, result, stale
from aign.studies.intervals import mean, over_seeds
from aign.studies.repetitions import Repetition
from aign.studies.table_jobs import Comparisons, Trainings

Found = Mapping[str, Any]


def write(params: Params, repetitions: Sequence[Repetition], learned: Trainings, cells: Comparisons) -> None:
    """Write every file of the tables; nothing in them is typed by hand."""
    settings = params.studies.tables
    users = [size.users for size in settings.sizes]
    compared = {(size, gains): [result(cells.tables[size, gains, seed]) for seed in params.studies.seeds]
                for size in users for gains in ("preset", "general")}
    table = table_one.rows(compared, costs(repetitions, learned, params.studies.seeds))
    drawn = curves(repetitions, learned)
    files = {"table1.json": table, "table1_details.json": table_one.details(compared),
             "transfer.json": transfer_rows(params, cells),
             "convergence.json": convergence.summary(drawn), "tables.json": about(params, learned, cells, compared)}
    for name, content in files.items():
        write_json(PAGES / name, content)
        messages.made("study tables", PAGES / name)
    convergence.draw(drawn, users, PAGES / "convergence.png")
    messages.made("study tables", PAGES / "convergence.png")
    for size in users:
        for gains in ("preset", "general"):
            best = table_one.winner(table_one.block(table, size, gains))
            messages.measured("study tables", users=size, gains=gains, best=best["method"],
                             pooled_return=best["normalised_return_pooled"]["mean"],
                             utility_ratio=best["utility_ratio"]["mean"])


def costs(repetitions: Sequence[Repetition], learned: Trainings,
          seeds: Sequence[int]) -> dict[tuple[str, int], dict[str, float | None]]:
    """Return what each method's training took, by what was trained and the number of users."""
    found: dict[tuple[str, int], dict[str, float | None]] = {}
    for users in sorted({one.users for one in repetitions}):
        trained: dict[str, list[Found]] = {
            "unet": [result(learned.unet[users, seed]) for seed in seeds],
            "bcq": [result(learned.bcq[users, seed]) for seed in seeds],
            "set": [result(learned.sets[seed]) for seed in seeds]}
        trained |= {kind: [result(learned.again[kind, users])] for kind in LEARNERS}
        for kind, results in trained.items():
            found[kind, users] = {"training_seconds": mean([one["training_seconds"] for one in results]),
                                  "environment_steps": round(mean([one["environment_steps"] for one in results]))}
        found["memory", users] = {**found["bcq", users], "training_seconds": 0.0}
    return found


def transfer_rows(params: Params, cells: Comparisons) -> list[dict[str, Any]]:
    """Return the rows of transfer.json: every method at numbers of users nobody trained on."""
    found = []
    for users in params.studies.tables.transfer_users:
        seeds = [result(cells.transfer[users, seed]) for seed in params.studies.seeds]
        for method in seeds[0]["methods"]:
            figures = [one["methods"][method] for one in seeds]
            found.append({
                "users": users, "method": method, "seeds": len(seeds),
                "utility": mean([one["utility"] for one in figures]),
                "utility_ratio": over_seeds([one["utility_ratio"]["mean"] for one in figures]),
                "normalised_return_pooled": over_seeds([one["normalised_return_pooled"]["mean"] for one in figures]),
                "worst_ratio": min(one["utility_ratio"]["worst"] for one in figures),
                "milliseconds_per_design": table_one.rounded(mean([one["milliseconds_per_design"]
                                                                   for one in figures]))})
    return found


def curves(repetitions: Sequence[Repetition], learned: Trainings) -> dict[str, dict[int, list[list[dict[str, Any]]]]]:
    """Return every learning curve: method -> number of users -> one curve a seed, with all three axes.

    An agent's seconds are those of its timed repetition, the first seed's: its steps are the same for all seeds.
    """
    found: dict[str, dict[int, list[list[dict[str, Any]]]]] = {name: {} for name in convergence.NAMES}
    for one in repetitions:
        stored = read_json(one.agents / "curves.json", DatasetError)
        for kind in LEARNERS:
            timed = result(learned.again[kind, one.users])["curve"]
            found[kind].setdefault(one.users, []).append(
                [{**point, "seconds": at["seconds"]} for point, at in zip(stored[kind], timed, strict=True)])
        for name, job in (("bcq", learned.bcq[one.users, one.seed]), ("unet", learned.unet[one.users, one.seed]),
                          ("set", learned.sets[one.seed])):
            trained = result(job)
            found[name].setdefault(one.users, []).append(
                [{**point, "environment_steps": trained["environment_steps"]} for point in trained["curve"]])
    return found


def about(params: Params, learned: Trainings, cells: Comparisons,
          compared: Mapping[tuple[int, str], Sequence[Found]]) -> dict[str, Any]:
    """Return how the tables were computed: seeds, budgets, sizes of models, machine, code versions, stale cells."""
    every = [*learned.jobs(), *cells.jobs()]
    settings, example = params.studies.tables, next(iter(compared.values()))[0]
    return {
        "seeds": list(params.studies.seeds), "contexts": example["contexts"], "candidates": settings.candidates,
        "certificate": example["certificate"], "statement": example["statement"],
        "trained_on": trained_on(params, create(**example["scenario"])),
        "gradient_steps": {"unet": settings.unet.steps, "set": settings.set_diffuser.steps,
                           "bcq": settings.bcq.gradient_steps},
        "parameters": {"unet": {str(users): result(job)["parameters"] for (users, _), job in learned.unet.items()},
                       "bcq": {str(users): result(job)["parameters"] for (users, _), job in learned.bcq.items()},
                       "set": result(next(iter(learned.sets.values())))["parameters"]},
        "bcq_steps_drawn": {str(users): result(job)["steps_drawn"] for (users, _), job in learned.bcq.items()},
        "same_policy_again": {f"{kind}-{users}": result(job)["same_policy"]
                              for (kind, users), job in learned.again.items()},
        "preparation_seconds": {job.name: result(job)["preparation_seconds"] for job in learned.jobs()},
        "code": sorted({str(result(job)["code"]) for job in every}),
        "stale": sorted(job.name for job in every if stale(job)),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "workers": params.base.workers,
                    "threads": params.base.threads, "device": params.base.device,
                    "python": platform.python_version(), "torch": torch.__version__},
    }


def trained_on(params: Params, scenario: Scenario[Any]) -> list[dict[str, Any]]:
    """Return what each learning agent was trained on, and at which numbers of users."""
    found: dict[tuple[str, str], list[int]] = {}
    for size in params.studies.tables.sizes:
        agents: dict[str, AgentSettings | BCQSettings] = {"bcq": params.studies.tables.bcq}
        agents |= {kind: size.collect.of(kind) for kind in LEARNERS}
        for name, text in methods.trained_on(scenario, agents).items():
            found.setdefault((name, text), []).append(size.users)
    return [{"agent": name, "users": users, "trained_on": text} for (name, text), users in found.items()]


def processor() -> str:
    """Return what the system calls its processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        named = ""
    return named or platform.processor() or platform.machine()
