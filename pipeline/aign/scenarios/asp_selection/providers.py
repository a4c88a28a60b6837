"""Providers, their hidden utility curves, and the tasks that arrive: what nature decides.

A provider has a capacity and a curve u(t): 0 below a demand, rising in a straight line to its height, constant above
another demand (Du et al., Diffusion-based reinforcement learning for edge-enabled AI-generated content services, 2024,
with the ranges of its published code).

Axes: B networks, J providers, T tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

DemandT = TypeVar("DemandT", float, Tensor)

ARRIVAL_RATE = 1e-3
"""Tasks a second, a Poisson process."""
DEMANDS = (100.0, 250.0)
"""Smallest and largest demand; drawn in tens."""
LEAST_CAPACITY = 400.0
"""Capacities are drawn in hundreds, from here to the parameter's upper end."""
CURVES = ("lower_demand", "upper_demand", "height")
"""The three values that fix a curve."""
CURVE_BOUNDS = ((0.0, 90.0), (150.0, 240.0), (0.05, 0.95))


@dataclass(frozen=True, eq=False)
class Fleet:
    """Providers of B networks.

    Attributes:
        capacity: (B, J), in units of demand.
        lower: (B, J) demand up to which the utility is 0.
        upper: (B, J) demand from which the utility is at its height.
        height: (B, J) largest utility.
    """

    capacity: Tensor
    lower: Tensor
    upper: Tensor
    height: Tensor

    def utility(self, demand: Tensor) -> Tensor:
        """Return the utility (B, ..., J) of tasks of these demands (B, ...) at each provider."""
        between = (1,) * (demand.ndim - 1)
        lower, upper, height = (values.unflatten(0, (-1, *between)) for values in (self.lower, self.upper, self.height))
        share = (demand[..., None] - lower) / (upper - lower)
        utility: Tensor = height * share.clamp(0.0, 1.0)
        return utility

    def rows(self) -> Tensor:
        """Return the fleets as context values (B, 4 J)."""
        return torch.cat([self.capacity, self.lower, self.upper, self.height], dim=1)

    @classmethod
    def of(cls, rows: Tensor) -> Fleet:
        """Read fleets off context values (B, 4 J)."""
        return cls(*rows.chunk(4, dim=1))


@dataclass(frozen=True, eq=False)
class Workload:
    """What contexts say: providers and the tasks that arrive.

    Attributes:
        fleet: the providers, float64.
        arrivals: (B, T) [s], float32, never decreasing.
        demands: (B, T) float32.
    """

    fleet: Fleet
    arrivals: Tensor
    demands: Tensor

    @classmethod
    def read(cls, contexts: Tensor, providers: int) -> Workload:
        """Read contexts (B, 4 J + 2 T)."""
        return cls(Fleet.of(contexts[:, :4 * providers].double()), *contexts[:, 4 * providers:].chunk(2, dim=1))

    def row(self, row: int) -> Workload:
        """Return the workload of one network, B = 1."""
        here = slice(row, row + 1)
        return Workload(Fleet.of(self.fleet.rows()[here]), self.arrivals[here], self.demands[here])


def drawn_fleets(count: int, providers: int, largest: float, generator: torch.Generator) -> Fleet:
    """Draw fleets, each value uniform on its grid; the height is a uniform top less a uniform foot.

    Args:
        count: B.
        providers: J.
        largest: largest capacity.
        generator: of all draws.
    """
    def drawn(steps: int) -> Tensor:
        return torch.randint(steps, (count, providers), generator=generator)

    capacity = LEAST_CAPACITY + 100.0 * drawn(round((largest - LEAST_CAPACITY) / 100.0) + 1)
    lower, foot = 10.0 * drawn(10), drawn(10)
    upper, top = 150.0 + 10.0 * drawn(10), 10 + drawn(10)
    return Fleet(capacity, lower, upper, (top - foot) / 20.0)


def drawn_tasks(count: int, tasks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw arrivals (B, T) [s] in whole seconds, the first at 0, and demands (B, T)."""
    gaps = torch.empty(count, tasks, dtype=torch.float64).exponential_(ARRIVAL_RATE, generator=generator)
    gaps[:, 0] = 0.0
    demands = DEMANDS[0] + 10.0 * torch.randint(16, (count, tasks), generator=generator)
    return gaps.cumsum(1).round().float(), demands


def runtime(demand: DemandT) -> DemandT:
    """Return how long tasks run [s], of the same shape as their demands: 60 (0.001 t^2 + 2.5 t - 14)."""
    return 6.0 * demand**2 / 100.0 + 150.0 * demand - 840.0  # whole seconds for demands in tens, without rounding
