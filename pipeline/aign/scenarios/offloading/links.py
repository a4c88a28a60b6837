"""Contexts as networks, and designs as choices among a user's servers, numbered from its strongest link.

A design holds a score of each option of a user, of which the largest decides: 0 local, k its k-th strongest link. So
the design of a user means the same whatever the number of servers, and one generator serves networks of any size.

Axes: B networks, N users, M servers, K links a user may have, X = N (K + 1) design values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.offloading.drawing import NEAR
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.semantics import Semantics

MEGA, GIGA = 1e6, 1e9
PATH_LOSS = 1.5
"""Exponent of amplitude over distance: half of that of power."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a scenario: users N, servers M, links K of a user, and whether users move."""

    users: int
    servers: int
    links: int
    mobility: bool

    def split(self, contexts: Tensor) -> list[Tensor]:
        """Return sizes [Mbit], speeds [GHz], weights (B, N), gains (B, N, M), and with mobility distances [m] and times
        until departure [s] (B, N, M); float64.
        """
        users, pairs = self.users, self.users * self.servers
        parts = contexts.double().split([users] * 3 + [pairs] * (3 if self.mobility else 1), dim=1)
        return [*parts[:3], *(part.unflatten(1, (users, self.servers)) for part in parts[3:])]

    def gain(self, contexts: Tensor) -> Tensor:
        """Return the amplitude gain of every link (B, N, M), with its path loss; 0 out of reach."""
        parts = self.split(contexts)
        return parts[3] * (parts[4].clamp_min(NEAR) / NEAR) ** -PATH_LOSS if self.mobility else parts[3]

    def network(self, semantics: Semantics, contexts: Tensor) -> Network:
        """Return contexts (B, C) as networks."""
        size, speed, weight, *_ = parts = self.split(contexts)
        departure = parts[5] if self.mobility else None
        return Network.read(semantics, MEGA * size, GIGA * speed, weight, self.gain(contexts), departure)

    def options(self, contexts: Tensor) -> Tensor:
        """Return the server behind each option of a user (B, N, K + 1), 0 where there is none; option 0 is local."""
        strength, order = self.gain(contexts).sort(dim=2, descending=True, stable=True)
        few = min(self.links, self.servers)
        server = (order[:, :, :few] + 1).where(strength[:, :, :few] > 0, 0)
        return torch.nn.functional.pad(server, (1, self.links - few))

    def server(self, options: Tensor, designs: Tensor) -> Tensor:
        """Return where designs (B, X) compute each task (B, N), 0 locally, with options (B, N, K + 1)."""
        scores = designs.unflatten(1, (self.users, self.links + 1))
        possible = options > 0
        possible[:, :, 0] = True
        chosen = scores.masked_fill(~possible, -torch.inf).argmax(2, keepdim=True)
        return options.gather(2, chosen)[:, :, 0]

    def chances(self, options: Tensor, scores: Tensor) -> Tensor:
        """Return with which chances (B, N, M + 1) users choose each server, 0 local, where scores (B, X) of options
        (B, N, K + 1) are means over designs, as a generator predicts them; those below 0 count as 0.
        """
        taken = scores.unflatten(1, (self.users, self.links + 1)).clamp_min(0.0)
        taken = torch.cat([taken[:, :, :1], taken[:, :, 1:].where(options[:, :, 1:] > 0, 0.0)], 2)
        return taken.new_zeros(len(taken), self.users, self.servers + 1).scatter_add(2, options, taken)

    def design(self, options: Tensor, server: Tensor) -> Tensor:
        """Return the design (B, X) of servers (B, N): 1 for the option taken, 0 for others; float32."""
        taken = (options == server[:, :, None]) & (server > 0)[:, :, None]
        local = ~taken.any(2, keepdim=True)
        return torch.cat([local, taken[:, :, 1:]], 2).float().flatten(1)

    def renumbered(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Return contexts (B, C) with users by falling size of their task, and the place (B, X) that each value of a
        design then had before.
        """
        order = contexts[:, :self.users].argsort(dim=1, descending=True, stable=True)
        widths = [1, 1, 1] + [self.servers] * (3 if self.mobility else 1)
        parts = contexts.split([self.users * width for width in widths], dim=1)
        moved = [part.gather(1, spread(order, width)) for part, width in zip(parts, widths, strict=True)]
        return torch.cat(moved, 1), spread(order, self.links + 1)


def spread(order: Tensor, width: int) -> Tensor:
    """Return the places (B, N width) of values that come in runs of `width` for each of N users in an order (B, N)."""
    places = width * order[:, :, None] + torch.arange(width, device=order.device)
    return places.flatten(1)
