"""The certified optimum of log utility: an interior-point method in log power, and the bound it proves.

Why the problem is concave. With y = ln p and z_i = ln SINR_i = y_i + ln G_ii - ln(1 + sum_{k != i} G_ik e^{y_k}), each
z_i is concave in y (minus a log-sum-exp), and f(z) = ln ln(1 + e^z) is increasing and concave, because
f'(z) = s / l and f''(z) = s (1 - s) / l - s^2 / l^2 <= 0 with s = sigmoid(z), l = softplus(z) >= s. So
sum f(z_i(y)) is concave, and -c e^y is too (Huang, Berry, Honig 2006 give the condition in general). The constraints
SINR_i >= gamma (z_i >= ln gamma), sum p <= P (log-sum-exp(y) <= ln P) and p <= cap are convex in y.

What is proven. For multipliers lambda >= 0 the Lagrangian L(y) = U + sum lambda_j slack_j(y) is concave, so its tangent
at any point y^ bounds it: U(p) <= L(y^) + max over the box of grad L(y^) . (y - y^) for every admissible p. The bound
therefore holds however well or badly the iteration converged; convergence only makes it tight.

What it covers. All designs with every user at level 1 or more, at a rate above the floor. `silence_never_pays`, a
premise computed from the gains, excludes silent users, and implies that level 1 always reaches the floor.

Axes: B networks, N users (i served, k heard).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.power_allocation.physics import (
    BANDWIDTH,
    P_MAX,
    POWER_PRICE,
    RATE_FLOOR,
    REVENUE,
    cross_gains,
    gain_matrix,
)
from aign.scenarios.power_allocation.requirements import Requirements, least_powers

RELAXATION = 1e-6
"""Constraints are loosened by this much in log units so that an interior exists; the bound stays a bound."""
BARRIER_START, BARRIER_END, BARRIER_FACTOR = 1.0, 1e-6, 0.1
NEWTON_STEPS = 50
TOLERANCE = 1e-16


@dataclass(frozen=True, slots=True)
class BoundResult:
    """Result of the interior-point method: upper bound (B,), log powers (B, N), multipliers of SINR and budget."""

    utility: Tensor
    log_powers: Tensor
    sinr_multiplier: Tensor
    budget_multiplier: Tensor
    cap_multiplier: Tensor


@dataclass(frozen=True)
class Problem:
    """max U(y) with y in a box, z_i(y) >= ln gamma and log-sum-exp(y) <= ln P, for a batch of networks."""

    gain: Tensor
    """G (B, N, N), see `physics.cross_gains`."""
    low: float
    high: float
    log_target: float
    log_budget: float

    def evaluate(self, y_BN: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return utility (B,), log SINR z (B, N), its weights w (B, N, N) and the budget slack (B,)."""
        direct = torch.diagonal(self.gain, dim1=1, dim2=2)
        heard = self.gain * y_BN.exp()[:, None, :]
        heard = heard - torch.diag_embed(torch.diagonal(heard, dim1=1, dim2=2))
        noise = 1.0 + heard.sum(dim=2)
        z = y_BN + direct.log() - noise.log()
        rate = torch.nn.functional.softplus(z) * (BANDWIDTH / math.log(2.0))
        utility = REVENUE * rate.log().sum(dim=1) - POWER_PRICE * y_BN.exp().sum(dim=1)
        return utility, z, heard / noise[:, :, None], self.log_budget - torch.logsumexp(y_BN, dim=1)

    def merit(self, y_BN: Tensor, barrier: float) -> Tensor:
        """Return the barrier function (B,); -inf outside the interior."""
        utility, z, _, spare = self.evaluate(y_BN)
        slacks = torch.cat([y_BN - self.low, self.high - y_BN, spare[:, None]], dim=1)
        if self.log_target > -math.inf:
            slacks = torch.cat([slacks, z - self.log_target], dim=1)
        inside = (slacks > 0).all(dim=1)
        value = utility + barrier * slacks.clamp_min(1e-300).log().sum(dim=1)
        return torch.where(inside, value, -math.inf)

    def newton(self, y_BN: Tensor, barrier: float) -> tuple[Tensor, Tensor]:
        """Return the Newton direction (B, N) of the barrier function and its decrement (B,)."""
        _, z, w, spare = self.evaluate(y_BN)
        first, second = revenue_slopes(z)
        if self.log_target > -math.inf:
            gap = z - self.log_target
            first, second = first + barrier / gap, second - barrier / gap**2
        share = torch.softmax(y_BN, dim=1)
        cost = POWER_PRICE * y_BN.exp()
        below, above = y_BN - self.low, self.high - y_BN
        pull = (barrier / spare)[:, None]
        heard = torch.einsum("bik,bi->bk", w, first)
        gradient = first - heard - cost - pull * share + barrier / below - barrier / above
        jacobian = torch.eye(w.shape[1], dtype=w.dtype, device=w.device) - w
        curvature = jacobian.transpose(1, 2) @ (second[:, :, None] * jacobian)
        curvature = curvature + w.transpose(1, 2) @ (first[:, :, None] * w)
        curvature = curvature + (pull * (1 - pull / barrier))[:, :, None] * share[:, :, None] * share[:, None, :]
        diagonal = heard + cost + pull * share + barrier / below**2 + barrier / above**2
        hessian = torch.diag_embed(diagonal) - curvature
        direction = torch.linalg.solve(hessian, gradient)
        return direction, (direction * gradient).sum(dim=1)


