"""Power control without learning: closed-form rules, and coordinate ascent.

Axes: B networks, N users.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from aign.scenarios.power_allocation.physics import P_MAX, POWER_PRICE, REVENUE, Utility, received, utility


def serving_gain(contexts: Tensor, users: int) -> Tensor:
    """Return each user's gain at the base station that serves it, (B, N) float64."""
    ones = torch.ones(len(contexts), users, device=contexts.device)
    return received(contexts, ones)[0]


def full_power(contexts: Tensor, users: int) -> Tensor:
    """Everybody at the highest level."""
    return torch.full((len(contexts), users), float(P_MAX), device=contexts.device)


def noise_limited(contexts: Tensor, users: int) -> Tensor:
    """The level alpha/c at which marginal log revenue meets the price when interference is ignored."""
    return torch.full((len(contexts), users), float(round(REVENUE / POWER_PRICE)), device=contexts.device)


def channel_inversion(contexts: Tensor, users: int) -> Tensor:
    """Equal received power: levels inverse to the gain, the weakest user at full power."""
    return fractional(contexts, users, exponent=1.0)


def fractional_control(contexts: Tensor, users: int) -> Tensor:
    """3GPP fractional power control, half of the path loss compensated, the weakest user at full power."""
    return fractional(contexts, users, exponent=0.5)


def fractional(contexts: Tensor, users: int, exponent: float) -> Tensor:
    """Return levels proportional to gain^-exponent, the weakest user at P_MAX."""
    share = serving_gain(contexts, users).pow(-exponent)
    return (share / share.amax(dim=1, keepdim=True) * P_MAX).round().float()


CLOSED_FORM: dict[str, Callable[[Tensor, int], Tensor]] = {
    "full_power": full_power,
    "noise_limited": noise_limited,
    "channel_inversion": channel_inversion,
    "fractional_control": fractional_control,
}
"""Rules that cost one formula."""
GAIN_BLIND = ("full_power", "noise_limited")
"""The cheapest of them, which need no channel knowledge: the better one is the zero of the normalised return."""


def coordinate_ascent(contexts: Tensor, start: Tensor, kind: Utility, reach: int = P_MAX, sweeps: int = 4,
                      allowed: Callable[[Tensor, Tensor], Tensor] | None = None) -> Tensor:
    """Improve whole-level designs (B, N) user by user: each takes its best level within `reach` of its present one.

    Args:
        contexts: (B, C).
        start: (B, N) whole levels.
        kind: utility to climb.
        reach: how far one user may move at once; P_MAX makes it the exact best response.
        sweeps: passes over all users; stops earlier when nothing moves.
        allowed: tells for (contexts, designs) which designs are admissible, beyond the levels 0..P_MAX.
    """
    powers = start.clone()
    offsets = torch.arange(-reach, reach + 1, device=start.device, dtype=start.dtype)
    repeated = contexts.repeat_interleave(len(offsets), dim=0)
    for _ in range(sweeps):
        before = powers.clone()
        for user in range(start.shape[1]):
            trial = powers.repeat_interleave(len(offsets), dim=0)
            levels = (powers[:, user:user + 1] + offsets)
            trial[:, user] = levels.clamp(0, P_MAX).reshape(-1)
            value = utility(repeated, trial, kind)
            if allowed is not None:
                value = torch.where(allowed(repeated, trial), value, -torch.inf)
            # Stay where nothing is better: the middle offset is the present level.
            value = value.reshape(-1, len(offsets))
            value[:, reach] += 1e-9 * value[:, reach].abs().nan_to_num(posinf=0.0)
            best = value.argmax(dim=1, keepdim=True)
            powers[:, user] = levels.clamp(0, P_MAX).gather(1, best)[:, 0]
        if torch.equal(before, powers):
            break
    return powers
