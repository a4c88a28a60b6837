"""Spectral projected gradient (Birgin, Martinez, Raydan 2000) on rate utility, all starting points at once.

Steps are Barzilai-Borwein lengths projected on box and budget, shortened until utility rises enough (Armijo), so
utility never falls. The ends are first-order stationary points, as those of L-BFGS-B are.

Axes: B networks, K starting points, N users.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.power_allocation.rate_problem import RateProblem

SHORTEST, LONGEST = 1e-10, 1e6
SUFFICIENT = 1e-4
HALVINGS = 12
ROUNDING = 1e-12
"""Relative fall that counts as none, so that what has converged is not halved in vain."""


def gradient_ascent(problem: RateProblem, starts: Tensor, iterations: int = 30) -> Tensor:
    """Return continuous powers (B, K, N) after so many steps from starting points (B, K, N).

    Cap and budget are met natively; a SINR target is not.
    """
    powers = problem.within(starts)
    value, slope = problem.utility(powers), problem.gradient(powers)
    length = 10.0 / slope.abs().amax(dim=2, keepdim=True).clamp_min(1e-12)
    for _ in range(iterations):
        step = problem.within(powers + length * slope) - powers
        if float(step.abs().amax()) < 1e-9:
            break
        following, value = line_search(problem, powers, value, step, (slope * step).sum(dim=2))
        change = following - powers
        powers, previous, slope = following, slope, problem.gradient(following)
        bend = (change * (previous - slope)).sum(dim=2, keepdim=True)
        squared = (change**2).sum(dim=2, keepdim=True)
        length = torch.where(bend > 0, squared / bend.clamp_min(1e-300), LONGEST).clamp(SHORTEST, LONGEST)
    return powers


def line_search(problem: RateProblem, powers: Tensor, value: Tensor, step: Tensor,
                rise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the powers and utility (B, K) of the longest halved step that rises enough; where none does, stay."""
    share = torch.ones_like(value)
    reached = problem.utility(powers + step)
    for _ in range(HALVINGS):
        short = reached < value + SUFFICIENT * share * rise - ROUNDING * value.abs()
        if not bool(short.any()):
            break
        share = torch.where(short, share / 2, share)
        reached = problem.utility(powers + share[..., None] * step)
    better = reached >= value - ROUNDING * value.abs()
    return (torch.where(better[..., None], powers + share[..., None] * step, powers),
            torch.where(better, reached, value))
