"""Which of a request's constraints have a closed form, and the exact integer arithmetic behind them.

With targets gamma_i on the SINR, p meets them exactly when p >= I(p), where I_i(p) = gamma (interference_i) / g_i is a
standard interference function (Yates 1995): monotone and scalable. On whole levels, p -> ceil(I(p)) keeps these
properties, so iterating it upwards from p_0 ends at the *least* integer vector >= p_0 that meets the targets. This
decides feasibility of min-rate, max-power and total-power requests exactly, and repairs designs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.power_allocation.physics import P_MAX, received, sinr_target

GUARD = 1e-12
"""How far below its computed value, relatively, a fixed-point step aims, so that rounding never skips a level."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """The closed-form part of a request.

    Attributes:
        cap: highest power level allowed to a user.
        budget: highest total power allowed.
        target: SINR every user must reach; 0 where none is asked.
        rest: constraints without a closed form, left to verification.
    """

    cap: int
    budget: float
    target: float
    rest: tuple[Constraint, ...]


def requirements(constraints: Sequence[Constraint], users: int) -> Requirements:
    """Sort a request's constraints into those with a closed form and the rest."""
    cap, budget, target, rest = float(P_MAX), float(P_MAX * users), 0.0, []
    for constraint in constraints:
        closed = constraint.closed
        match closed.label, closed.sense:
            case "max_power", "<=":
                cap = min(cap, closed.threshold)
            case "total_power", "<=":
                budget = min(budget, closed.threshold)
            case ("min_rate" | "min_sinr_db"), ">=":
                target = max(target, sinr_target(closed.label, closed.threshold))
            case _:
                rest.append(constraint)
    return Requirements(int(cap // 1), float(budget // 1), target, tuple(rest))


def least_powers(contexts: Tensor, start: Tensor, target: float) -> Tensor:
    """Return the least whole powers >= start (B, N) at which every user reaches the SINR target.

    Users beyond P_MAX are stopped at P_MAX + 1: such a network cannot reach the target.
    """
    powers = start.double().ceil()
    if target <= 0:
        return powers
    gain = received(contexts, torch.ones_like(powers))[0]
    while True:
        signal, interference = received(contexts, powers)
        needed = (target * interference / gain * (1 - GUARD)).ceil()
        higher = torch.maximum(needed, powers + 1).clamp(max=P_MAX + 1)
        raised = torch.where(signal / interference < target, higher, powers)
        if torch.equal(raised, powers):
            return powers
        powers = raised


def feasible(contexts: Tensor, needs: Requirements, users: int) -> tuple[Tensor, Tensor]:
    """Decide exactly which contexts have a whole-level design that meets the closed-form constraints.

    Returns:
        feasible (B,) and the least powers (B, N) that reach the SINR target.
    """
    start = torch.zeros(len(contexts), users, dtype=torch.float64, device=contexts.device)
    least = least_powers(contexts, start, needs.target)
    return (least.amax(dim=1) <= needs.cap) & (least.sum(dim=1) <= needs.budget), least


def repair(contexts: Tensor, designs: Tensor, needs: Requirements) -> Tensor:
    """Return whole-level designs (B, N) near the given ones that meet the requirements where any design does.

    Candidates lie on the segment from the least feasible powers to the wished design; each is rounded and raised to the
    least powers above it that reach the SINR target. Raising is monotone along the segment, so bisection finds the
    candidate nearest to the wish within cap and budget. Where nothing is feasible, the least powers are cut to the cap.
    """
    wish = designs.double().clamp(0, needs.cap)
    possible, least = feasible(contexts, needs, designs.shape[1])
    base = least.clamp(max=max(needs.cap, 0))
    wish = torch.maximum(wish, base)

    def candidate(share_B: Tensor) -> tuple[Tensor, Tensor]:
        mixed = base + share_B[:, None] * (wish - base)
        whole = least_powers(contexts, fit_total(mixed, needs.budget, base), needs.target)
        return whole, (whole.amax(dim=1) <= needs.cap) & (whole.sum(dim=1) <= needs.budget)

    low = torch.zeros(len(wish), dtype=torch.float64, device=wish.device)
    best, fits = candidate(low + 1.0)
    best = torch.where((fits | ~possible)[:, None], best.clamp(max=needs.cap), base)
    high = torch.ones_like(low)
    if bool((~fits & possible).any()):
        for _ in range(10):
            middle = (low + high) / 2
            trial, ok = candidate(middle)
            better = ok & possible & ~fits
            best = torch.where(better[:, None], trial, best)
            low, high = torch.where(ok, middle, low), torch.where(ok, high, middle)
    return torch.where(possible[:, None], best, base).to(designs.dtype)


def fit_total(powers: Tensor, budget: float, floor: Tensor) -> Tensor:
    """Round powers (B, N) to whole levels; where that exceeds the budget, scale the part above `floor` down first.

    The scaled part is rounded by largest remainders, so that a budget is used up and never exceeded.
    """
    nearest = powers.round()
    spare = (budget - floor.sum(dim=1)).clamp_min(0.0)
    above = powers - floor
    above = above * (spare / above.sum(dim=1).clamp_min(1e-12)).clamp(max=1.0)[:, None]
    whole = (above + 1e-9).floor()
    left = spare - whole.sum(dim=1)
    order = (above - whole).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)
    scaled = floor + whole + (rank < left[:, None]).double()
    return torch.where((nearest.sum(dim=1) > budget)[:, None], scaled, nearest)
