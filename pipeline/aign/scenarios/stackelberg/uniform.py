"""One price for all devices: the exact optimum, also under constraints, and the nearest price that meets them.

Between two neighbouring kinks (prices at which a device starts, stops or adds a layer) the leader's utility is smooth,
and for continuous layers concave with a stationary point in closed form; for whole layers it falls there. Every label
is monotone between kinks, stationary points and the extremum of Jain's index, so that each stretch holds at most one
price at which a constraint starts or ends to hold: bisection finds it. The optimum is then among finitely many prices.
All of them are prices as a state stores them (float32), so that what is found meets the constraints exactly.

Axes: B networks, N devices, M candidate prices.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.stackelberg.followers import L_MAX, LAYER_COST
from aign.scenarios.stackelberg.leader import HALVINGS, PRICE_HIGH, PRICE_LOW, Game, neighbours, stored


def solve(game: Game, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the optimal utility (B,) (NaN where there is none), price (B, 1) float32, and where there is one (B,)."""
    prices, allowed = candidates(game, constraints)
    offered = prices[:, None, :]
    profit = game.profit(offered, game.devices.respond(offered)).where(allowed, -torch.inf)
    best, place = profit.max(1)
    feasible = allowed.any(1)
    return best.where(feasible, torch.nan), prices.gather(1, place[:, None]).float(), feasible


def nearest(game: Game, prices: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return the price (B, 1) nearest to the given one that meets the constraints; itself where none does."""
    wanted = stored(prices).double()
    if not constraints:
        return wanted.float()
    limits, allowed = candidates(game, constraints)
    tried = torch.cat([wanted, limits], 1)
    fits = torch.cat([meets(game, wanted, constraints), allowed], 1)
    distance = (tried - wanted).abs().where(fits, torch.inf)
    return tried.gather(1, distance.argmin(1, keepdim=True)).float()


def candidates(game: Game, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor]:
    """Return prices (B, M), among them the optimum and every end of an interval that meets the constraints, and which
    of them meet all constraints (B, M).
    """
    marks = landmarks(game).sort(1).values
    if not constraints:
        return marks, torch.ones_like(marks, dtype=torch.bool)
    ends = [crossings(game, marks, constraint) for constraint in constraints]
    prices = torch.cat([marks, *ends], 1)
    return prices, meets(game, prices, constraints)


def meets(game: Game, prices: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return where prices (B, M) meet all constraints, at zero tolerance."""
    values = game.measure(prices[:, None, :], game.devices.respond(prices[:, None, :]))
    flat = {name: value.flatten() for name, value in values.items()}
    return satisfied(constraints, flat, prices.numel()).reshape(prices.shape)


def crossings(game: Game, marks: Tensor, constraint: Constraint) -> Tensor:
    """Return for each stretch between sorted marks (B, M) the price (B, M - 1) at which the constraint still holds,
    next to one at which it does not; an end of the stretch where it holds or fails throughout.
    """
    inside, outside = marks[:, :-1], marks[:, 1:]
    turned = ~meets(game, inside, [constraint])
    inside, outside = torch.where(turned, outside, inside), torch.where(turned, inside, outside)
    for _ in range(HALVINGS):
        middle = ((inside + outside) / 2).float().double()
        fits = meets(game, middle, [constraint])
        inside, outside = torch.where(fits, middle, inside), torch.where(fits, outside, middle)
    return inside


def landmarks(game: Game) -> Tensor:
    """Return the prices (B, M) between which every label and the utility's slope are monotone."""
    if game.devices.whole:
        points = game.devices.thresholds().flatten(1)
    else:
        kinks = torch.cat([game.devices.start_price(), game.devices.full_price()], 1)
        points = torch.cat([kinks, *_stationary(game, kinks)], 1)
    ends = points.new_tensor([PRICE_LOW, PRICE_HIGH]).expand(len(points), 2)
    return neighbours(torch.cat([points.clamp(PRICE_LOW, PRICE_HIGH), ends], 1))


def _stationary(game: Game, kinks: Tensor) -> tuple[Tensor, Tensor]:
    """Return for every stretch between kinks the stationary price of the utility and that of Jain's index, clipped to
    the stretch.

    There L_n = K_n - alpha_n / P for the active devices, L_MAX for the full ones: U' = 0 at
    P^2 = beta A sum alpha / (sum K + L_MAX * full), and Jain's index is (a + b v)^2 / (c + d v + e v^2) in v = 1 / P.
    """
    ends = kinks.new_tensor([PRICE_LOW, PRICE_HIGH]).expand(len(kinks), 2)
    edges = torch.cat([kinks.clamp(PRICE_LOW, PRICE_HIGH), ends], 1).sort(1).values
    low, high = edges[:, :-1], edges[:, 1:]
    middle = ((low + high) / 2)[:, None, :]
    capacity, taste = game.devices.capacity[:, :, None], game.devices.taste[:, :, None]
    full = (middle >= game.devices.full_price()[:, :, None]).double()
    active = (middle > game.devices.start_price()[:, :, None]).double() - full
    a, b = (active * capacity + L_MAX * full).sum(1), -(active * taste).sum(1)
    c, d = (active * capacity**2 + L_MAX**2 * full).sum(1), -2 * (active * capacity * taste).sum(1)
    e = (active * taste**2).sum(1)
    best = (game.cost * LAYER_COST * -b / a.clamp_min(1e-300)).sqrt()
    fairest = (b * d - 2 * a * e) / (a * d - 2 * b * c)  # 0 / 0 where nobody is active: no extremum there
    return (best.maximum(low).minimum(high), fairest.nan_to_num(nan=PRICE_LOW).maximum(low).minimum(high))
