"""The certified optimum of rate utility for a few users, by branch and bound over boxes of whole levels.

Bound of a box [low, high]: every user sends at its highest level, hears the others at their lowest (none at all at the
root: the interference-free bound), and pays for its lowest. Fathoming: where dU/dp_k cannot change its sign over the
box, user k sits at one end of its interval. Both are interval arithmetic, so they hold for every design in the box.

Axes: Q boxes, N users.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.power_allocation.multi_start import best_response, whole_levels
from aign.scenarios.power_allocation.physics import P_MAX, POWER_PRICE, cross_gains
from aign.scenarios.power_allocation.rate_problem import PRICE, SLOPE, RateProblem

BATCH = 4_096
"""Boxes examined at once."""
ROUNDING = 1e-12
"""Relative rounding error granted to a bound."""


@dataclass(frozen=True)
class SearchResult:
    """What branch and bound found in one network.

    Attributes:
        utility: of the best whole-level design found; -inf where none meets the request.
        design: (N,).
        bound: no design has a higher utility; equals `utility` where the search ended.
        boxes: how many were examined.
    """

    utility: float
    design: Tensor
    bound: float
    boxes: int

    @property
    def proven(self) -> bool:
        """Whether the design is the optimum."""
        return self.bound <= self.utility


@dataclass(frozen=True)
class Boxes:
    """Interval arithmetic on one network: G (N, N), G[i, k] the gain of user k where user i is served."""

    cross: Tensor
    problem: RateProblem

    def interference(self, powers: Tensor) -> Tensor:
        """Return noise and interference (Q, N) under powers (Q, N)."""
        return 1.0 + powers @ self.cross.T - torch.diagonal(self.cross) * powers

    def bound(self, low: Tensor, high: Tensor) -> Tensor:
        """Return the upper bound (Q,) on the utility of any design in each box."""
        reach = torch.diagonal(self.cross) * high / self.interference(low)
        value = SLOPE * torch.log1p(reach).sum(dim=1) - POWER_PRICE * low.sum(dim=1)
        return value + ROUNDING * value.abs()

    def slopes(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Return bounds (Q, N) on dU/dp / SLOPE over each box."""
        gain = torch.diagonal(self.cross)
        quiet, loud = self.interference(low), self.interference(high)
        least = gain * low / (loud * (loud + gain * low))
        most = gain * high / (quiet * (quiet + gain * high))
        apart = self.cross - torch.diag(gain)
        return (gain / (loud + gain * high) - most @ apart - PRICE,
                gain / (quiet + gain * low) - least @ apart - PRICE)

    def tighten(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes without what the request or the slopes exclude, and which of them are not empty (Q,)."""
        needs, gain = self.problem.needs, torch.diagonal(self.cross)
        if needs.target > 0:
            low = torch.maximum(low, (needs.target * self.interference(low) / gain * (1 - 1e-9)).ceil())
        if needs.budget < P_MAX * low.shape[1]:
            high = torch.minimum(high, needs.budget - low.sum(dim=1, keepdim=True) + low)
        elif needs.target <= 0:
            # Ends may be taken for granted only where no constraint ties users together.
            least, most = self.slopes(low, high)
            low, high = torch.where(least > 0, high, low), torch.where(most < 0, low, high)
        return low, high, (low <= high).all(dim=1)


def branch_and_bound(problem: RateProblem, most_boxes: int = 2_000_000) -> SearchResult:
    """Find the best whole-level design of one network (B = 1) that meets the problem's needs, with proof.

    Where `most_boxes` is reached first, the bound stays above the utility.
    """
    users = problem.serving_gain.shape[1]
    boxes = Boxes(cross_gains(problem.gains)[0], problem)
    starts = whole_levels(problem, problem.starts(32, torch.Generator().manual_seed(0)))
    climbed = best_response(problem, starts)[0]
    best, design = _ends(problem, climbed, climbed)
    low = torch.zeros(1, users, dtype=torch.float64)
    high = torch.full((1, users), float(max(problem.needs.cap, 0)), dtype=torch.float64)
    bound, examined = boxes.bound(low, high), 0
    while len(low) and examined < most_boxes:
        order = bound.argsort(descending=True)
        now, later = order[:BATCH], order[BATCH:]
        examined += len(now)
        children = _halves(low[now], high[now])
        new_low, new_high, alive = boxes.tighten(*children)
        new_low, new_high = new_low[alive], new_high[alive]
        value, end = _ends(problem, new_low, new_high)
        if value > best:
            best, design = value, end
        low, high = torch.cat([low[later], new_low]), torch.cat([high[later], new_high])
        bound = torch.cat([bound[later], boxes.bound(new_low, new_high)])
        # A box of one design has been examined as an end.
        keep = (bound > best + ROUNDING * abs(best)) & (high > low).any(dim=1)
        low, high, bound = low[keep], high[keep], bound[keep]
    proven = best if not len(low) else float(bound.max())
    return SearchResult(best, design, proven, examined)


def _halves(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Split each box (Q, N) at the middle of its longest side into two."""
    side = (high - low).argmax(dim=1, keepdim=True)
    middle = ((low + high) / 2).floor().gather(1, side)
    return (torch.cat([low, low.scatter(1, side, middle + 1)]), torch.cat([high.scatter(1, side, middle), high]))


def _ends(problem: RateProblem, low: Tensor, high: Tensor) -> tuple[float, Tensor]:
    """Return the best admissible design among the ends of the boxes; -inf where none is admissible."""
    ends = torch.cat([low, high])
    if not len(ends):
        return -torch.inf, low.new_zeros(low.shape[1])
    value = problem.valued(ends[None])[0]
    return float(value.max()), ends[value.argmax()]
