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
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.requirements import feasible, requirements
from aign.trajectories.contexts import Contexts
from studies.request_anchors import HALVINGS, Anchors
from studies.request_sets import HELD_OUT, HELD_OUT_PAIRS, INFEASIBLE, POWER, SIZES, WORST_USER, StudyRequest

TIGHTNESS = (0.05, 0.5)
BEYOND = (0.01, 0.3)
"""How far beyond what is feasible an impossible threshold lies, as a share of it (dB: of the SINR itself)."""
ATTEMPTS, SEARCHES = 40, 12
"""Draws for one request, and searches for a design that meets one, before giving up a set of labels."""
LEAST_OPTIMUM = 0.9
"""Requests under which less than this share of the unconstrained utility is left are drawn again: at 20 users the rules
that ignore the gains keep about 0.92."""


def label_sets(scenario: Scenario[Any], family: str) -> list[tuple[str, ...]]:
    """Return the sets of labels that requests of a family bound, each set equally often."""
    if family == HELD_OUT:
        return [*HELD_OUT_PAIRS]
    names = [label.name for label in scenario.labels]
    apart = [set(WORST_USER), *map(set, HELD_OUT_PAIRS)]
    return [chosen for chosen in combinations(names, SIZES[family]) if not any(pair <= set(chosen) for pair in apart)]


def bound(scenario: Scenario[Any], label: str, threshold: float) -> Constraint:
    """Return the constraint on the side that costs something, its threshold rounded to what an operator would type."""
    lower = scenario.label(label).better == "lower"
    whole = label in scenario.integer_labels
    return Constraint(label, "<=" if lower else ">=", float(math.floor(threshold)) if whole else
                      float(f"{threshold:.4g}"))


def draw(scenario: Scenario[Any], contexts: Contexts, family: str, count: int, generator: torch.Generator,
         report: Callable[[int], None] = lambda done: None) -> tuple[list[StudyRequest], int]:
    """Draw `count` feasible requests of a family; the unconstrained optimum breaks every constraint of each.

    Sets of labels take turns; one of which hardly any request is feasible drops out.

    Returns:
        the requests, fewer than asked for where every set of labels dropped out, and how many draws were made.
    """
    anchors, sets = Anchors.of(scenario, contexts.values), label_sets(scenario, family)
    requests: list[StudyRequest] = []
    draws = turn = 0
    while len(requests) < count and sets:
        report(len(requests))
        labels = sets[turn % len(sets)]
        request, taken = _drawn(scenario, contexts, family, labels, anchors, generator)
        draws += taken
        if request is None:
            sets.remove(labels)
        else:
            requests.append(request)
            turn += 1
    return requests, draws


def _drawn(scenario: Scenario[Any], contexts: Contexts, family: str, labels: Sequence[str], anchors: Anchors,
           generator: torch.Generator) -> tuple[StudyRequest | None, int]:
    """Return a request on these labels, None after too many failures, and how many draws were made."""
    searches = 0
    for draws in range(1, ATTEMPTS + 1):
        row = _index(len(contexts), generator)
        context = contexts.values[row:row + 1]
        constraints, tightness = _tightened(scenario, context, labels, row, anchors, generator)
        binding = not any(bool(bounded.holds(anchors.optimum[bounded.label][row])) for bounded in constraints)
        if not binding or len(constraints) < len(labels) or not closed_form_feasible(scenario, context, constraints):
            continue
        optimum, certified = best_answer(scenario, context, constraints)
        if optimum >= LEAST_OPTIMUM * float(anchors.utility[row]):
            return StudyRequest(family, int(contexts.ids[row]), context[0], constraints, tuple(tightness),
                         float(anchors.utility[row]), optimum, certified), draws
        searches += 1
        if searches == SEARCHES:
            break
    return None, draws


def _tightened(scenario: Scenario[Any], context: Tensor, labels: Sequence[str], row: int, anchors: Anchors,
               generator: torch.Generator) -> tuple[tuple[Constraint, ...], list[float]]:
    """Return constraints on these labels, each leaving room beside those before it, and their tightness; fewer where
    the ones before leave none.
    """
    constraints: tuple[Constraint, ...] = ()
    tightness: list[float] = []
    values = {label: float(anchors.optimum[label][row]) for label in labels}
    for place in torch.randperm(len(labels), generator=generator).tolist():
        label = labels[place]
        end = _edge(scenario, context, label, constraints) if label in (*POWER, *WORST_USER) and constraints else \
            float(anchors.extreme[label][row])
        lower = scenario.label(label).better == "lower"
        if end is None or (end >= values[label] if lower else end <= values[label]):
            break
        tightness.append(_uniform(TIGHTNESS, generator))
        threshold = values[label] + tightness[-1] * (end - values[label])
        constraints = (*constraints, bound(scenario, label, threshold))
        if len(constraints) < len(labels):
            best = scenario.certify(context, constraints).design
            values = {name: float(value[0]) for name, value in scenario.measure(context, best).items()}
    return constraints, tightness


