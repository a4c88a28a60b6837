"""Three ascents of rate utility in continuous powers, all starting points at once. In none does utility ever decrease.

Weighted MMSE (Shi, Razaviyayn, Luo, He 2011), scalar channels, with a price on power. With amplitudes v = sqrt(p):
receiver u_i = sqrt(g_i) v_i / T_i, weight w_i = 1 / (1 - u_i sqrt(g_i) v_i) = 1 + SINR_i, and
v_i = w_i u_i sqrt(g_i) / (sum_j w_j u_j^2 g_{i, b(j)} + c + mu), cut to the cap; mu >= 0 is the multiplier of the
budget. The closed-form fractional programming of Shen and Yu (2018, part II) makes exactly these iterates.

Fractional programming: the quadratic transform of Shen and Yu (2018, part I, "direct" form). With
y_i = sqrt(signal_i) / I_i held fixed, log(1 + SINR_i) >= log(1 + 2 y_i sqrt(g_i) v_i - y_i^2 I_i(v^2)), with equality
where y_i was computed. The right-hand side is concave in v; it is climbed by projected gradient steps scaled by its
diagonal, shortened until it rises.

Spectral projected gradient (Birgin, Martinez, Raydan 2000): Barzilai-Borwein lengths projected on box and budget,
shortened until utility rises enough (Armijo). The ends are first-order stationary points, as those of L-BFGS-B are.

All three take starting points (B, K, N) and return continuous powers (B, K, N). They meet cap and budget, not a SINR
target.

Axes: B networks, K starting points, N users, M base stations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aign.scenarios.power_allocation.rate_problem import PRICE, RateProblem

BISECTIONS = 40
SURROGATE_HALVINGS, SEARCH_HALVINGS = 8, 12
SHORTEST, LONGEST = 1e-10, 1e6
SUFFICIENT = 1e-4
ROUNDING = 1e-12
"""Relative decrease that counts as none, so that what has converged is not halved in vain."""


def weighted_mmse(problem: RateProblem, starts: Tensor, iterations: int = 100) -> Tensor:
    """Climb by weighted MMSE, so many rounds."""
    amplitude = starts.sqrt()
    highest = math.sqrt(max(problem.needs.cap, 0))
    channel = problem.serving_gain.sqrt()[:, None]
    for _ in range(iterations):
        signal, total = problem.received(amplitude**2)
        receiver = channel * amplitude / total
        weight = total / (total - signal)
        heard = (weight * receiver**2) @ problem.served
        wish, resistance = weight * receiver * channel, heard @ problem.gains.transpose(1, 2) + PRICE
        amplitude = affordable(wish, resistance, highest, problem.needs.budget)
    return problem.within(amplitude**2)


def affordable(wish: Tensor, resistance: Tensor, highest: float, budget: float) -> Tensor:
    """Return min(wish / (resistance + mu), highest) with the least mu >= 0 that keeps the power within the budget."""
    free = (wish / resistance).clamp(max=highest)
    if highest**2 * wish.shape[2] <= budget or not bool(((free**2).sum(dim=2) > budget).any()):
        return free
    low = torch.zeros_like(wish[..., :1])
    # At mu = |wish| / sqrt(budget) the power is below the budget whatever the resistance.
    high = wish.norm(dim=2, keepdim=True) / math.sqrt(max(budget, 1e-12))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        over = ((wish / (resistance + middle)).clamp(max=highest) ** 2).sum(dim=2, keepdim=True) > budget
        low, high = torch.where(over, middle, low), torch.where(over, high, middle)
    dear = (wish / (resistance + high)).clamp(max=highest)
    return torch.where((free**2).sum(dim=2, keepdim=True) > budget, dear, free)


def fractional_programming(problem: RateProblem, starts: Tensor, iterations: int = 50, inner: int = 4) -> Tensor:
    """Climb by `iterations` quadratic transforms with `inner` steps each."""
    amplitude = starts.sqrt()
    channel = problem.serving_gain.sqrt()[:, None]
    for _ in range(iterations):
        signal, total = problem.received(amplitude**2)
        transform = channel * amplitude / (total - signal)
        for _ in range(inner):
            amplitude = ascend(problem, amplitude, transform)
    return problem.within(amplitude**2)


def surrogate(problem: RateProblem, amplitude: Tensor, transform: Tensor) -> tuple[Tensor, Tensor]:
    """Return the concave lower bound on U / SLOPE (B, K), and what its logarithms are taken of (B, K, N)."""
    signal, total = problem.received(amplitude**2)
    inside = 1.0 + 2.0 * transform * signal.sqrt() - transform**2 * (total - signal)
    value = inside.clamp_min(1e-300).log().sum(dim=2) - PRICE * (amplitude**2).sum(dim=2)
    return torch.where((inside > 0).all(dim=2), value, -torch.inf), inside


def ascend(problem: RateProblem, amplitude: Tensor, transform: Tensor) -> Tensor:
    """Take one scaled projected gradient step on the surrogate, halved until it rises; stay where it does not."""
    value, inside = surrogate(problem, amplitude, transform)
    gain, weight = problem.serving_gain[:, None], transform**2 / inside
    wish = transform * gain.sqrt() / inside
    # A user's interference leaves out its own signal.
    resistance = (weight @ problem.served) @ problem.gains.transpose(1, 2) - weight * gain + PRICE
    target = affordable(wish, resistance.clamp_min(PRICE), math.sqrt(max(problem.needs.cap, 0)), problem.needs.budget)
    share = torch.ones_like(value)
    for _ in range(SURROGATE_HALVINGS):
        trial = amplitude + share[..., None] * (target - amplitude)
        higher = surrogate(problem, trial, transform)[0] >= value - ROUNDING * value.abs()
        if bool(higher.all()):
            return trial
        share = torch.where(higher, share, share / 2)
    return torch.where(higher[..., None], trial, amplitude)


def gradient_ascent(problem: RateProblem, starts: Tensor, iterations: int = 30) -> Tensor:
    """Climb by spectral projected gradient, so many steps."""
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
    for _ in range(SEARCH_HALVINGS):
        short = reached < value + SUFFICIENT * share * rise - ROUNDING * value.abs()
        if not bool(short.any()):
            break
        share = torch.where(short, share / 2, share)
        reached = problem.utility(powers + share[..., None] * step)
    better = reached >= value - ROUNDING * value.abs()
    return (torch.where(better[..., None], powers + share[..., None] * step, powers),
            torch.where(better, reached, value))
