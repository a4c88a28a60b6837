"""Menus by rule of thumb. Axes: B networks, Q types."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aign.scenarios.contract.menu import MOST_COMPLEXITY, Market, gain, sign
from aign.scenarios.contract.optimum import aligned, down, nobody, up

Rule = Callable[[Market], tuple[Tensor, Tensor]]
"""A market to speeds and rewards, (B, Q) each, on the grid."""


def blind_contract(market: Market) -> tuple[Tensor, Tensor]:
    """Return the single contract that asks for nothing (x = 1) and that every conceivable type accepts (f * 100): it
    needs no knowledge of the market.
    """
    speed = torch.ones_like(market.share)
    return speed, up(market.terms.f * MOST_COMPLEXITY * speed)


def efficient_speeds(market: Market) -> Tensor:
    """Return the speeds (B, Q), on the grid, that maximise what client and provider have together: the first best."""
    terms = market.terms
    return down((terms.z2 * terms.e2 / market.cost).pow(1 / (terms.z2 + 1)).clamp(1.0, terms.x_max))


def uniform_contract(market: Market) -> tuple[Tensor, Tensor]:
    """Return the best menu of a single contract.

    One that types 1..k sign costs least at reward f theta_k x and at the first-best speed of type k, whatever the
    probabilities; what is left to choose is k.
    """
    speed = efficient_speeds(market)
    best = nobody(market)
    menu = torch.ones_like(speed), torch.zeros_like(speed)
    for k in range(market.terms.types):
        x = speed[:, k:k + 1].expand_as(speed)
        r = up(market.cost[:, k:k + 1] * x)
        value = gain(market, sign(market, x, r))
        # With penalties everybody has to sign: the last of the loop stands.
        better = (value > best) if market.terms.reward == "self-selection" else torch.ones_like(best, dtype=torch.bool)
        menu = torch.where(better[:, None], x, menu[0]), torch.where(better[:, None], r, menu[1])
        best = torch.where(better, value, best)
    return menu


def first_best_menu(market: Market) -> tuple[Tensor, Tensor]:
    """Return what would be best if types could be told: first-best speeds, rewards that just cover the cost.

    Where they cannot, every type prefers the contract of the most complex one, and the menu earns what the single
    contract for that type earns.
    """
    speed = efficient_speeds(market)
    return speed, up(market.cost * speed)


def efficient_menu(market: Market) -> tuple[Tensor, Tensor]:
    """Return first-best speeds with the least rewards that make every type sign its own contract."""
    speed = efficient_speeds(market)
    everybody = torch.full_like(market.longest, market.terms.types, dtype=torch.int64)
    return aligned(market, everybody, speed, torch.zeros_like(speed))


RULES: Mapping[str, Rule] = {"blind_contract": blind_contract, "uniform_contract": uniform_contract,
                             "first_best_menu": first_best_menu, "efficient_menu": efficient_menu}
