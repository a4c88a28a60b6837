"""An upper bound on the utility of any assignment: the dual of the linear relaxation, and why crashes do not escape it.

Relaxation: a share x_ij of task i goes to provider j, sum_j x_ij <= 1, and at each arrival what runs at a provider fits
its capacity. Only arrivals matter after which a task leaves before the next arrival: what runs at the others runs there
too. For any prices p_kj >= 0 of capacity at these moments k,

    sum_kj p_kj c_j + sum_i max(0, max_j (u_ij - t_i sum_(k while i runs) p_kj))

is a bound (weak duality), at the best prices that of the linear program. A crash frees capacity that interrupted tasks
have not paid for; `crash_allowance` bounds what that can be worth beyond its penalty.

Axes: T tasks, J providers, K moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.asp_selection.providers import Workload, runtime
from aign.scenarios.asp_selection.simulation import CRASH_PENALTY


@dataclass(frozen=True, eq=False)
class Problem:
    """One network's assignment problem, all float64.

    Attributes:
        utility: (T, J).
        demand: (T,).
        capacity: (J,).
        arrival: (T,) [s].
        end: (T,) [s].
        first: (T,) int64, first moment at which a task runs.
        last: (T,) int64, the moment after the last.
        moments: K.
    """

    utility: Tensor
    demand: Tensor
    capacity: Tensor
    arrival: Tensor
    end: Tensor
    first: Tensor
    last: Tensor
    moments: int

    @classmethod
    def of(cls, workload: Workload, share: float = 1.0) -> Problem:
        """Return the problem of one network (B = 1), where tasks may fill no more than a share of each capacity."""
        fleet, arrival, demand = workload.fleet, workload.arrivals[0].double(), workload.demands[0].double()
        end = arrival + runtime(demand)
        over = end.sort().values
        ended = torch.searchsorted(over, arrival, right=True)
        following = torch.cat([ended[1:], torch.tensor([len(end)])])
        kept = (following > ended).nonzero()[:, 0]
        first, last = torch.searchsorted(kept, torch.arange(len(end))), torch.searchsorted(arrival[kept], end)
        return cls(fleet.utility(demand), demand, share * fleet.capacity[0], arrival, end, first, last, len(kept))

    def charges(self, prices: Tensor) -> Tensor:
        """Return what each task would pay at each provider (T, J) at prices (K, J)."""
        paid = _running_sums(prices)
        return self.demand[:, None] * (paid[self.last] - paid[self.first])

    def dual(self, prices: Tensor) -> Tensor:
        """Return the bound at prices (K, J), a number; without crashes."""
        gains = (self.utility - self.charges(prices)).amax(1)
        return (prices * self.capacity).sum() + gains.clamp_min(0.0).sum()

    def used(self, shares: Tensor) -> Tensor:
        """Return the capacity in use (K, J) where shares (T, J) of the tasks run."""
        change = self.utility.new_zeros(self.moments + 1, shares.shape[1])
        taken = self.demand[:, None] * shares
        return change.index_add(0, self.first, taken).index_add(0, self.last, -taken).cumsum(0)[:-1]


def upper_bound(problem: Problem, prices: Tensor) -> float:
    """Return a bound on the utility of any assignment, with or without crashes, at prices (K, J)."""
    return float(problem.dual(prices)) + crash_allowance(problem, prices)


def crash_allowance(problem: Problem, prices: Tensor) -> float:
    """Return an upper bound on what crashes can add to the dual value at prices (K, J); usually 0.

    A crash at task q costs 2 and, for each task it interrupts, 2 x the share left. It is worth at most what these tasks
    would still have paid. What runs at a provider fits its capacity, so a fractional knapsack bounds the difference.
    """
    paid, total = _running_sums(prices), 0.0
    for number in range(1, len(problem.demand)):
        running = (problem.end[:number] > problem.arrival[number]).nonzero()[:, 0]
        if not len(running):
            continue
        demand = problem.demand[running, None]
        left = (problem.end[running] - problem.arrival[number]) / (problem.end - problem.arrival)[running]
        worth = (paid[problem.last[running]] - paid[problem.first[number]]) - CRASH_PENALTY * left[:, None] / demand
        dearest, order = worth.clamp_min(0.0).sort(dim=0, descending=True)
        sizes = demand.expand_as(dearest).gather(0, order)
        room = (problem.capacity - (sizes.cumsum(0) - sizes)).clamp_min(0.0).minimum(sizes)
        total += max(0.0, float((dearest * room).sum(0).amax()) - CRASH_PENALTY)
    return total


def _running_sums(prices: Tensor) -> Tensor:
    """Return the sums of the first 0, 1, ..., K rows of prices (K, J): (K + 1, J)."""
    return torch.cat([prices.new_zeros(1, prices.shape[1]), prices.cumsum(0)])
