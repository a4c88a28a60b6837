"""Whether a request can be met: proofs that it cannot, and witnesses that it can.

Decided exactly, on whole levels: bounds on total and maximum power from above, on rate and SINR from below, and any
combination of these (least fixed points, see `requirements`); bounds on total and maximum power from below beside
them, where no SINR is asked. Otherwise a proof that nothing meets the request may exist, or a witness be found:

- a maximum power of m or more: some user i is at m, so the least fixed point from m e_i has to fit, for one i;
- a total power of L or more at a SINR target: the continuous maximum of sum p, a linear program, bounds L;
- the worst user's rate or SINR at most x: no design where the least SINR asked already gives more;
- Jain's index lies in [1/N, 1];
- energy efficiency: with least powers l, SINR_i <= h_i p_i where h_i counts only the interference of l, so it is at
  most the largest ratio sum B log2(1 + h_i p_i) / sum p_i over whole p >= l, found by Dinkelbach's method (for l = 0 it
  is at most B log2(1 + g_max)); at a rate of R or more for each user it is at least N R / (most total power).

Axes: B networks, N users, P levels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.core.certificate import Feasibility
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.power_allocation.heuristics import fractional_control
from aign.scenarios.power_allocation.physics import P_MAX, SILENT_DB, cross_gains, gain_matrix, shannon, sinr_target
from aign.scenarios.power_allocation.requirements import Requirements, feasible, least_powers, repair, requirements
from aign.scenarios.power_allocation.uplink import Uplink
from aign.scenarios.power_allocation.witness import witness

MARGIN = 1e-9
"""Relative room left for rounding in every proof that uses floating-point bounds."""
LINEAR_MARGIN = 1e-3
"""Levels by which a linear program's value is raised before it is taken for a bound on a whole number."""
DINKELBACH_STEPS = 30


def feasibility(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint]) -> Feasibility:
    """Return what is known about the request for each context; see `Feasibility`."""
    users = uplink.users
    needs = requirements(constraints, users)
    start = fractional_control(contexts, users)
    design = repair(contexts, start, needs)
    if not needs.rest:
        possible, _ = feasible(contexts, needs, users)
        return Feasibility(possible, ~possible, design)
    impossible = proven_impossible(contexts, constraints, users)
    known, open_ = torch.zeros_like(impossible), ~impossible
    if bool(open_.any()):
        known[open_], designs = witness(uplink, contexts[open_], constraints)
        design[open_] = designs.to(design.dtype)
    return Feasibility(known, impossible, design)


def proven_impossible(contexts: Tensor, constraints: Sequence[Constraint], users: int) -> Tensor:
    """Return (B,) whether it is proven that no whole-level design meets the request; see the head of this file."""
    needs = requirements(constraints, users)
    possible, least = feasible(contexts, needs, users)
    result = ~possible
    for constraint in needs.rest:
        limit, upper = constraint.closed.threshold, constraint.upper
        if constraint.label in ("total_power", "max_power"):
            below = _total_below if constraint.label == "total_power" else _peak_below
            result |= below(contexts, needs, users, math.ceil(limit), result)
        elif constraint.label in ("min_rate", "min_sinr_db"):
            result |= _worst_user_above(constraint.label, limit, needs)
        elif constraint.label == "jain_fairness":
            result |= limit < (1 - MARGIN) / users if upper else limit > 1 + MARGIN
        elif constraint.label == "energy_efficiency":
            if upper:
                result |= limit < _least_efficiency(needs, users) * (1 - MARGIN)
            else:
                result |= limit > most_efficiency(contexts, needs, least) * (1 + MARGIN)
    return result


def _worst_user_above(label: str, limit: float, needs: Requirements) -> bool:
    """Return whether the worst user's rate or SINR exceeds the limit in every design."""
    if limit < (0.0 if label == "min_rate" else SILENT_DB):
        return True
    return needs.target > 0 and needs.target >= sinr_target(label, math.nextafter(limit, math.inf))


