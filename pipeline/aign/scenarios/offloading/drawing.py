"""The law by which networks are drawn: tasks, processors, who reaches which server (Liang et al. 2024, section V).

Axes: B networks, N users, M servers.
"""

from __future__ import annotations

import torch
from torch import Tensor

SIZE, SIZE_SPREAD, SIZES = 6.5, 3.0, (2.0, 11.0)
"""Task [Mbit]: normal, drawn anew until within bounds."""
SPEED, SPEED_SPREAD, SPEEDS = 6.4, 5.0, (1.0, 10.0)
"""Local processor [GHz]: normal, drawn anew until within bounds."""
REACH = (0.1, 0.75, 0.1, 0.05)
"""Probability of reaching 1, 2, 3, 4 servers."""
MOST_REACH = 5
"""Servers that a user reaches at most: 4, and another that nobody else reaches."""
DENSE = (4, 8)
"""Servers that a user reaches where access is dense, equally likely; an extension of the published law."""
LEAST_GAIN = 0.01
"""Gains are U(0, 1), raised to this: weaker links are never worth using, and would make averages of costs
meaningless."""
RADIUS = 100.0
"""Radius of a server's coverage [m]."""
NEAR = 10.0
"""Distance [m] at which path loss begins."""
STAY = 10.0
"""Mean time until a user leaves coverage [s]."""


def truncated_normal(mean: float, spread: float, bounds: tuple[float, float], shape: tuple[int, ...],
                     generator: torch.Generator) -> Tensor:
    """Draw normal values within bounds, by the inverse of the distribution function; float64."""
    normal = torch.distributions.Normal(mean, spread)
    low, high = (normal.cdf(torch.tensor(bound, dtype=torch.float64)) for bound in bounds)
    draws = torch.rand(shape, generator=generator, dtype=torch.float64)
    values: Tensor = normal.icdf(low + (high - low) * draws).clamp(*bounds)
    return values


def access(count: int, users: int, servers: int, dense: bool, generator: torch.Generator) -> Tensor:
    """Draw who reaches which server, bool (B, N, M); every server is reached by somebody."""
    if dense:
        least, most = (min(bound, servers) for bound in DENSE)
        reach = torch.randint(least, most + 1, (count, users), generator=generator)
    else:
        drawn = torch.multinomial(torch.tensor(REACH), count * users, True, generator=generator) + 1
        reach = drawn.reshape(count, users).clamp_max(servers)
    rank = torch.rand(count, users, servers, generator=generator).argsort(2).argsort(2)
    linked = rank < reach[:, :, None]
    most_reach = DENSE[1] if dense else MOST_REACH
    for network, server in (~linked.any(1)).nonzero().tolist():
        # As published: user i with probability proportional to i, so that the first one never is chosen.
        wish = torch.arange(users) * (linked[network].sum(1) < most_reach)
        linked[network, int(torch.multinomial(wish.double(), 1, generator=generator)), server] = True
    return linked


def contexts(count: int, users: int, servers: int, dense: bool, mobility: bool, generator: torch.Generator) -> Tensor:
    """Draw (count, C) contexts: sizes, speeds, weights (N each), gains (N M); with mobility also distances and times
    until departure (N M each); float32.
    """
    size = truncated_normal(SIZE, SIZE_SPREAD, SIZES, (count, users), generator)
    speed = truncated_normal(SPEED, SPEED_SPREAD, SPEEDS, (count, users), generator)
    weight = torch.rand(count, users, generator=generator)
    linked = access(count, users, servers, dense, generator)
    gain = linked * torch.rand(linked.shape, generator=generator).clamp_min(LEAST_GAIN)
    parts = [size.float(), speed.float(), weight, gain.flatten(1)]
    if mobility:
        distance = RADIUS * torch.rand(linked.shape, generator=generator).sqrt()
        stay = -STAY * torch.rand(linked.shape, generator=generator).clamp(1e-4, 1.0).log()
        parts += [(linked * distance).flatten(1), (linked * stay).flatten(1)]
    return torch.cat(parts, 1)
