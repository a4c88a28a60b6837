"""Drawing the study's requests: feasible ones whose every constraint costs something, and impossible ones.

Constraints are added one by one, in random order: each threshold lies between the label's value at the best design so
far (tightness 0) and the most extreme value that is still possible (tightness 1); see `Anchors`. A request counts as
feasible where a design is known that meets it, and as infeasible where it is proven that none does; others are drawn
again.

Axes: B contexts, C context values, N users.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.engines.jobs import Report
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.scenarios.power_allocation.requirements import requirements
from aign.trajectories.contexts import CONTEXTS, ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore
from studies.request_anchors import (
    CLOSED_FORM,
    Anchors,
    beyond,
    bound,
    closed_form_feasible,
    hardest_threshold,
)
from studies.request_sets import (
    HELD_OUT,
    HELD_OUT_PAIRS,
    INFEASIBLE,
    POWER,
    SIZES,
    WORST_USER,
    StudyRequest,
    statistics,
)

TIGHTNESS = (0.05, 0.5)
BEYOND = (0.01, 0.3)
"""How far beyond what is feasible an impossible threshold lies, as a share of it (dB: of the SINR itself)."""
ATTEMPTS, SEARCHES = 40, 12
"""Draws for one request, and searches for a design that meets one, before giving up a set of labels."""
LEAST_OPTIMUM = 0.9
"""Requests under which less than this share of the unconstrained utility is left are drawn again: at 20 users the rules
that ignore the gains keep about 0.92."""


def draw(scenario: Scenario[Any], contexts: Contexts, family: str, count: int, generator: torch.Generator,
         report: Callable[[int], None] = lambda done: None) -> tuple[list[StudyRequest], int]:
    """Draw `count` requests of a family; the unconstrained optimum breaks every constraint of each feasible one.

    Sets of labels take turns; one of which hardly any request is feasible drops out.

    Returns:
        the requests, fewer than asked for where every set of labels dropped out, and how many draws were made.
    """
    drawing, sets = _Drawing(scenario, contexts, family, generator), label_sets(scenario, family)
    requests: list[StudyRequest] = []
    while len(requests) < count and sets:
        report(len(requests))
        labels = sets[len(requests) % len(sets)]
        request = drawing.impossible(labels) if family == INFEASIBLE else drawing.feasible(labels)
        if request is None:
            sets.remove(labels)
        else:
            requests.append(request)
    return requests, drawing.draws


def draw_family(report: Report, folder: Path, dataset: Path, split: str, family: str, count: int,
                seed: int) -> dict[str, Any]:
    """Draw the requests of one family on a split's contexts, as a task."""
    stored = TrajectoryStore.open(dataset, deep=False)
    contexts = ContextPool.load(dataset / CONTEXTS, stored.scenario)[split]
    generator = derived_generator(seed, "requests", split, family)
    requests, draws = draw(stored.scenario, contexts, family, count, generator, report)
    return {"scenario": stored.scenario.spec(), "requests": [request.to_json() for request in requests],
            "statistics": statistics(requests, draws)}


def label_sets(scenario: Scenario[Any], family: str) -> list[tuple[str, ...]]:
    """Return the sets of labels that requests of a family bound, each set equally often; the infeasible ones bound the
    worst user, power limits, and perhaps one label more.
    """
    names = [label.name for label in scenario.labels]
    if family == HELD_OUT:
        return [*HELD_OUT_PAIRS]
    if family == INFEASIBLE:
        extras = [(), *((name,) for name in names if name not in CLOSED_FORM)]
        powers = [limits for size in range(len(POWER) + 1) for limits in combinations(POWER, size)]
        return [(worst, *limits, *extra) for limits in powers for extra in extras for worst in WORST_USER]
    apart = [set(WORST_USER), *map(set, HELD_OUT_PAIRS)]
    return [chosen for chosen in combinations(names, SIZES[family]) if not any(pair <= set(chosen) for pair in apart)]


