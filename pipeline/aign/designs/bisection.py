"""How far a label can be pressed: bisection on `Scenario.feasible`, between a known design and a bound not met.

The one mechanism behind relaxations (how far must a constraint give way) and behind certificates of objectives (how low
or high can a label be). Every threshold reported has a witness; whether the next one is proven impossible is said.

Axes: B = 1 context, C context values, X design values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Feasibility
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario

BISECTIONS = 40
TOLERANCE, SEARCH_TOLERANCE = 1e-4, 5e-3
"""Where a label is not whole, bisection ends at this relative width: the second where only a search decides."""
NEAR_ZERO = 0.01
"""Values below this share of the first interval count as that large: around 0 no relative width is ever reached."""
STRIDES, GROWTH = 40, 6.0
"""Bounds tried outwards until none is met, each this many times as far from the witness as the one before."""


@dataclass(frozen=True)
class Edge:
    """The tightest bound on a label that a design is known to meet.

    Attributes:
        value: the label of the design, which is the bound.
        design: (1, X).
        beyond: the nearest tighter bound that no design is known to meet; None where every bound tried was met.
        exact: whether it is proven that no design meets `beyond`.
        impossible: the nearest bound that is proven impossible; None where none is.
    """

    value: float
    design: Tensor
    beyond: float | None
    exact: bool
    impossible: float | None


class Bisection:
    """Searches the edge of one bound in one context, other constraints being kept.

    Args:
        scenario: whose designs are sought.
        contexts: (1, C).
        others: the constraints that are kept.
        bound: closed; its threshold is what moves.
    """

    def __init__(self, scenario: Scenario[Any], contexts: Tensor, others: Sequence[Constraint],
                 bound: Constraint) -> None:
        self.scenario, self.contexts, self.others, self.bound = scenario, contexts, list(others), bound
        self.whole = bound.label in scenario.integer_labels

    def value(self, design: Tensor) -> float:
        """Return the label of a design (1, X)."""
        return float(self.scenario.measure(self.contexts, design)[self.bound.label][0])

    def between(self, design: Tensor, beyond: float, exact: bool) -> Edge:
        """Return the edge between the label of a design (1, X) and a bound that was not met.

        Args:
            design: meets the other constraints.
            beyond: tighter than its label.
            exact: whether it is proven that no design meets `beyond`.
        """
        value, impossible = self.value(design), beyond if exact else None
        least = NEAR_ZERO * abs(value - beyond)
        for _ in range(BISECTIONS):
            if self._closed_in(beyond, value, TOLERANCE if exact else SEARCH_TOLERANCE, least):
                break
            middle = beyond + (value - beyond) / 2
            trial = self._trial(middle)
            if bool(trial.known[0]):
                design = trial.witness
                value = self.value(design)
            else:
                beyond, exact = middle, bool(trial.impossible[0])
                impossible = middle if exact else impossible
        return Edge(value, design, beyond, exact, impossible)

    def outwards(self, design: Tensor) -> Edge:
        """Return the edge beyond the label of a design (1, X) that meets the other constraints.

        The first bound tried is so near that where the design is the best, proving it ends the search.
        """
        value = self.value(design)
        size = 1.0 if self.whole else TOLERANCE * (abs(value) or 1.0)
        for _ in range(STRIDES):
            tried = value - size if self.bound.upper else value + size
            trial = self._trial(tried)
            if not bool(trial.known[0]):
                return self.between(design, tried, bool(trial.impossible[0]))
            design, size = trial.witness, GROWTH * size
            value = self.value(design)
        return Edge(value, design, None, False, None)

    def _trial(self, threshold: float) -> Feasibility:
        """Return what is known of the bound with a threshold beside the others; contradictions are not asked."""
        bound = self.bound.at(threshold)
        opposite = [other for other in self.others if other.label == bound.label and other.upper != bound.upper]
        if any(bool(other.slack(torch.tensor(threshold, dtype=torch.float64)) < 0) for other in opposite):
            no = torch.zeros(1, dtype=torch.bool)
            return Feasibility(no, ~no, self.contexts.new_zeros(1, 0))
        return self.scenario.feasible(self.contexts, [*self.others, bound])

    def _closed_in(self, beyond: float, value: float, tolerance: float, least: float) -> bool:
        """Return whether nothing of interest lies between the bound that fails and the one that is met.

        The tolerance is relative to the larger of both, and to `least` where they are smaller.
        """
        if self.whole:
            return value <= math.floor(beyond) + 1 if self.bound.upper else value >= math.ceil(beyond) - 1
        return abs(value - beyond) <= tolerance * max(abs(value), abs(beyond), least)
