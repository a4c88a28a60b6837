"""Why a request cannot be met: the smallest relaxation of each constraint alone, the cause, and the nearest design.

For each constraint the others are kept, and its threshold is moved until a design is known that meets them all: by
`bisection` between the threshold asked for and the label value of a witness without it. Every threshold reported has a
witness; whether a smaller relaxation is proven not to help is said (`exact`).

Axes: B = 1 context, X design values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.bisection import Bisection
from aign.scenarios.core.constraints import LARGEST_WHOLE, Constraint, satisfied
from aign.scenarios.core.remembered import certificate_of
from aign.scenarios.core.scenario import Scenario

LARGE = 10.0
"""Relative change from which a threshold is told as a multiple."""


@dataclass(frozen=True)
class Relaxation:
    """The least change of one constraint that makes the request feasible, all others kept.

    Attributes:
        constraint: as asked.
        relaxed: the nearest constraint that can be met; None where relaxing this one alone was not seen to help.
        exact: whether every smaller relaxation (beyond the tolerance) is proven not to help.
        design: (X,) a design that meets the relaxed request.
    """

    constraint: Constraint
    relaxed: Constraint | None
    exact: bool
    design: Tensor | None

    @property
    def share(self) -> float:
        """Size of the relaxation relative to the threshold; infinite where none helps or the threshold is 0."""
        if self.relaxed is None:
            return math.inf
        moved = abs(self.relaxed.threshold - self.constraint.threshold)
        return moved / abs(self.constraint.threshold) if self.constraint.threshold else math.inf

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        relaxed = self.relaxed
        return {"constraint": str(self.constraint), "relaxed": None if relaxed is None else str(relaxed),
                "change": None if relaxed is None else relaxed.threshold - self.constraint.threshold,
                "share": self.share if math.isfinite(self.share) else None, "exact": self.exact,
                "design": None if self.design is None else self.design.tolist()}

    def __str__(self) -> str:
        """Return the relaxed constraint, rounded to the feasible side, with its relative change."""
        if self.relaxed is None:
            return f"relaxing {self.constraint} alone does not help"
        text = str(self.relaxed.at(_rounded(self.relaxed)))
        asked, relaxed = self.constraint.threshold, self.relaxed.threshold
        if self.share < LARGE:
            text += f" ({(relaxed - asked) / abs(asked):+.1%})"
        elif math.isfinite(self.share) and relaxed * asked > 0:
            text += f" ({relaxed / asked:.4g} times as much)"
        return text


@dataclass(frozen=True)
class Diagnosis:
    """What is the matter with a request that was not met.

    Attributes:
        proven: whether it is proven that no design meets the request.
        relaxations: one for each constraint, in the order asked.
        cause: the constraint with the smallest relative relaxation; None where relaxing one alone never helps, or a
            design that meets the request was found after all.
        design: (X,) the best design found for the request with the cause relaxed.
        utility: its utility.
        labels: its labels by name.
    """

    proven: bool
    relaxations: tuple[Relaxation, ...]
    cause: Constraint | None
    design: Tensor | None
    utility: float | None
    labels: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"proven": self.proven, "cause": None if self.cause is None else str(self.cause),
                "relaxations": [relaxation.to_json() for relaxation in self.relaxations],
                "nearest_design": None if self.design is None else self.design.tolist(),
                "nearest_utility": self.utility, "nearest_labels": self.labels}

    def __str__(self) -> str:
        """Return the cause and what would be feasible, in one line."""
        if self.cause is None and self.design is not None:
            return "a search found one that does: nothing needs relaxing"
        helpful = sorted((each for each in self.relaxations if each.relaxed is not None), key=lambda each: each.share)
        if not helpful:
            return "no single constraint is the cause: relaxing one alone does not help"
        first, *others = map(str, helpful)
        text = f"because of {self.cause}; {first} would be feasible"
        return text + (f", or {', or '.join(others)}" if others else "")


def diagnose(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint]) -> Diagnosis:
    """Explain why no design is known that meets the constraints in a context (C,)."""
    contexts = context[None]
    request = scenario.feasible(contexts, constraints)
    if bool(request.known[0]):
        kept = tuple(Relaxation(constraint, constraint, True, request.witness[0]) for constraint in constraints)
        return Diagnosis(False, kept, None, request.witness[0], *_figures(scenario, contexts, request.witness))
    proven = bool(request.impossible[0])
    relaxations = tuple(relax(scenario, contexts, constraints, number, proven) for number in range(len(constraints)))
    helpful = [each for each in relaxations if each.relaxed is not None]
    if not helpful:
        return Diagnosis(proven, relaxations, None, None, None, {})
    least = min(helpful, key=lambda each: each.share)
    relaxed = [least.relaxed or each if each == least.constraint else each for each in constraints]
    design = certificate_of(scenario, contexts, relaxed).design
    met = satisfied(relaxed, scenario.measure(contexts, design), 1)
    if least.design is not None and not bool(met[0]):
        design = least.design[None]
    return Diagnosis(proven, relaxations, least.constraint, design[0], *_figures(scenario, contexts, design))


def _figures(scenario: Scenario[Any], contexts: Tensor, design: Tensor) -> tuple[float, dict[str, float]]:
    labels = {name: float(value[0]) for name, value in scenario.measure(contexts, design).items()}
    return float(scenario.utility(contexts, design)[0]), labels


def relax(scenario: Scenario[Any], contexts: Tensor, constraints: Sequence[Constraint], number: int,
          proven: bool) -> Relaxation:
    """Return the smallest relaxation of one constraint alone that makes the request feasible in one context (1, C).

    Args:
        scenario: of the request.
        contexts: the one context.
        constraints: that no design is known to meet.
        number: of the constraint that gives way.
        proven: whether it is proven that no design meets them all.
    """
    constraint = constraints[number]
    others = [other for place, other in enumerate(constraints) if place != number]
    without = scenario.feasible(contexts, others)
    if not bool(without.known[0]):
        return Relaxation(constraint, None, bool(without.impossible[0]), None)
    bound, design = constraint.closed, without.witness
    search = Bisection(scenario, contexts, others, bound)
    if bool(bound.holds(torch.tensor(search.value(design), dtype=torch.float64))):  # it meets the whole request
        return Relaxation(constraint, constraint, True, design[0])
    edge = search.between(design, bound.threshold, proven)
    return Relaxation(constraint, bound.at(edge.value), edge.exact, edge.design[0])


def _rounded(constraint: Constraint) -> float:
    """Return the threshold in four digits, a whole one in full, rounded to the side on which it stays feasible."""
    value = constraint.threshold
    if value == 0 or not math.isfinite(value):
        return value
    if value.is_integer() and abs(value) <= LARGEST_WHOLE:
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    return float(f"{(math.ceil if constraint.upper else math.floor)(value / step) * step:.4g}")
