"""Designs that demonstrators aim at, and how users come to them: some choose at each step, in random order.

To scale or to tilt choices would mean nothing, so here they are blended and drawn anew.

Axes: B networks, N users, M servers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from aign.scenarios.core.exploration import log_uniform, uniform
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.search import random_choices

SHARES = {"exact": 0.5, "perturbed": 0.15, "redrawn": 0.2, "withheld": 0.15}
"""How designs are divided. Exact: the certified one. Perturbed: that of a network that differs at random. Redrawn: with
some users' choices drawn anew, among those that would save something alone. Withheld: with some computing locally."""
CHANGED = (0.02, 0.6)
"""Share of the users whose choice is changed, log-uniform."""
FEWER = (0.0, 1.0)
"""Share of the users who compute locally after all, uniform."""


def varied(network: Network, certified: Tensor, perturbed: Callable[[Tensor], Tensor],
           generator: torch.Generator) -> Tensor:
    """Return choices (B, N) made of certified ones (B, N), and of those (R, N) that `perturbed` gives of perturbed
    versions of the networks in some rows (R,).
    """
    count = len(certified)
    kinds = torch.multinomial(torch.tensor(list(SHARES.values())), count, True, generator=generator)
    kind = {name: (kinds == index)[:, None] for index, name in enumerate(SHARES)}
    server = certified.clone()
    if len(rows := kind["perturbed"][:, 0].nonzero()[:, 0]):
        foreign = perturbed(rows)
        reachable = network.upload[rows].gather(2, foreign[:, :, None])[:, :, 0].isfinite()
        server[rows] = torch.where(reachable, foreign, server[rows])
    draws = torch.rand(server.shape, generator=generator)
    redrawn = kind["redrawn"] & (draws < log_uniform(CHANGED, count, generator))
    withheld = kind["withheld"] & (draws < uniform(FEWER, count, generator))
    return torch.where(redrawn, random_choices(network, generator), server).where(~withheld, 0)