def revenue_slopes(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and second derivative of alpha ln ln(1 + e^z)."""
    sigmoid, softplus = torch.sigmoid(z), torch.nn.functional.softplus(z)
    ratio = sigmoid / softplus
    return REVENUE * ratio, REVENUE * ratio * (1 - sigmoid - ratio)


def centre(problem: Problem, y_BN: Tensor, barrier: float) -> Tensor:
    """Maximise the barrier function by damped Newton steps from an interior point."""
    value = problem.merit(y_BN, barrier)
    for _ in range(NEWTON_STEPS):
        direction, decrement = problem.newton(y_BN, barrier)
        if float(decrement.amax()) < TOLERANCE:
            break
        size = torch.ones_like(value)
        accepted = torch.zeros_like(value, dtype=torch.bool)
        for _ in range(40):
            trial = y_BN + torch.where(accepted, 0.0, size)[:, None] * direction
            merit = problem.merit(trial, barrier)
            good = ~accepted & (merit >= value + 1e-4 * size * decrement - 1e-12 * value.abs())
            y_BN, value = torch.where(good[:, None], trial, y_BN), torch.where(good, merit, value)
            accepted |= good
            if bool(accepted.all()):
                break
            size = size / 2
    return y_BN


def upper_bound(contexts: Tensor, users: int, needs: Requirements) -> BoundResult:
    """Bound the log utility of every design of levels 1..cap, at rates above the floor, that meets the requirements.

    Args:
        contexts: (B, C) gains.
        users: N.
        needs: closed-form requirements that every context can meet; see `requirements.feasible`.
    """
    gain = cross_gains(gain_matrix(contexts, users))
    target = math.log(needs.target) - RELAXATION if needs.target > 0 else -math.inf
    budget = math.log(min(needs.budget, float(P_MAX * users))) + RELAXATION
    problem = Problem(gain, -0.01, math.log(needs.cap) + RELAXATION, target, budget)
    least = least_powers(contexts, torch.ones(len(contexts), users, dtype=torch.float64, device=contexts.device),
                         needs.target).log()
    room = torch.minimum(problem.log_budget - torch.logsumexp(least, dim=1), problem.high - least.amax(dim=1))
    y = least + 0.5 * room[:, None]
    barrier = BARRIER_START
    while barrier > BARRIER_END * 0.5:
        y = centre(problem, y, barrier)
        last, barrier = barrier, barrier * BARRIER_FACTOR
    return tangent_bound(problem, y, last)


def tangent_bound(problem: Problem, y_BN: Tensor, barrier: float) -> BoundResult:
    """Turn a nearly central point into multipliers and the proven bound; see the head of this file."""
    utility, z, w, spare = problem.evaluate(y_BN)
    first, _ = revenue_slopes(z)
    price = barrier / spare
    gap = z - problem.log_target
    sinr = barrier / gap if problem.log_target > -math.inf else torch.zeros_like(z)
    slope = first + sinr
    gradient = slope - torch.einsum("bik,bi->bk", w, slope) - POWER_PRICE * y_BN.exp()
    gradient = gradient - price[:, None] * torch.softmax(y_BN, dim=1)
    lagrangian = utility + price * spare + (barrier * sinr.gt(0)).sum(dim=1)
    rise = torch.maximum(gradient * (problem.low - y_BN), gradient * (problem.high - y_BN)).sum(dim=1)
    return BoundResult(lagrangian + rise, y_BN, sinr, price, barrier / (problem.high - y_BN))


def silence_never_pays(contexts: Tensor, users: int) -> Tensor:
    """Return (B,) whether raising any silent user to level 1 always gains more than it can cost, whatever others do.

    User i gains at least alpha ln(R_i / R_f) - c, with R_i its rate at level 1 under everybody else's full power; the
    others lose at most alpha ln(1 + G_ki) each, since ln ln(1 + s/(1+g)) >= ln ln(1 + s) - ln(1 + g).
    """
    gain = cross_gains(gain_matrix(contexts, users))
    direct = torch.diagonal(gain, dim1=1, dim2=2)
    worst = 1.0 + P_MAX * (gain.sum(dim=2) - direct)
    rate = torch.log1p(direct / worst) * (BANDWIDTH / math.log(2.0))
    loss = REVENUE * (torch.log1p(gain).sum(dim=1) - torch.log1p(direct)) + POWER_PRICE
    return (loss < REVENUE * (rate / RATE_FLOOR).log()).all(dim=1)
