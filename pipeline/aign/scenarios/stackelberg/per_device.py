"""A price for every device and one payment budget: the exact optimum by what each further layer costs.

To have a device compute L layers costs c(L) = L P(L), where P(L) is the lowest price at which it does: convex in L, for
continuous as for whole layers. Every layer saves the leader the same, beta A. So the cheapest layers come first.
- Whole layers: of all increments c(l) - c(l - 1) of all devices the k smallest buy k layers at the least cost, which
  leaves one number to try, k. No knapsack problem remains.
- Continuous layers: buying stops where a further layer costs the same everywhere, c'(L) = alpha K / (K - L)^2 = 1 / t,
  hence L = clip(K - sqrt(alpha K t)); t is set by the saving or, where that binds first, by budget or required layers.

Exact under payment<=, max_price<=, offload_ratio>= and profit>=; other constraints are left out of the bound.

Axes: B networks, N devices, k layers in all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, Side, satisfied, tightest
from aign.scenarios.stackelberg.followers import L_MAX, LAYER_COST
from aign.scenarios.stackelberg.leader import PRICE_HIGH, PRICE_LOW, Game, neighbours, stored

SOLVED: tuple[Side, ...] = (("payment", "<="), ("max_price", "<="), ("offload_ratio", ">="), ("profit", ">="))
"""The constraints the optimum takes in."""
LEAST, MOST = -20.0, 12.0
"""Natural logarithms between which t lies: full layers at the one, none at the other."""
HALVINGS = 80
MOVES = 16
"""Places tried between a design and the certified one."""
SLACK = 1e-12
"""Relative room for the order in which sums are formed."""


def limits(game: Game, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor, float]:
    """Return the most to pay (B, 1), the least layers in all (B, 1) and the highest price."""
    most = game.budget.clamp_max(tightest(constraints, ("payment", "<=")))
    share = tightest(constraints, ("offload_ratio", ">="), 0.0)
    need = torch.full_like(most, share * game.devices.power.shape[1] * L_MAX)
    return most, need, tightest(constraints, ("max_price", "<="), PRICE_HIGH)


def solve_whole(game: Game, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor, Tensor]:
    """Return for whole layers the utility (B,), prices (B, N) and where they are feasible for `SOLVED` (B,)."""
    most, need, cap = limits(game, constraints)
    thresholds = neighbours(game.devices.thresholds().clamp_max(2 * PRICE_HIGH))[:, :, L_MAX:]
    thresholds = thresholds.where((thresholds <= cap) & (game.devices.thresholds() <= PRICE_HIGH), torch.inf)
    level = torch.arange(1, L_MAX + 1, dtype=torch.float64, device=most.device)
    costs = thresholds * level
    increments = torch.diff(costs, dim=2, prepend=torch.zeros_like(costs[:, :, :1])).nan_to_num(nan=torch.inf)
    ascending, order = increments.flatten(1).sort(dim=1, stable=True)
    spent = torch.cat([torch.zeros_like(most), ascending.cumsum(1)], 1)  # of 0 .. N L_MAX layers
    bought = torch.arange(spent.shape[1], dtype=torch.float64, device=most.device).expand_as(spent)
    possible = (spent <= most * (1 - SLACK)) & (bought >= need * (1 - SLACK)) & (cap >= PRICE_LOW)
    saved = game.cost * LAYER_COST * (order.shape[1] - bought)
    best, count = (game.revenue - spent - saved).where(possible, -torch.inf).max(1)
    taken = (order.argsort(1) < count[:, None]).reshape(increments.shape).sum(2)
    prices = thresholds.gather(2, (taken - 1).clamp_min(0)[:, :, None])[:, :, 0].where(taken > 0, PRICE_LOW)
    return best, prices, possible.any(1)


def solve_continuous(game: Game, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor, Tensor]:
    """Return for continuous layers what `solve_whole` returns; the prices are not rounded, float64."""
    most, need, cap = limits(game, constraints)
    capacity, taste = game.devices.capacity, game.devices.taste
    top = game.devices.respond(torch.full_like(most, max(cap, PRICE_LOW))[:, :, None])[:, :, 0]

    def layers(log_t: Tensor) -> Tensor:
        return (capacity - (capacity * taste * log_t.exp()).sqrt()).clamp_min(0.0).minimum(top)

    def cost(log_t: Tensor) -> Tensor:
        bought = layers(log_t)
        return (taste * bought / (capacity - bought)).sum(1, keepdim=True)

    wanted = -(game.cost * LAYER_COST).log()
    affordable = turning_point(lambda log_t: cost(log_t) <= most, most)[1]
    enough = turning_point(lambda log_t: layers(log_t).sum(1, keepdim=True) < need, most)[0]
    bought = layers(torch.maximum(wanted, affordable).minimum(enough))
    possible = ((most >= 0) & (top.sum(1, keepdim=True) >= need) & (affordable <= enough) & (cap >= PRICE_LOW))[:, 0]
    prices = (taste / (capacity - bought)).where(bought > 0, PRICE_LOW)
    return game.profit(prices[:, :, None], bought[:, :, None])[:, 0], prices, possible


def turning_point(holds: Callable[[Tensor], Tensor], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return two neighbouring logarithms (B, 1): a condition fails at the one and holds at the other and beyond.

    Both are the least, or the greatest, where it holds throughout, or nowhere.
    """
    low, high = torch.full_like(like, LEAST), torch.full_like(like, MOST)
    high = torch.where(holds(low), low, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = holds(middle)
        low, high = torch.where(fits, low, middle), torch.where(fits, middle, high)
    return low, high


def certify(game: Game, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the bound (B,), prices (B, N) float32, where they meet the constraints and where nothing can (B,)."""
    solve = solve_whole if game.devices.whole else solve_continuous
    bound, wanted, possible = solve(game, constraints)
    possible = possible & (bound * (1 + 1e-9) >= tightest(constraints, ("profit", ">=")))
    best, prices = torch.full_like(bound, -torch.inf), stored(wanted)
    for tried in neighbours(wanted).chunk(2, dim=1):
        settled = game.settle(tried)
        profit = _profit_where_met(game, settled, constraints)
        best, prices = torch.maximum(best, profit), torch.where((profit > best)[:, None], settled, prices)
    feasible = ~best.isinf()
    return bound.where(possible, torch.nan), prices, feasible & possible, ~possible & ~feasible


def nearest(game: Game, prices: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return settled prices (B, N) within price cap and payment limit; where that does not meet all constraints, moved
    towards the certified prices by the least of `MOVES` that does.
    """
    most, _, cap = limits(game, constraints)
    held = game.scaled(prices.double().clamp(PRICE_LOW, max(cap, PRICE_LOW)), most, 1.0)
    if not constraints:
        return held
    anchor, prices = certify(game, constraints)[1], held
    met = ~_profit_where_met(game, held, constraints).isinf()
    for share in torch.arange(1, MOVES + 1) / MOVES:
        moved = game.settle(torch.lerp(held, anchor, float(share)))
        now = ~_profit_where_met(game, moved, constraints).isinf() & ~met
        prices, met = torch.where(now[:, None], moved, prices), met | now
    return prices


def _profit_where_met(game: Game, prices: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return the leader's utility (B,) at prices (B, N) where they meet the constraints, else minus infinity."""
    offered = prices.double()[:, :, None]
    values = {name: value[:, 0] for name, value in game.measure(offered, game.devices.respond(offered)).items()}
    return values["profit"].where(satisfied(constraints, values, len(prices)), -torch.inf)
