"""Pricing rules: blind ones, one that infers the types from the probes, and one that is clairvoyant.

Axes: B networks, N devices, K probing prices.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from aign.scenarios.stackelberg import per_device, uniform
from aign.scenarios.stackelberg.followers import EMBEDDING_COST, L_MAX, LAYER_COST, Devices
from aign.scenarios.stackelberg.leader import PRICE_HIGH, PRICE_LOW, Game

FIXED_PRICE = 0.35
"""The best constant price, to within 0.05, over contexts as they are drawn with one price for all."""
COST_SHARE = 0.23
"""What a layer saves the leader, times this, is the best price in proportion to it, to within 0.01."""
BLIND_PRICES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
"""Prices that are optimal in some network or other."""
TASTE, TASTES = 1.0, (0.2, 3.0)
"""What is presumed of a device that the probes say too little of, and what is believed at all."""
CAPACITIES = (5.3, 19.2)
GOLDEN = (5**0.5 - 1) / 2


def fixed_price(game: Game) -> Tensor:
    """Return the same price in every network (B, 1)."""
    return torch.full_like(game.cost, FIXED_PRICE)


def cost_plus(game: Game) -> Tensor:
    """Return a fixed share of what a layer saves the leader (B, 1): its own costs are all it looks at."""
    return COST_SHARE * LAYER_COST * game.cost


def random_price(game: Game) -> Tensor:
    """Return a price between 0 and 1 for every device (B, N), drawn from digits of its type: the same in any batch."""
    return (game.devices.taste * 1e4).frac()


def golden_section(game: Game, evaluations: int = 24) -> Tensor:
    """Return one price (B, 1) by golden-section search on the true utility.

    Clairvoyant: it asks the simulator, in which the types are known, a whole series of what-ifs. Not exact either, as
    the utility may have several maxima.
    """
    low, high = torch.full_like(game.cost, PRICE_LOW), torch.full_like(game.cost, PRICE_HIGH)
    for _ in range(evaluations // 2):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        values = [game.profit(price[:, None], game.devices.respond(price[:, None])) for price in (left, right)]
        rising = values[0] < values[1]
        low, high = torch.where(rising, left, low), torch.where(rising, high, right)
    return (low + high) / 2


def inferred_types(game: Game, probes: Tensor, one_price: bool) -> Tensor:
    """Return the optimal prices (B, 1 or N) for the types that the answers to the probing prices (K,) suggest.

    A device that computes some layers, not all, has L = K - alpha / P: a straight line in 1 / P, fitted by least
    squares. With fewer than two such answers its taste is presumed. Knows what the leader knows and the followers'
    utility function, but no type: certainty equivalence.
    """
    inverse = (1.0 / probes).expand(*game.devices.power.shape, -1)
    answers = game.devices.respond(probes.expand(len(game.cost), 1, -1))
    partly = ((answers > 0) & (answers < L_MAX)).double()
    count = partly.sum(2)
    share = partly / count.clamp_min(1.0)[:, :, None]
    mean_x, mean_y = (share * inverse).sum(2), (share * answers).sum(2)
    spread = (share * (inverse - mean_x[:, :, None]) ** 2).sum(2)
    slope = -(share * (inverse - mean_x[:, :, None]) * answers).sum(2) / spread.clamp_min(1e-300)
    taste = slope.where(count > 1, TASTE).clamp(*TASTES)
    capacity = (mean_y + taste * mean_x).where(count > 0, float(L_MAX)).clamp(*CAPACITIES)
    guess = replace(game, devices=Devices(LAYER_COST * capacity - 1.0 + EMBEDDING_COST, taste, whole=False))
    return uniform.solve(guess, ())[1] if one_price else per_device.certify(guess, ())[1]