def _peak_below(contexts: Tensor, needs: Requirements, users: int, peak: int, settled: Tensor) -> Tensor:
    """Return (B,) whether no user can be at level `peak` or more."""
    if peak > min(needs.cap, needs.budget):
        return torch.ones_like(settled)
    result = torch.zeros_like(settled)
    rows = (~settled).nonzero()[:, 0]
    if needs.target <= 0 or peak <= 0 or not len(rows):
        return result
    raised = peak * torch.eye(users, dtype=torch.float64, device=contexts.device).repeat(len(rows), 1)
    least = least_powers(contexts[rows].repeat_interleave(users, dim=0), raised, needs.target)
    fits = (least.amax(dim=1) <= needs.cap) & (least.sum(dim=1) <= needs.budget)
    result[rows] = ~fits.unflatten(0, (-1, users)).any(dim=1)
    return result


def _total_below(contexts: Tensor, needs: Requirements, users: int, total: int, settled: Tensor) -> Tensor:
    """Return (B,) whether no design has a total power of `total` or more."""
    if total > min(needs.budget, needs.cap * users):
        return torch.ones_like(settled)
    result = torch.zeros_like(settled)
    if needs.target > 0 and total > 0:
        for row in (~settled).nonzero()[:, 0].tolist():
            result[row] = most_total(contexts[row], needs, users) < total
    return result


def most_total(context: Tensor, needs: Requirements, users: int) -> float:
    """Return an upper bound on the total power of designs that reach the SINR target within the cap: p_i g_i >= gamma
    (1 + sum G_ik p_k) is linear in p.
    """
    from scipy.optimize import linprog  # takes a third of a second to import, and few requests need it

    gain = cross_gains(gain_matrix(context[None].cpu(), users))[0].numpy()
    direct = np.diag(gain).copy()
    # Divided by the direct gain, so that the solver's tolerance means levels.
    matrix = needs.target * gain / direct[:, None]
    np.fill_diagonal(matrix, -1.0)
    solved = linprog(-np.ones(users), A_ub=matrix, b_ub=-needs.target / direct + LINEAR_MARGIN / users,
                     bounds=(0.0, float(needs.cap)), method="highs")
    return math.inf if solved.status != 0 else -float(solved.fun) + LINEAR_MARGIN


def _least_efficiency(needs: Requirements, users: int) -> float:
    """Return a lower bound on energy efficiency: N times the least rate over the most total power; 0 where silence is
    allowed.
    """
    if needs.target <= 0:
        return 0.0
    rate = float(shannon(torch.tensor([needs.target], dtype=torch.float64))[0])
    return users * rate / max(1.0, min(needs.budget, needs.cap * users))


def most_efficiency(contexts: Tensor, needs: Requirements, least: Tensor) -> Tensor:
    """Return an upper bound (B,) on energy efficiency given least powers (B, N); see the head of this file."""
    users = least.shape[1]
    gain = cross_gains(gain_matrix(contexts, users))
    direct = torch.diagonal(gain, dim1=1, dim2=2)
    floor = least.clamp(max=P_MAX)
    heard = torch.einsum("bik,bk->bi", gain, floor) - direct * floor
    level = torch.arange(P_MAX + 1, dtype=torch.float64, device=contexts.device)
    value_BNP = shannon((direct / (1 + heard))[:, :, None] * level)
    allowed = (level >= floor[:, :, None]) & (level <= max(needs.cap, 0))
    ratio = torch.zeros(len(contexts), dtype=torch.float64, device=contexts.device)
    for _ in range(DINKELBACH_STEPS):
        surplus = torch.where(allowed, value_BNP - ratio[:, None, None] * level, -torch.inf)
        best, index = surplus.max(dim=2)
        spent = index.sum(dim=1)
        new = torch.where(spent > 0, value_BNP.gather(2, index[:, :, None])[:, :, 0].sum(dim=1) / spent, ratio)
        if torch.equal(new, ratio):
            break
        ratio = torch.maximum(new, ratio)
    # Not quite converged, the largest ratio exceeds the present one by at most the surplus over the least total.
    excess = best.sum(dim=1).clamp_min(0.0).nan_to_num(neginf=0.0)
    return ratio + excess / floor.sum(dim=1).clamp_min(1.0)
