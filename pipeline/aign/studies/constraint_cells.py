"""Cells of the study of constraints: requests drawn, ways of sampling compared, methods' answers judged.

Axes: K designs of an answer, N users, E designs in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from aign.agents.settings import Kind
from aign.designs.answer import Answer, answer
from aign.designs.baselines import no_learning
from aign.designs.diversity import spread
from aign.designs.requests import ResolvedRequest
from aign.designs.settings import SamplingSettings
from aign.diffusion import store
from aign.engines.jobs import Report
from aign.errors import DatasetError
from aign.files.writing import read_json
from aign.scenarios.core import registry
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.studies import cells, request_sets
from aign.studies.constrained_agents import retrain
from aign.studies.constraint_scores import Row, by_family, judged, mean_over, projected
from aign.studies.raw_samples import raw_designs
from aign.studies.request_sets import FAMILIES, INFEASIBLE, SIZES, Asked
from aign.studies.settings import RetrainingSettings
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

BATCH = 64
"""Contexts that the solver answers in one call where its time in batches is measured."""
EXAMPLE, SHOWN = "triple", 6
"""Family whose request with the most good answers is the worked example, and how many of its designs are shown."""


def drawn(report: Report, folder: Path, dataset: Path, digest: str, split: str, family: str, count: int,
          seed: int) -> None:
    """Draw the requests of one family on a split's contexts."""
    cells.begin(folder)
    stored = TrajectoryStore.open(dataset, deep=False)
    contexts = ContextPool.load(dataset / "contexts.safetensors", stored.scenario)[split]
    generator = derived_generator(seed, "requests", split, family)
    if family == INFEASIBLE:
        requests, draws = request_sets.draw_infeasible(stored.scenario, contexts, count, generator, report)
    else:
        requests, draws = request_sets.draw(stored.scenario, contexts, family, count, generator, report)
    cells.finish(folder, scenario=stored.scenario.spec(), requests=[one.to_json() for one in requests],
                 statistics=request_sets.statistics(requests, draws))


def requests_in(results: Iterable[Path], limit: int | None = None) -> tuple[Scenario[Any], list[Asked]]:
    """Return the scenario and the requests of finished `drawn` cells; at most `limit` of each cell."""
    found: list[Asked] = []
    for path in results:
        values = read_json(path, DatasetError)
        scenario = registry.create(**values["scenario"])
        found += [Asked.from_json(one, scenario) for one in values["requests"][:limit]]
    return scenario, found


# --- which way of sampling -------------------------------------------------------------------------------------------

def compared(report: Report, folder: Path, model: Path, requests: Sequence[Path], digests: Sequence[str],
             candidates: int, options: Sequence[SamplingSettings], seed: int) -> None:
    """Judge ways of sampling from one model on validation requests, before and after projection."""
    cells.begin(folder)
    pipeline = store.load(model)
    scenario, asked = requests_in(requests)
    rows = []
    for done, option in enumerate(options):
        report(done)
        raw = raw_designs(pipeline, asked, candidates, option, seed)
        families = by_family([projected(scenario, one, designs) for one, designs in zip(asked, raw, strict=True)])
        rows.append({"guidance": option.guidance, "composed": option.compositional_guidance,
                     "ladder": list(option.constrained_target_returns), "margins": list(option.margins),
                     **mean(families), "families": families})
    cells.finish(folder, choices=rows)


