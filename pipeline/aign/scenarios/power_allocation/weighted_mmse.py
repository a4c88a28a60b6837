"""Weighted MMSE power control for rate utility (Shi, Razaviyayn, Luo, He 2011), scalar channels, with a price on power.

With amplitudes v = sqrt(p): receiver u_i = sqrt(g_i) v_i / T_i, weight w_i = 1 / (1 - u_i sqrt(g_i) v_i) = 1 + SINR_i,
and v_i = w_i u_i sqrt(g_i) / (sum_j w_j u_j^2 g_{i, b(j)} + c + mu), cut to the cap; mu >= 0 is the multiplier of the
budget. Utility never falls from one round to the next. The closed-form fractional programming of Shen and Yu (2018,
part II) makes exactly these iterates: y_i^2 = w_i u_i^2 there.

Axes: B networks, K starting points, N users, M base stations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aign.scenarios.power_allocation.rate_problem import PRICE, RateProblem

BISECTIONS = 40


def weighted_mmse(problem: RateProblem, starts: Tensor, iterations: int = 100) -> Tensor:
    """Return continuous powers (B, K, N) after so many rounds from starting points (B, K, N).

    Cap and budget are met natively; a SINR target is not.
    """
    amplitude = starts.sqrt()
    highest = math.sqrt(max(problem.needs.cap, 0))
    channel = problem.own.sqrt()[:, None]
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