class _Drawing:
    """Requests of one family, drawn on random contexts; `draws` counts all, also those that were no request."""

    def __init__(self, scenario: Scenario[Any], contexts: Contexts, family: str, generator: torch.Generator) -> None:
        self.scenario, self.contexts, self.family, self.generator = scenario, contexts, family, generator
        self.anchors = Anchors.of(scenario, contexts.values)
        self.draws = 0

    def feasible(self, labels: Sequence[str]) -> StudyRequest | None:
        """Return a request on these labels, None after too many failures."""
        searches = 0
        for _ in range(ATTEMPTS):
            row, context = self.context()
            constraints, tightness = self.tightened(labels, row, context)
            binding = not any(bool(bounded.holds(self.anchors.optimum[bounded.label][row])) for bounded in constraints)
            if not binding or len(constraints) < len(labels) or \
                    not closed_form_feasible(self.scenario, context, constraints):
                continue
            optimum, certified = best_answer(self.scenario, context, constraints)
            if optimum >= LEAST_OPTIMUM * float(self.anchors.utility[row]):
                return self.request(row, constraints, tightness, optimum, certified)
            searches += 1
            if searches == SEARCHES:
                break
        return None

    def tightened(self, labels: Sequence[str], row: int,
                  context: Tensor) -> tuple[tuple[Constraint, ...], list[float]]:
        """Return constraints on these labels, each leaving room beside those before it, and their tightness; fewer
        where the ones before leave none.
        """
        constraints: tuple[Constraint, ...] = ()
        tightness: list[float] = []
        values = {label: float(self.anchors.optimum[label][row]) for label in labels}
        for place in torch.randperm(len(labels), generator=self.generator).tolist():
            label = labels[place]
            end: float | None = float(self.anchors.extreme[label][row])
            if label in CLOSED_FORM and constraints:
                end = hardest_threshold(self.scenario, context, label, constraints)
            lower = self.scenario.label(label).better == "lower"
            if end is None or (end >= values[label] if lower else end <= values[label]):
                break
            tightness.append(self.uniform(TIGHTNESS))
            threshold = values[label] + tightness[-1] * (end - values[label])
            constraints = (*constraints, bound(self.scenario, label, threshold))
            if len(constraints) < len(labels):
                best = self.scenario.certify(context, constraints).design
                values = {name: float(value[0]) for name, value in self.scenario.measure(context, best).items()}
        return constraints, tightness

    def impossible(self, labels: Sequence[str]) -> StudyRequest:
        """Return a request that provably no design meets; its closed-form part would be feasible if one threshold, the
        first of the request, were laxer by 1 to 30 %.
        """
        closed = [label for label in labels if label in CLOSED_FORM]
        while True:
            row, context = self.context()
            first = closed[self.index(len(closed))]
            others = [label for label in labels if label != first]
            tightness = [self.uniform(TIGHTNESS) for _ in others]
            rest = tuple(bound(self.scenario, label, self.anchors.threshold(label, row, share))
                         for label, share in zip(others, tightness, strict=True))
            share = self.uniform(BEYOND)
            edge = hardest_threshold(self.scenario, context, first, rest)
            if edge is None:
                continue
            constraints = (bound(self.scenario, first, beyond(first, edge, share)), *rest)
            if not closed_form_feasible(self.scenario, context, constraints):
                return self.request(row, constraints, [share, *tightness], math.nan, False)

    def request(self, row: int, constraints: tuple[Constraint, ...], tightness: Sequence[float], optimum: float,
                certified: bool) -> StudyRequest:
        """Return a request on the context in this row."""
        return StudyRequest(self.family, int(self.contexts.ids[row]), self.contexts.values[row], constraints,
                            tuple(tightness), float(self.anchors.utility[row]), optimum, certified)

    def context(self) -> tuple[int, Tensor]:
        """Draw a context, (1, C), with its row; counts as a draw."""
        self.draws += 1
        row = self.index(len(self.contexts))
        return row, self.contexts.values[row:row + 1]

    def uniform(self, bounds: tuple[float, float]) -> float:
        """Draw a number between bounds."""
        share = float(torch.rand(1, generator=self.generator, dtype=torch.float64))
        return bounds[0] + (bounds[1] - bounds[0]) * share

    def index(self, count: int) -> int:
        """Draw a number below `count`."""
        return int(torch.randint(count, (1,), generator=self.generator))


def best_answer(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint]) -> tuple[float, bool]:
    """Return the best utility under constraints in a context (1, C) and whether that is certified; NaN where no design
    is known that meets them.
    """
    certificate = scenario.certify(context, constraints)
    # The certificate takes every constraint into account where all have a closed form, or users are few.
    exact = scenario.state_size == 2 or not requirements(constraints, scenario.state_size).rest
    if certificate.kind.is_bound and exact:
        return float(certificate.utility[0]), True
    for find in (lambda: certificate.design, lambda: scenario.feasible(context, constraints).witness):
        design = find()
        if bool(satisfied(constraints, scenario.measure(context, design), 1)):
            return float(scenario.utility(context, design)), False
    return math.nan, False
