"""Which certificate a power-allocation request gets, and a whole-level design that comes close to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.power_allocation.concave_bound import BoundResult, silence_never_pays, upper_bound
from aign.scenarios.power_allocation.feasibility import proven_impossible
from aign.scenarios.power_allocation.heuristics import CLOSED_FORM, coordinate_ascent
from aign.scenarios.power_allocation.multi_start import best_of_starts
from aign.scenarios.power_allocation.physics import BANDWIDTH, P_MAX, RATE_FLOOR, sinr_target
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import Requirements, feasible, least_powers, repair, requirements
from aign.scenarios.power_allocation.uplink import Uplink
from aign.scenarios.power_allocation.witness import best_design

CHUNK_VALUES = 2_000_000
"""Matrix values (B*N*N) worked on at once, so that large batches fit."""
RANDOM_STARTS = 28
"""Random starting points of each local search where nothing is proven, beside the rules'."""
SILENCE_MAY_PAY = f" and at {RATE_FLOOR:g} Mbit/s or more (at some of these gains silence may pay)"
"""What the bound leaves open where `silence_never_pays` does not hold."""


def certify(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
    """Return the strongest certificate there is; see `Certificate` and the three functions below."""
    users = uplink.users
    chunk = max(1, CHUNK_VALUES // (P_MAX * P_MAX * 4 if users == 2 else users * users))
    if users == 2:
        method = exhaustive
    elif uplink.kind == "log":
        method = concave
    else:
        method = best_known
    parts = [method(uplink, part, constraints) for part in torch.split(contexts, chunk)]
    weakest = min(parts, key=lambda part: part.strength)
    certificate = Certificate(torch.cat([part.utility for part in parts]),
                              torch.cat([part.design for part in parts]),
                              torch.cat([part.feasible for part in parts]), weakest.kind, weakest.statement,
                              {key: torch.cat([part.prices[key] for part in parts]) for key in parts[0].prices},
                              conditional=weakest.conditional)
    if users == 2:
        return certificate
    impossible = proven_impossible(contexts, constraints, users)
    if not requirements(constraints, users).rest:
        return replace(certificate, impossible=impossible)
    return completed(uplink, contexts, constraints, certificate, impossible)


def completed(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint],
             certificate: Certificate, impossible: Tensor) -> Certificate:
    """Complete a certificate that ignores the constraints without a closed form: the design becomes the best found that
    meets them all. An upper bound stays one, since it ignores constraints; a best known utility is the design's.
    """
    known, open_, design = torch.zeros_like(impossible), ~impossible, certificate.design.clone()
    if bool(open_.any()):
        known[open_], designs = best_design(uplink, contexts[open_], constraints, design[open_])
        design[open_] = designs.to(design.dtype)
    utility = certificate.utility.where(open_, torch.nan)
    if not certificate.kind.is_bound:
        utility = uplink.utility(contexts, design).where(known, torch.nan)
    text = f"{certificate.statement} The design is the best that a local search found to meet them all."
    return replace(certificate, utility=utility, design=design, feasible=known, statement=text, impossible=impossible)


def exhaustive(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
    """Evaluate all 41 x 41 designs of two users, under any constraints on any labels."""
    level = torch.arange(P_MAX + 1.0, device=contexts.device)
    grid = torch.cartesian_prod(level, level)
    repeated = contexts.repeat_interleave(len(grid), dim=0)
    designs = grid.repeat(len(contexts), 1)
    value = uplink.utility(repeated, designs)
    if constraints:
        allowed = satisfied(constraints, uplink.measure(repeated, designs), len(designs))
        value = torch.where(allowed, value, -torch.inf)
    best, index = value.reshape(len(contexts), len(grid)).max(dim=1)
    possible = best > -torch.inf
    return Certificate(torch.where(possible, best, torch.nan), grid[index], possible,
                       CertificateKind.EXHAUSTIVE,
                       f"The optimum over all {len(grid)} whole-level designs, found by evaluating every one.")


def concave(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
    """Bound log utility by concavity in log power, and round the maximiser to a near-optimal whole-level design."""
    users = uplink.users
    needs = requirements(constraints, users)
    possible, _ = feasible(contexts, needs, users)
    served = least_powers(contexts, torch.ones(len(contexts), users, device=contexts.device), needs.target)
    bounded = possible & (served.amax(dim=1) <= needs.cap) & (served.sum(dim=1) <= needs.budget)
    utility = torch.full((len(contexts),), torch.nan, dtype=torch.float64, device=contexts.device)
    design = repair(contexts, CLOSED_FORM["fractional_control"](contexts, users), needs)
    prices = {constraint: torch.full_like(utility, torch.nan)
              for constraint in constraints if constraint not in needs.rest}
    if bool(bounded.any()):
        bound = upper_bound(contexts[bounded], users, needs)
        utility[bounded] = bound.utility
        design[bounded] = rounded(contexts[bounded], bound.log_powers.exp(), needs)
        for constraint, price in prices.items():
            price[bounded] = shadow_price(constraint, bound, needs)
    proven = bool(silence_never_pays(contexts, users).all())
    return Certificate(utility, design, possible, CertificateKind.UPPER_BOUND,
                       statement(constraints, needs.rest, proven), prices, conditional=not proven)


def rounded(contexts: Tensor, powers: Tensor, needs: Requirements) -> Tensor:
    """Round continuous powers (B, N) to whole levels that meet the requirements; one sweep over neighbouring levels."""
    def allowed(context: Tensor, design: Tensor) -> Tensor:
        total = design.sum(dim=1) <= needs.budget
        inside = design.amax(dim=1) <= needs.cap
        if needs.target <= 0:
            return total & inside
        return total & inside & (least_powers(context, design, needs.target) == design).all(dim=1)

    start = repair(contexts, powers.float(), needs)
    return coordinate_ascent(contexts, start, "log", reach=1, sweeps=1, allowed=allowed)


def shadow_price(constraint: Constraint, bound: BoundResult, needs: Requirements) -> Tensor:
    """Return dU*/dthreshold (B,) of a constraint with a closed form, from the multipliers.

    0 where another constraint, or the range of levels, is tighter.
    """
    label, threshold = constraint.label, constraint.closed.threshold
    if label == "total_power":
        tightest = threshold < P_MAX * bound.log_powers.shape[1]
        price = bound.budget_multiplier / needs.budget
    elif label == "max_power":
        tightest = threshold < P_MAX
        price = bound.cap_multiplier.sum(dim=1) / needs.cap
    else:
        target = sinr_target(label, threshold)
        tightest = 0 < target == needs.target
        price = -bound.sinr_multiplier.sum(dim=1) * log_sinr_slope(label, target)
    return price if tightest else torch.zeros_like(price)


def log_sinr_slope(label: str, target: float) -> float:
    """Return the derivative of ln SINR with respect to a threshold on `min_rate` or `min_sinr_db`, at a SINR."""
    if label == "min_rate":
        return (1 + target) / max(target, 1e-300) * math.log(2.0) / BANDWIDTH
    return math.log(10.0) / 10


def statement(constraints: Sequence[Constraint], rest: Sequence[Constraint], proven: bool) -> str:
    """Return what the concave certificate proves, under which premises."""
    text = "A Lagrangian tangent bound on the utility of every design, by concavity of log utility in log power"
    if proven and not constraints:
        text += "; silent users are excluded because raising one to level 1 always pays at these gains"
    else:
        text += ", for designs that keep every user at level 1 or more" + ("" if proven else SILENCE_MAY_PAY)
    return text + ignored(rest, "it may be loose")


def ignored(rest: Sequence[Constraint], consequence: str) -> str:
    """Return the end of a statement, which names the constraints without a closed form."""
    return f"; it ignores {', '.join(map(str, rest))}, so {consequence}." if rest else "."


def best_known(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
    """Return the best of many local searches for rate utility, which is NP-hard: no bound is claimed."""
    users = uplink.users
    needs = requirements(constraints, users)
    possible, _ = feasible(contexts, needs, users)
    problem = RateProblem.of(contexts, users, needs)
    rules = torch.stack([rule(contexts, users) for rule in CLOSED_FORM.values()], dim=1).double()
    random = problem.starts(RANDOM_STARTS, torch.Generator().manual_seed(0))
    design = best_of_starts(problem, torch.cat([rules, random], dim=1)).to(contexts.dtype)
    best = uplink.utility(contexts, design)
    return Certificate(torch.where(possible, best, torch.nan), design, possible,
                       CertificateKind.BEST_KNOWN,
                       f"The best of {rules.shape[1] + RANDOM_STARTS} projected-gradient searches, rounded and "
                       "improved by coordinate ascent; the problem is NP-hard and no bound is claimed"
                       + ignored(needs.rest, "designs that meet them are searched for next"))
