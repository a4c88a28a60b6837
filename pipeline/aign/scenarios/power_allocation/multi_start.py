"""Many starting points, an ascent from each, whole levels, and the best: how rate utility is solved in practice.

From continuous powers to whole levels: rounding, repair, and coordinate ascent of many designs at once. The ascent is
that of `heuristics.coordinate_ascent`, but O(N) a level through the sums at the base stations, and within a request's
cap, budget and SINR target.

Axes: B networks, K designs of each, L levels, N users, M base stations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aign.scenarios.power_allocation.physics import P_MAX, POWER_PRICE
from aign.scenarios.power_allocation.rate_ascents import fractional_programming, gradient_ascent, weighted_mmse
from aign.scenarios.power_allocation.rate_problem import SLOPE, RateProblem
from aign.scenarios.power_allocation.requirements import repair

VALUES = 4_000_000
"""Interference values (B*K*L*N) worked on at once, so that large batches fit."""
GUARD = 1 + 1e-12
"""SINR targets are aimed at this much higher, so that rounding in another order never breaks them."""
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
    return levels, problem.valued(levels)


def best_of_starts(problem: RateProblem, starts: Tensor, climb: Climb = gradient_ascent) -> Tensor:
    """Return the best design (B, N) reached from K starting points; only the few best are improved after rounding."""
    levels = whole_levels(problem, climb(problem, starts))
    few = problem.valued(levels).topk(min(POLISHED, levels.shape[1]), dim=1).indices
    few_levels = levels.gather(1, few[..., None].expand(-1, -1, levels.shape[2]))
    levels = best_response(problem, few_levels)
    chosen = problem.valued(levels).argmax(dim=1)
    return levels[torch.arange(len(levels), device=levels.device), chosen]


def starts_needed(utility: Tensor, best: Tensor, tolerance: float) -> Tensor:
    """Return how many starting points, in the order given, it takes to come within `tolerance` of the best, (B,).

    K + 1 where none of the K does.
    """
    reached = utility >= (best - tolerance * best.abs())[:, None]
    return torch.where(reached.any(dim=1), reached.int().argmax(dim=1) + 1, utility.shape[1] + 1)


def whole_levels(problem: RateProblem, powers: Tensor) -> Tensor:
    """Round powers (B, K, N) to whole levels that meet the request where any design does."""
    contexts = problem.contexts.repeat_interleave(powers.shape[1], dim=0)
    return repair(contexts, powers.flatten(0, 1), problem.needs).reshape(powers.shape)


def best_response(problem: RateProblem, levels: Tensor, sweeps: int = 4) -> Tensor:
    """Improve whole levels (B, K, N): user after user takes its exact best level, until nothing moves."""
    rows = max(1, VALUES // ((P_MAX + 1) * levels.shape[2] * len(problem)))
    return torch.cat([_climb(problem, part, sweeps) for part in levels.double().split(rows, dim=1)], dim=1)


def _climb(problem: RateProblem, levels: Tensor, sweeps: int) -> Tensor:
    levels = levels.clone()
    for _ in range(sweeps):
        before = levels.clone()
        heard = levels @ problem.gains
        for user in range(levels.shape[2]):
            chosen = _best_level(problem, levels, heard, user)
            heard += (chosen - levels[..., user])[..., None] * problem.gains[:, None, user]
            levels[..., user] = chosen
        if torch.equal(before, levels):
            break
    return levels


def _best_level(problem: RateProblem, levels: Tensor, heard: Tensor, user: int) -> Tensor:
    """Return the level (B, K) at which one user serves the network best while all others stay."""
    level = torch.arange(P_MAX + 1.0, dtype=torch.float64, device=levels.device)
    present = levels[..., user]
    gain = problem.gains[:, None, None, user]
    total_BKLM = 1.0 + heard[:, :, None] + (level - present[..., None])[..., None] * gain
    serving = problem.serving[:, None, None].expand(-1, levels.shape[1], len(level), -1)
    signal = (problem.serving_gain[:, None] * levels)[:, :, None].repeat(1, 1, len(level), 1)
    signal[..., user] = problem.serving_gain[:, user, None, None] * level
    total = total_BKLM.gather(3, serving)
    interference = total - signal
    value = SLOPE * (total / interference).prod(dim=3).log() - POWER_PRICE * level
    needs = problem.needs
    allowed = (level <= needs.cap) & (levels.sum(dim=2)[..., None] - present[..., None] + level <= needs.budget)
    if needs.target > 0:
        allowed = allowed & (signal >= GUARD * needs.target * interference).all(dim=3)
    # Stay where nothing is clearly better, and where nothing at all is allowed.
    here = level == present[..., None]
    value = torch.where(allowed, value, -torch.inf)
    value = torch.where(here, value.nan_to_num(neginf=-1e300) + 1e-9 * value.abs().nan_to_num(posinf=0.0), value)
    return value.argmax(dim=2).double()
