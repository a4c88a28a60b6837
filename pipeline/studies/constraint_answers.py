"""Tasks of the study of constraints: ways of sampling compared, methods' answers judged.

Axes: R requests, K designs of an answer, N users, E training designs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from aign.agents.settings import Kind
from aign.designs.answer import Answer
from aign.designs.answer import answer as answer_request
from aign.designs.baselines import no_learning, recorded
from aign.designs.diversity import spread
from aign.designs.requests import ResolvedRequest
from aign.designs.settings import SamplingSettings
from aign.diffusion import store
from aign.engines.jobs import Report
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.trajectories.reader import TrajectoryStore
from studies.constrained_agents import retrain
from studies.constraint_scores import Row, average, by_family, judged, projected
from studies.raw_samples import raw_designs
from studies.request_sets import FAMILIES, INFEASIBLE, SIZES, StudyRequest, drawn
from studies.settings import RetrainingSettings

BATCH = 64
"""Contexts that the solver answers in one call where its time in batches is measured."""
EXAMPLE, EXAMPLE_DESIGNS = "triple", 6
"""Family whose request with the most good answers is the worked example, and how many of its designs are shown."""
COMPARED = ("satisfied_raw", "satisfied_raw_single", "raw_violation", "utility_ratio_mean")
"""Figures by which ways of sampling are compared."""


def compare(report: Report, folder: Path, model: Path, requests: Path, candidates: int,
            options: Sequence[SamplingSettings], seed: int) -> dict[str, Any]:
    """Judge ways of sampling from one model on validation requests, before and after projection.

    Means are over single, pair and triple; pairs held out of training decide nothing.
    """
    pipeline = store.load(model)
    scenario, wanted = drawn(requests, "validation", [*SIZES])
    rows = []
    for done, option in enumerate(options):
        report(done)
        raw = raw_designs(pipeline, wanted, candidates, option, seed)
        families = by_family([projected(scenario, request, designs)
                              for request, designs in zip(wanted, raw, strict=True)])
        rows.append({"guidance": option.guidance, "composed": option.compositional_guidance,
                     "target_returns": list(option.constrained_target_returns), "margins": list(option.margins),
                     **{figure: average(families[name][figure] for name in SIZES if name in families)
                        for figure in COMPARED}, "families": families})
    return {"choices": rows}


def answer(report: Report, folder: Path, model: Path, dataset: Path, requests: Path, candidates: int,
           sampling: SamplingSettings, seed: int) -> dict[str, Any]:
    """Answer every request the way a user is answered: generate, certify, rank; feasible and infeasible ones."""
    pipeline, designs = store.load(model), training_designs(dataset)
    scenario, wanted = drawn(requests, "test", [*FAMILIES, INFEASIBLE])
    rows: list[Row] = []
    example, most = dict[str, Any](), 0
    for number, request in enumerate(wanted):
        report(number)
        began = time.perf_counter()
        made = answer_request(pipeline, ResolvedRequest(request.context, request.family, request.constraints,
                                                       candidates),
                              sampling, seed + number)
        seconds = time.perf_counter() - began
        row: Row = {"family": request.family, "called_infeasible": not made.feasible, "milliseconds": 1000 * seconds}
        if request.family != INFEASIBLE:
            row |= judged(scenario, request, made.candidates.designs[0], made.candidates.raw_feasible[0], designs)
        if request.family == EXAMPLE and row["good"] > most:
            example, most = worked_example(scenario, request, made), row["good"]
        rows.append(row)
    return {"rows": rows, "milliseconds": median(row["milliseconds"] for row in rows), "example": example}


def worked_example(scenario: Scenario[Any], request: StudyRequest, made: Answer) -> dict[str, Any]:
    """Return a few of an answer's good designs that differ most, for a picture."""
    candidates = made.candidates
    places = spread(candidates.designs[0], candidates.utility[0], candidates.feasible[0], EXAMPLE_DESIGNS)
    designs = candidates.designs[0][places]
    values = scenario.measure(request.context.expand(len(places), -1), designs)
    return {"where": list(map(str, request.constraints)), "context": request.context.tolist(),
            "optimum": request.optimum, "certified": request.certified,
            "designs": [{"design": design.tolist(), "utility": float(candidates.utility[0, place]),
                         "feasible": bool(candidates.feasible[0, place]),
                         "labels": {name: float(value[row]) for name, value in values.items()}}
                        for row, (place, design) in enumerate(zip(places, designs, strict=True))]}


def training_designs(dataset: Path) -> Tensor:
    """Return the different final designs (E, N) of the training trajectories."""
    stored = TrajectoryStore.open(dataset, deep=False)
    designs: Tensor = torch.unique(recorded(stored, stored.rows("train")), dim=0)
    return designs


def control(report: Report, folder: Path, method: str, model: Path | None, dataset: Path, requests: Path, limit: int,
            candidates: int, sampling: SamplingSettings, seed: int) -> dict[str, Any]:
    """Judge a control's designs, which get the same projection as the generator's, for `limit` requests of a family.

    `method` is "model" (given the constraints) or "masked" (not given), both with a model's folder, "no_learning", or
    "random_training_designs" of the dataset.
    """
    scenario, wanted = drawn(requests, "test", FAMILIES, limit)
    if model is not None:
        raw = raw_designs(store.load(model), wanted, candidates, sampling, seed, conditioned=method != "masked")
    elif method == "no_learning":
        raw = no_learning(scenario, torch.stack([request.context for request in wanted]), candidates)
    else:
        designs = training_designs(dataset)
        raw = designs[torch.randint(len(designs), (len(wanted), candidates),
                                    generator=derived_generator(seed, "random training designs"))]
    rows = []
    for number, (request, made) in enumerate(zip(wanted, raw, strict=True)):
        report(number)
        rows.append(projected(scenario, request, made))
    return {"rows": rows}


def solve(report: Report, folder: Path, requests: Path) -> dict[str, Any]:
    """Judge the convex solver's rounded designs, and time it: request by request, and many contexts in one call."""
    scenario, wanted = drawn(requests, "test", FAMILIES)
    rows = []
    for number, request in enumerate(wanted):
        report(number)
        began = time.perf_counter()
        certificate = scenario.certify(request.context[None], request.constraints)
        seconds = time.perf_counter() - began
        row = judged(scenario, request, certificate.design, certificate.feasible)
        rows.append({**row, "milliseconds": 1000 * seconds})
    return {"rows": rows, "batched_milliseconds": batched(scenario, wanted)}


def batched(scenario: Scenario[Any], requests: Sequence[StudyRequest]) -> dict[str, float]:
    """Return milliseconds a context, by family, of the first request's constraints on BATCH contexts in one call."""
    milliseconds = {}
    for family in FAMILIES:
        alike = [request for request in requests if request.family == family]
        if alike:
            contexts = torch.stack([request.context for request in alike] * BATCH)[:BATCH]
            began = time.perf_counter()
            scenario.certify(contexts, alike[0].constraints)
            milliseconds[family] = 1000 * (time.perf_counter() - began) / BATCH
    return milliseconds


def retrain_agent(report: Report, folder: Path, kind: Kind, requests: Path, family: str, number: int,
                  settings: RetrainingSettings, seed: int) -> dict[str, Any]:
    """Train an agent for one request, given by family and place in it, and judge its final design."""
    scenario, wanted = drawn(requests, "test", [family])
    design, cost = retrain(kind, scenario.parameters, wanted[number], settings, seed)
    return {"rows": [{**projected(scenario, wanted[number], design[None]), **cost}]}
