"""How well a method answers requests: raw satisfaction, satisfaction and utility after projection, diversity.

Axes: K designs of an answer, N users, E training designs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from aign.designs.diversity import NEAR_BEST, measure
from aign.scenarios.core.constraints import satisfied, violation
from aign.scenarios.core.scenario import Scenario, finite_or_none
from studies.request_sets import FAMILIES, StudyRequest

Row = dict[str, Any]
"""One request's scores as JSON values."""
AVERAGED = ("raw_violation", "distinct", "mean_distance", "good", "novelty", "new", "milliseconds", "training_seconds",
            "environment_steps")
"""Scores of which a family shows the mean, where rows have them. `good`: different feasible designs within 0.5 % of the
best; `novelty`: L1 distance to the nearest training design, in levels; `new`: share of designs that are none."""


def projected(scenario: Scenario[Any], request: StudyRequest, raw: Tensor) -> Row:
    """Return the scores of designs (K, N) before projection, and of what the projection makes of them."""
    contexts = request.context.expand(len(raw), -1)
    values = scenario.measure(contexts, raw)
    broken = violation(request.constraints, values, len(raw))
    designs = scenario.project(contexts, raw, request.constraints)
    return {**judged(scenario, request, designs, satisfied(request.constraints, values, len(raw))),
            "raw_violation": finite_or_none(float(broken.mean()))}


def judged(scenario: Scenario[Any], request: StudyRequest, designs: Tensor, met: Tensor,
           training_designs: Tensor | None = None) -> Row:
    """Return the scores of an answer.

    Args:
        scenario: the simulator.
        request: what was asked for.
        designs: (K, N) as returned, after projection.
        met: (K,) bool, whether each met the request before projection.
        training_designs: (E, N), for novelty; in canonical order, as the request's context.
    """
    contexts = request.context.expand(len(designs), -1)
    feasible = satisfied(request.constraints, scenario.measure(contexts, designs), len(designs))
    utility = scenario.utility(contexts, designs)
    best = float(utility.where(feasible, -math.inf).max())
    diversity = measure(scenario, designs, utility, feasible, training_designs)
    row = {"family": request.family, "certified": request.certified, "raw_share": float(met.double().mean()),
           "raw_any": bool(met.any()), "all_feasible": bool(feasible.all()),
           "utility_ratio": finite_or_none(best / request.optimum), "distinct": diversity.distinct,
           "mean_distance": diversity.mean_distance, "good": diversity.near_best[f"{NEAR_BEST[-1]:g}"]}
    if diversity.novelty is not None:
        row |= {"novelty": share(diversity.novelty), "new": share(distance > 0 for distance in diversity.novelty)}
    return row


def summary(rows: Iterable[Row]) -> dict[str, Any]:
    """Return one family's figures, in the shape of `constraints.json`.

    satisfied_raw: share of requests that at least one design met before projection. satisfied_raw_single: share of all
    designs. satisfied: share of requests that every design meets after projection. Utility ratios are the best design's
    over the constrained optimum, also apart for requests with a certified optimum and with a best known one only.
    """
    rows = list(rows)
    figures = {"satisfied_raw": share(row["raw_any"] for row in rows),
             "satisfied_raw_single": share(row["raw_share"] for row in rows),
             "satisfied": share(row["all_feasible"] for row in rows), **ratios(rows)}
    for name, certified in (("certified_optimum", True), ("best_known_optimum", False)):
        figures[name] = ratios([row for row in rows if row["certified"] == certified])
    for name in AVERAGED:
        known = [float(row[name]) for row in rows if row.get(name) is not None]
        if known:
            figures[name] = share(known)
    return figures


def ratios(rows: Sequence[Row]) -> dict[str, Any]:
    """Return mean and worst utility ratio; a request without a feasible answer counts in neither, but is counted."""
    known = [row["utility_ratio"] for row in rows if row["utility_ratio"] is not None]
    return {"requests": len(rows), "unanswered": len(rows) - len(known), "utility_ratio_mean": share(known),
            "utility_ratio_worst": min(known, default=None)}


def share(values: Iterable[float]) -> float | None:
    """Return the mean; None of nothing."""
    known = [float(value) for value in values]
    return sum(known) / len(known) if known else None


def by_family(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the figures of each family that occurs."""
    return {family: summary(row for row in rows if row["family"] == family) for family in FAMILIES
            if any(row["family"] == family for row in rows)}


def average(values: Iterable[float | None]) -> float | None:
    """Return the mean; None where one is missing."""
    known = list(values)
    return None if None in known else share(value for value in known if value is not None)
