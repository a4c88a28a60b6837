"""What agents that learn see and are paid where each device has its own price: one policy sets all of them.

Axes: B networks, N devices; see `leader`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.stackelberg.followers import L_MAX
from aign.scenarios.stackelberg.leader import Game

BINDING = 0.97
"""A budget of which more than this is spent counts as binding."""


def observations(game: Game, states: Tensor, fixed: Tensor) -> Tensor:
    """Return each device's part of states (B, 2 N) and of what never changes (B, K N), then what is common: the means
    of prices and shares, and the part of the budget that is spent; float32 (B, N, 5 + K).
    """
    devices = states.shape[1] // 2
    prices, shares = states[:, :devices], states[:, devices:]
    parts = torch.cat([states.float(), fixed], 1).unflatten(1, (-1, devices)).transpose(1, 2)
    spent = (prices * shares * L_MAX).sum(1, keepdim=True) / game.budget.to(states.dtype)
    common = torch.cat([prices.mean(1, True), shares.mean(1, True), spent], 1).float()
    return torch.cat([parts, common[:, None].expand(-1, devices, -1)], 2)


def stayed_utility(before: Game, repeated: Game, prices: Tensor, next_prices: Tensor) -> Tensor:
    """Return the utility (B, N) had device n's price alone not been moved.

    What it would have left of a binding budget goes to the others in proportion, as in difference rewards (Wolpert and
    Tumer 2001).

    Args:
        before: B networks.
        repeated: each of them N times.
        prices: (B, N), before all moved.
        next_prices: (B, N), after.
    """
    devices = prices.shape[1]
    stayed = torch.eye(devices, dtype=torch.bool, device=prices.device)
    tried = torch.where(stayed, prices[:, None], next_prices[:, None]).flatten(0, 1).double()
    after = before.payment(next_prices.double()[:, :, None]).repeat_interleave(devices, dim=0)
    binding = after > BINDING * repeated.budget
    matched = repeated.scaled(tried, torch.where(binding, after, repeated.budget), 2.0).double()
    offered = torch.where(binding, matched, repeated.settle(tried).double())[:, :, None]
    return repeated.profit(offered, repeated.devices.respond(offered)).reshape(-1, devices)


def compressed(gain: Tensor) -> Tensor:
    """Return the symmetric logarithm of gains, float32, within -10 and 10."""
    gain = gain.double()
    return (gain.sign() * gain.abs().log1p()).clamp(-10, 10).float()
