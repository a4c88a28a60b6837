"""Contexts known by name.

Axes: N users, M servers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.drawing import SIZE, SIZES, SPEED
from aign.scenarios.offloading.links import Layout

STRONG, WEAK = 0.8, 0.5
"""Gains of each user's two links."""


def even(layout: Layout) -> Tensor:
    """Return users alike, each in reach of two neighbouring servers, better of the first; (C,)."""
    user = torch.arange(layout.users)
    return _context(layout, torch.full((layout.users,), SIZE), user % layout.servers, (user + 1) % layout.servers)


def crowded(layout: Layout) -> Tensor:
    """Return users with tasks of 11 to 2 Mbit, all closest to the first server and each in reach of another; (C,)."""
    user = torch.arange(layout.users)
    others, (least, most) = max(1, layout.servers - 1), SIZES
    return _context(layout, torch.linspace(most, least, layout.users), torch.zeros_like(user),
                    (1 + user % others) % layout.servers)


def _context(layout: Layout, size: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the context (C,) of tasks (N,) [Mbit] whose users reach two servers (N,) each, from 0."""
    gain, user = torch.zeros(layout.users, layout.servers), torch.arange(layout.users)
    gain[user, second], gain[user, first] = WEAK, STRONG
    parts = [size, *(torch.full((layout.users,), value) for value in (SPEED, 0.5))]
    pairs = layout.users * layout.servers
    moving = [torch.full((pairs,), value) for value in (50.0, 10.0)] if layout.mobility else []
    return torch.cat([*parts, gain.flatten(), *moving])