def mean(families: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the mean over single, pair and triple of the figures that decide; held-out pairs decide nothing."""
    return {figure: mean_over(families, SIZES, figure) for figure in
            ("satisfied_raw", "satisfied_raw_single", "raw_violation", "utility_ratio_mean")}


# --- answers ---------------------------------------------------------------------------------------------------------

def answered(report: Report, folder: Path, model: Path, dataset: Path, requests: Sequence[Path],
             digests: Sequence[str], candidates: int, sampling: SamplingSettings, seed: int) -> None:
    """Answer every request the way a user is answered: generate, certify, rank; feasible and infeasible ones."""
    cells.begin(folder)
    pipeline = store.load(model)
    scenario, asked = requests_in(requests)
    memory = final_designs(dataset)
    rows: list[Row] = []
    example, most = dict[str, Any](), 0
    for number, one in enumerate(asked):
        report(number)
        began = time.perf_counter()
        request = ResolvedRequest(one.context, one.family, one.constraints, candidates)
        found = answer(pipeline, request, sampling, seed + number)
        seconds = time.perf_counter() - began
        row: Row = {"family": one.family, "called_infeasible": not found.feasible, "milliseconds": 1000 * seconds}
        if one.family != INFEASIBLE:
            row |= judged(scenario, one, found.candidates.designs[0], found.candidates.raw_feasible[0], memory)
        if one.family == EXAMPLE and row["good"] > most:
            example, most = shown(scenario, one, found), row["good"]
        rows.append(row)
    cells.finish(folder, rows=rows, milliseconds=median(row["milliseconds"] for row in rows), example=example)


def shown(scenario: Scenario[Any], asked: Asked, found: Answer) -> dict[str, Any]:
    """Return a few of an answer's good designs that differ most, for a picture."""
    own = found.candidates
    places = spread(own.designs[0], own.utility[0], own.feasible[0], SHOWN)
    designs = own.designs[0][places]
    values = scenario.measure(asked.context.expand(len(places), -1), designs)
    return {"where": [str(one) for one in asked.constraints], "context": asked.context.tolist(),
            "optimum": asked.optimum, "certified": asked.certified,
            "designs": [{"design": design.tolist(), "utility": float(own.utility[0, place]),
                         "feasible": bool(own.feasible[0, place]),
                         "labels": {name: float(value[row]) for name, value in values.items()}}
                        for row, (place, design) in enumerate(zip(places, designs, strict=True))]}


def final_designs(dataset: Path) -> Tensor:
    """Return the different final designs (E, N) of the training trajectories."""
    stored = TrajectoryStore.open(dataset, deep=False)
    states = stored.gather("observations", stored.rows("train"))[:, -1, :stored.scenario.state_size]
    designs: Tensor = torch.unique(stored.scenario.design_of(states), dim=0)
    return designs


def controlled(report: Report, folder: Path, method: str, model: Path | None, dataset: Path, requests: Sequence[Path],
               digests: Sequence[str], limit: int | None, candidates: int, sampling: SamplingSettings,
               seed: int) -> None:
    """Judge a control's designs, which get the same projection as the generator's.

    Args:
        report: progress.
        folder: the cell's.
        method: "model" (constraints shown), "masked" (not shown), "no_learning" or "random_training_designs".
        model: of the first two.
        dataset: whose final designs the last draws from.
        requests: finished `drawn` cells.
        digests: of everything that lies behind the paths.
        limit: requests of each, at most.
        candidates: K.
        sampling: how the models sample.
        seed: of everything random.
    """
    cells.begin(folder)
    scenario, asked = requests_in(requests, limit)
    if model is not None:
        raw = raw_designs(store.load(model), asked, candidates, sampling, seed, show=method != "masked")
    elif method == "no_learning":
        raw = no_learning(scenario, torch.stack([one.context for one in asked]), candidates)
    else:
        memory = final_designs(dataset)
        chosen = torch.randint(len(memory), (len(asked), candidates),
                               generator=derived_generator(seed, "random training designs"))
        raw = memory[chosen]
    rows = []
    for number, (one, designs) in enumerate(zip(asked, raw, strict=True)):
        report(number)
        rows.append(projected(scenario, one, designs))
    cells.finish(folder, rows=rows)


def solved(report: Report, folder: Path, requests: Sequence[Path], digests: Sequence[str]) -> None:
    """Judge the convex solver's rounded designs, and time it: request by request, and many contexts in one call."""
    cells.begin(folder)
    scenario, asked = requests_in(requests)
    rows = []
    for number, one in enumerate(asked):
        report(number)
        began = time.perf_counter()
        certificate = scenario.certify(one.context[None], one.constraints)
        seconds = time.perf_counter() - began
        row = judged(scenario, one, certificate.design, certificate.feasible)
        rows.append({**row, "milliseconds": 1000 * seconds})
    cells.finish(folder, rows=rows, batched_milliseconds=batched(scenario, asked))


def batched(scenario: Scenario[Any], asked: Sequence[Asked]) -> dict[str, float]:
    """Return milliseconds a context, by family, of the first request's constraints on BATCH contexts in one call."""
    found = {}
    for family in FAMILIES:
        own = [one for one in asked if one.family == family]
        if own:
            contexts = torch.stack([one.context for one in own] * BATCH)[:BATCH]
            began = time.perf_counter()
            scenario.certify(contexts, own[0].constraints)
            found[family] = 1000 * (time.perf_counter() - began) / BATCH
    return found


def retrained(report: Report, folder: Path, kind: Kind, requests: Path, digests: Sequence[str], place: int,
              settings: RetrainingSettings, seed: int) -> None:
    """Train an agent for one request, the one at a place of a `drawn` cell, and judge its final design."""
    cells.begin(folder)
    scenario, asked = requests_in([requests])
    found = retrain(kind, scenario.parameters, asked[place], settings, seed)
    row = projected(scenario, asked[place], found.design[None])
    cells.finish(folder, rows=[{**row, "training_seconds": found.seconds,
                                "environment_steps": found.environment_steps}])
