"""Contexts known by name.

Axes: N users, M servers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.drawing import SIZE, SPEED
from aign.scenarios.offloading.links import Layout


def even(layout: Layout) -> Tensor:
    """Return users alike, each in reach of two neighbouring servers, better of the first; (C,)."""
    gain = torch.zeros(layout.users, layout.servers)
    user = torch.arange(layout.users)
    gain[user, (user + 1) % layout.servers] = 0.5
    gain[user, user % layout.servers] = 0.8
    parts = [torch.full((layout.users,), value) for value in (SIZE, SPEED, 0.5)]
    pairs = layout.users * layout.servers
    moving = [torch.full((pairs,), value) for value in (50.0, 10.0)] if layout.mobility else []
    return torch.cat([*parts, gain.flatten(), *moving])
