"""Fractional programming for rate utility: the quadratic transform of Shen and Yu (2018, part I, "direct" form).

With y_i = sqrt(signal_i) / I_i held fixed, log(1 + SINR_i) >= log(1 + 2 y_i sqrt(g_i) v_i - y_i^2 I_i(v^2)) in the
amplitudes v = sqrt(p), with equality where y_i was computed. The right-hand side is concave in v; it is climbed by
projected gradient steps scaled by its diagonal, shortened until it rises, so utility never falls. (The other form, by
the Lagrangian dual transform, has closed-form steps that are those of `weighted_mmse`.)

Axes: B networks, K starting points, N users, M base stations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aign.scenarios.power_allocation.rate_problem import PRICE, RateProblem
from aign.scenarios.power_allocation.weighted_mmse import affordable

HALVINGS = 8
ROUNDING = 1e-12
"""Relative fall that counts as none, so that what has converged is not halved in vain."""


def fractional_programming(problem: RateProblem, starts: Tensor, iterations: int = 50, inner: int = 4) -> Tensor:
    """Return continuous powers (B, K, N) after `iterations` transforms with `inner` steps each.

    Cap and budget are met natively; a SINR target is not.
    """
    amplitude = starts.sqrt()
    channel = problem.own.sqrt()[:, None]
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
    wish = transform * problem.own.sqrt()[:, None] / inside
    weight = transform**2 / inside
    # A user's interference leaves out its own signal.
    resistance = (weight @ problem.served) @ problem.gains.transpose(1, 2) - weight * problem.own[:, None] + PRICE
    target = affordable(wish, resistance.clamp_min(PRICE), math.sqrt(max(problem.needs.cap, 0)), problem.needs.budget)
    share = torch.ones_like(value)
    for _ in range(HALVINGS):
        trial = amplitude + share[..., None] * (target - amplitude)
        higher = surrogate(problem, trial, transform)[0] >= value - ROUNDING * value.abs()
        if bool(higher.all()):
            return trial
        share = torch.where(higher, share, share / 2)
    return torch.where(higher[..., None], trial, amplitude)
