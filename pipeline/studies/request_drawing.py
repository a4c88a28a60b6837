"""Drawing the study's requests: feasible ones whose every constraint costs something, and impossible ones.

Constraints are added one by one, in random order: each threshold lies between the label's value at the best design so
far (tightness 0) and the most extreme value that is still possible (tightness 1); see `Anchors`. A request counts as
feasible where a design is known that meets it, and as infeasible where it is proven that none does; others are drawn
again.

Axes: B contexts, C context values, N users.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.requirements import feasible, least_powers, requirements
from aign.trajectories.contexts import Contexts
from studies.request_sets import HELD_OUT, HELD_OUT_PAIRS, INFEASIBLE, POWER, SIZES, WORST_USER, StudyRequest

TIGHTNESS = (0.05, 0.5)
BEYOND = (0.01, 0.3)
"""How far beyond what is feasible an impossible threshold lies, as a share of it (dB: of the SINR itself)."""
ATTEMPTS, SEARCHES = 40, 12
"""Draws for one request, and searches for a design that meets one, before giving up a set of labels."""
LEAST_OPTIMUM = 0.9
"""Requests under which less than this share of the unconstrained utility is left are drawn again: at 20 users the rules
that ignore the gains keep about 0.92."""
HALVINGS = 24
"""Steps of a bisection."""
CLOSED_FORM = (*POWER, *WORST_USER)
"""Labels whose feasibility has a closed form."""


def draw(scenario: Scenario[Any], contexts: Contexts, family: str, count: int, generator: torch.Generator,
         report: Callable[[int], None] = lambda done: None) -> tuple[list[StudyRequest], int]:
    """Draw `count` requests of a family; the unconstrained optimum breaks every constraint of each feasible one.

    Sets of labels take turns; one of which hardly any request is feasible drops out.

    Returns:
        the requests, fewer than asked for where every set of labels dropped out, and how many draws were made.
    """
    anchors, sets = Anchors.of(scenario, contexts.values), label_sets(scenario, family)
    requests: list[StudyRequest] = []
    draws = 0
    while len(requests) < count and sets:
        report(len(requests))
        labels = sets[len(requests) % len(sets)]
        attempt = _impossible if family == INFEASIBLE else _feasible
        request, taken = attempt(scenario, contexts, family, labels, anchors, generator)
        draws += taken
        if request is None:
            sets.remove(labels)
        else:
            requests.append(request)
    return requests, draws


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


def _feasible(scenario: Scenario[Any], contexts: Contexts, family: str, labels: Sequence[str], anchors: Anchors,
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
        end = _edge(scenario, context, label, constraints) if label in CLOSED_FORM and constraints else \
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


def bound(scenario: Scenario[Any], label: str, threshold: float) -> Constraint:
    """Return the constraint on the side that costs something, its threshold rounded to what an operator would type."""
    rounded = float(math.floor(threshold)) if label in scenario.integer_labels else float(f"{threshold:.4g}")
    return Constraint(label, "<=" if scenario.label(label).better == "lower" else ">=", rounded)


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


def closed_form_feasible(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint]) -> bool:
    """Return whether a design in a context (1, C) meets those of the constraints that have a closed form; exact."""
    users = scenario.state_size
    return bool(feasible(context, requirements(constraints, users), users)[0][0])


# --- what no design can meet -----------------------------------------------------------------------------------------

def _impossible(scenario: Scenario[Any], contexts: Contexts, family: str, labels: Sequence[str], anchors: Anchors,
                generator: torch.Generator) -> tuple[StudyRequest, int]:
    """Return a request that provably no design meets, and how many draws were made; its closed-form part would be
    feasible if one threshold, the first of the request, were laxer by 1 to 30 %.
    """
    closed = [label for label in labels if label in CLOSED_FORM]
    draws = 0
    while True:
        draws += 1
        row = _index(len(contexts), generator)
        context = contexts.values[row:row + 1]
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
            return StudyRequest(family, int(contexts.ids[row]), context[0], constraints, (share, *tightness),
                                float(anchors.utility[row]), math.nan, False), draws


def beyond(label: str, edge: float, share: float) -> float:
    """Return a threshold harder than the hardest feasible one by a share of it."""
    if label == "min_sinr_db":
        return edge + 10 * math.log10(1 + share)
    return edge * (1 - share) if label in POWER else edge * (1 + share)


def _edge(scenario: Scenario[Any], context: Tensor, label: str, rest: Sequence[Constraint]) -> float | None:
    """Return the hardest threshold of a label that is feasible beside the closed-form part of the rest; None where the
    laxest threshold is too hard already, or the hardest thinkable is feasible.
    """
    lax, hard = {"total_power": (float(P_MAX * scenario.state_size), 0.0), "max_power": (float(P_MAX), 0.0),
                 "min_rate": (0.0, 1e4), "min_sinr_db": (-99.0, 60.0)}[label]

    def possible(threshold: float) -> bool:
        tried = Constraint(label, "<=" if label in POWER else ">=", threshold)
        return closed_form_feasible(scenario, context, (tried, *rest))

    return _hardest(lax, hard, possible) if possible(lax) and not possible(hard) else None


def _hardest(lax: float, hard: float, possible: Callable[[float], bool]) -> float:
    """Return the hardest possible threshold between a possible and an impossible one, by bisection."""
    for _ in range(HALVINGS):
        middle = (lax + hard) / 2
        lax, hard = (middle, hard) if possible(middle) else (lax, middle)
    return lax


# --- label values between which thresholds are drawn -----------------------------------------------------------------

@dataclass(frozen=True)
class Anchors:
    """Label values of each context between which thresholds are drawn.

    Attributes:
        optimum: label -> (B,), at the certified unconstrained design.
        extreme: label -> (B,). Powers: everybody at level 1. Worst user: the greatest value any design reaches. Jain's
            index: 1. Energy efficiency: the best that a coordinate search finds with nobody silent.
        utility: (B,) certified, unconstrained.
    """

    optimum: Mapping[str, Tensor]
    extreme: Mapping[str, Tensor]
    utility: Tensor

    @classmethod
    def of(cls, scenario: Scenario[Any], contexts: Tensor) -> Anchors:
        """Compute the anchors of power-allocation contexts (B, C)."""
        certificate = scenario.certify(contexts)
        fair = torch.stack([fairest(scenario, context) for context in contexts])
        lowest, worst = scenario.measure(contexts, torch.ones_like(fair)), scenario.measure(contexts, fair)
        efficient = scenario.measure(contexts, most_efficient(scenario, contexts))["energy_efficiency"]
        extreme = {**{name: lowest[name] for name in POWER}, **{name: worst[name] for name in WORST_USER},
                   "jain_fairness": torch.ones_like(certificate.utility), "energy_efficiency": efficient}
        return cls(scenario.measure(contexts, certificate.design), extreme, certificate.utility)

    def threshold(self, label: str, row: int, tightness: float) -> float:
        """Return the value at a tightness between 0 and 1."""
        start, end = float(self.optimum[label][row]), float(self.extreme[label][row])
        return start + tightness * (end - start)


def fairest(scenario: Scenario[Any], context: Tensor) -> Tensor:
    """Return the whole-level design (N,) of least power whose worst user fares as well as in any design."""
    silent, one_level = torch.zeros(1, scenario.state_size), torch.ones(1, scenario.state_size)
    sinr = _hardest(0.0, float(P_MAX * context.max()),
                    lambda middle: float(least_powers(context[None], silent, middle).max()) <= P_MAX)
    return least_powers(context[None], one_level, sinr)[0].float().clamp(max=P_MAX)


def most_efficient(scenario: Scenario[Any], contexts: Tensor, sweeps: int = 2) -> Tensor:
    """Return designs (B, N) of high energy efficiency with nobody silent, by coordinate search from level 1."""
    levels = torch.arange(1.0, P_MAX + 1)
    designs = torch.ones(len(contexts), scenario.state_size)
    repeated = contexts.repeat_interleave(len(levels), dim=0)
    for user in [*range(scenario.state_size)] * sweeps:
        trial = designs.repeat_interleave(len(levels), dim=0)
        trial[:, user] = levels.repeat(len(contexts))
        value = scenario.measure(repeated, trial)["energy_efficiency"].reshape(-1, len(levels))
        designs[:, user] = levels[value.argmax(dim=1)]
    return designs


def _uniform(bounds: tuple[float, float], generator: torch.Generator) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * float(torch.rand(1, generator=generator, dtype=torch.float64))


def _index(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))
