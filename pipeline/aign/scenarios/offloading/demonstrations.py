"""Designs that demonstrators aim at, and how users come to them: some choose at each step, in random order.

To scale or to tilt choices would mean nothing, so here they are blended and drawn anew.

Axes: B networks, N users, M servers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.exploration import log_uniform, uniform
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.search import random_choices

SHARES = {"exact": 0.35, "perturbed": 0.25, "redrawn": 0.25, "withheld": 0.15}
"""How designs are divided. Exact: the certified one. Perturbed: that of a network that differs at random. Redrawn: with
some users' choices drawn anew, among those that would save something alone. Withheld: with some computing locally."""
CHANGED = (0.02, 0.6)
"""Share of the users whose choice is changed, log-uniform."""
FEWER = (0.0, 1.0)
"""Share of the users who compute locally after all, uniform."""


def varied(network: Network, certified: Tensor, perturbed: Tensor, generator: torch.Generator) -> Tensor:
    """Return choices (B, N) made of certified ones and of those of perturbed networks, both (B, N)."""
    count = len(certified)
    kinds = torch.multinomial(torch.tensor(list(SHARES.values())), count, True, generator=generator)
    kind = {name: (kinds == index)[:, None] for index, name in enumerate(SHARES)}
    reachable = network.upload.gather(2, perturbed[:, :, None])[:, :, 0].isfinite()
    server = torch.where(kind["perturbed"] & reachable, perturbed, certified)
    draws = torch.rand(server.shape, generator=generator)
    redrawn = kind["redrawn"] & (draws < log_uniform(CHANGED, count, generator))
    withheld = kind["withheld"] & (draws < uniform(FEWER, count, generator))
    return torch.where(redrawn, random_choices(network, generator), server).where(~withheld, 0)