def best_answer(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint]) -> tuple[float, bool]:
    """Return the best utility under constraints in a context (1, C) and whether that is certified; NaN where no design
    is known that meets them.
    """
    certificate = scenario.certify(context, constraints)
    if certificate.kind.is_bound and exact(scenario, constraints):
        return float(certificate.utility[0]), True
    known = best_known(scenario, context, constraints, certificate.design)
    if math.isnan(known):
        known = best_known(scenario, context, constraints, scenario.feasible(context, constraints).witness)
    return known, False


def exact(scenario: Scenario[Any], constraints: Sequence[Constraint]) -> bool:
    """Return whether the certificate takes every constraint into account: all have a closed form, or few users."""
    return scenario.state_size == 2 or not requirements(constraints, scenario.state_size).rest


def closed_form_feasible(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint]) -> bool:
    """Return whether a design in a context (1, C) meets those of the constraints that have a closed form; exact."""
    users = scenario.state_size
    return bool(feasible(context, requirements(constraints, users), users)[0][0])


def best_known(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint], design: Tensor) -> float:
    """Return the utility of a design (1, N) that meets the constraints; NaN where it does not."""
    if bool(satisfied(constraints, scenario.measure(context, design), 1)):
        return float(scenario.utility(context, design))
    return math.nan


# --- what no design can meet ----------------------------------------------------------------------------------------

def infeasible_sets(scenario: Scenario[Any]) -> list[tuple[str, ...]]:
    """Return sets of labels whose requests can be impossible: the worst user, power limits, perhaps one label more."""
    extras = [(), *((label.name,) for label in scenario.labels if label.name not in (*WORST_USER, *POWER))]
    powers = [limits for size in range(len(POWER) + 1) for limits in combinations(POWER, size)]
    return [(worst, *limits, *extra) for limits in powers for extra in extras for worst in WORST_USER]


def draw_infeasible(scenario: Scenario[Any], contexts: Contexts, count: int, generator: torch.Generator,
                    report: Callable[[int], None] = lambda done: None) -> tuple[list[StudyRequest], int]:
    """Draw `count` requests that provably no design meets; each would be feasible in its closed-form part if one
    threshold, the first of the request, were laxer by 1 to 30 %.

    Returns:
        the requests, and how many draws they took.
    """
    anchors, sets = Anchors.of(scenario, contexts.values), infeasible_sets(scenario)
    requests: list[StudyRequest] = []
    draws = 0
    while len(requests) < count:
        report(len(requests))
        draws += 1
        row, labels = _index(len(contexts), generator), sets[len(requests) % len(sets)]
        context = contexts.values[row:row + 1]
        closed = [label for label in labels if label in (*WORST_USER, *POWER)]
        first = closed[_index(len(closed), generator)]
        others = [label for label in labels if label != first]
        tightness = [_uniform(TIGHTNESS, generator) for _ in others]
        rest = tuple(bound(scenario, label, anchors.threshold(label, row, share))
                     for label, share in zip(others, tightness, strict=True))
        share = _uniform(BEYOND, generator)
        edge = _edge(scenario, context, first, rest)
        if edge is None:
            continue
        constraints = (bound(scenario, first, beyond(first, edge, share)), *rest)
        if not closed_form_feasible(scenario, context, constraints):
            requests.append(StudyRequest(INFEASIBLE, int(contexts.ids[row]), context[0], constraints,
                                         (share, *tightness), float(anchors.utility[row]), math.nan, False))
    return requests, draws


def beyond(label: str, edge: float, share: float) -> float:
    """Return a threshold harder than the hardest feasible one by a share of it."""
    if label == "min_sinr_db":
        return edge + 10 * math.log10(1 + share)
    return edge * (1 - share) if label in POWER else edge * (1 + share)


def _edge(scenario: Scenario[Any], context: Tensor, label: str, rest: Sequence[Constraint]) -> float | None:
    """Return the hardest threshold of a label that is feasible beside the closed-form part of the rest, by bisection;
    None where the laxest threshold is too hard already, or the hardest thinkable is feasible.
    """
    lax, hard = {"total_power": (float(P_MAX * scenario.state_size), 0.0), "max_power": (float(P_MAX), 0.0),
                 "min_rate": (0.0, 1e4), "min_sinr_db": (-99.0, 60.0)}[label]

    def possible(threshold: float) -> bool:
        tried = Constraint(label, "<=" if label in POWER else ">=", threshold)
        return closed_form_feasible(scenario, context, (tried, *rest))

    if not possible(lax) or possible(hard):
        return None
    for _ in range(HALVINGS):
        middle = (lax + hard) / 2
        lax, hard = (middle, hard) if possible(middle) else (lax, middle)
    return lax


def _uniform(bounds: tuple[float, float], generator: torch.Generator) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * float(torch.rand(1, generator=generator, dtype=torch.float64))


def _index(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))
