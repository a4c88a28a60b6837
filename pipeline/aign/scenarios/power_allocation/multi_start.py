"""Many starting points, a local search from each, whole levels, and the best: how rate utility is solved in practice.

Axes: B networks, K starting points, N users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aign.scenarios.power_allocation.best_response import best_response, whole_levels
from aign.scenarios.power_allocation.branch_and_bound import admissible
from aign.scenarios.power_allocation.fractional_programming import fractional_programming
from aign.scenarios.power_allocation.gradient_ascent import gradient_ascent
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.weighted_mmse import weighted_mmse

Climb = Callable[[RateProblem, Tensor], Tensor]
"""From starting points (B, K, N) to powers (B, K, N), continuous or whole."""

METHODS: Mapping[str, Climb] = {
    "weighted_mmse": weighted_mmse,
    "fractional_programming": fractional_programming,
    "gradient_ascent": gradient_ascent,
    "coordinate_ascent": lambda problem, starts: starts,
}
"""Local searches by name. Each is followed by rounding, repair and coordinate ascent; the last is nothing but that."""
POLISHED = 2
"""Designs of each network that `best_of_starts` improves by coordinate ascent."""


def local_optima(problem: RateProblem, starts: Tensor, climb: Climb, sweeps: int = 8) -> tuple[Tensor, Tensor]:
    """Search from every starting point (B, K, N) and return whole levels (B, K, N) and their utility (B, K).

    Cap and budget hold during the search, the SINR target from the rounding on; the utility is -inf where a design
    does not meet them all.
    """
    levels = best_response(problem, whole_levels(problem, climb(problem, starts)), sweeps)
    return levels, valued(problem, levels)


def valued(problem: RateProblem, levels: Tensor) -> Tensor:
    """Return the utility (B, K) of whole levels (B, K, N); -inf where they do not meet cap, budget and target."""
    return torch.where(admissible(problem, levels), problem.utility(levels), -torch.inf)


def best_of_starts(problem: RateProblem, starts: Tensor, climb: Climb = gradient_ascent) -> Tensor:
    """Return the best design (B, N) reached from K starting points; only the few best are improved after rounding."""
    levels = whole_levels(problem, climb(problem, starts))
    few = valued(problem, levels).topk(min(POLISHED, levels.shape[1]), dim=1).indices
    few_levels = levels.gather(1, few[..., None].expand(-1, -1, levels.shape[2]))
    levels = best_response(problem, few_levels)
    chosen = valued(problem, levels).argmax(dim=1)
    return levels[torch.arange(len(levels), device=levels.device), chosen]


def best_after(utility: Tensor) -> Tensor:
    """Return the best utility among the first 1, 2, ..., K starting points, (B, K)."""
    return utility.cummax(dim=1).values


def starts_needed(utility: Tensor, best: Tensor, tolerance: float) -> Tensor:
    """Return how many starting points, in the order given, it takes to come within `tolerance` of the best, (B,).

    K + 1 where none of the K does.
    """
    reached = utility >= (best - tolerance * best.abs())[:, None]
    return torch.where(reached.any(dim=1), reached.int().argmax(dim=1) + 1, utility.shape[1] + 1)
