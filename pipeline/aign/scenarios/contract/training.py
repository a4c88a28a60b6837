"""What a learning client observes and is trained on. Axes: B networks, Q types."""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.contract.menu import Market, sign, slacks
from aign.scenarios.contract.optimum import log_rent

FARTHEST = 2.0
"""Slacks are observed up to this size: beyond it only the direction matters."""
REFUSED = 2.0
"""Enough to keep clear of the edge, little enough for a critic to see the rest."""


def observations(market: Market, speed: Tensor, reward: Tensor) -> Tensor:
    """Return (B, 8Q - 2), float32, of order 1: speeds, rewards, probabilities, complexities and the logarithm of what
    rents add to them, then payoffs of every type from its own contract, and its advantage over the next and the
    previous one.
    """
    rational, compatible = slacks(sign(market, speed, reward).payoffs)
    views = [speed - 2, reward / 4 - 1, market.share * market.terms.types - 1, market.complexity / 50 - 1,
             log_rent(market), rational.clamp(-FARTHEST, FARTHEST),
             *(compatible.diagonal(offset, 1, 2).clamp(-FARTHEST, FARTHEST) for offset in (1, -1))]
    return torch.cat(views, 1).float()


def potential(market: Market, speed: Tensor, reward: Tensor) -> Tensor:
    """Return a milder utility (B,) for learners: a type that signs nothing costs no lost revenue, hundreds of times
    what a menu decides, but `REFUSED` times the largest reward, and what it lacks to sign: there is a slope to climb.
    """
    terms = market.terms
    choice = sign(market, speed, reward)
    worth = market.blind - terms.e2 * choice.speed**-terms.z2 - choice.reward
    refused = choice.payoffs.amax(2) - REFUSED * terms.reward_max
    return (market.share * torch.where(choice.accepted, worth, refused)).sum(1)
