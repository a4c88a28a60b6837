"""An upper bound on the utility of any assignment: the dual of the linear relaxation, and why crashes do not escape it.

Relaxation: a share x_ij of task i goes to provider j, sum_j x_ij <= 1, and at each arrival what runs at a provider fits
its capacity. Only arrivals matter after which a task leaves before the next arrival: what runs at the others runs there
too. For any prices p_kj >= 0 of capacity at these moments k,

    sum_kj p_kj c_j + sum_i max(0, max_j (u_ij - t_i sum_(k while i runs) p_kj))

is a bound (weak duality), at the best prices that of the linear program. A crash frees capacity that interrupted tasks
have not paid for; `crash_allowance` bounds what that can be worth beyond its penalty.

Prices at which the bound is (nearly) as low as it gets: small problems by the linear program itself, with HiGHS. Large
ones by descent on the dual, whose maxima are softened ever less; it takes a twentieth of the time and comes within a
thousandth at the usual load (within two hundredths where networks are overloaded). Any prices give a valid bound, so
nothing depends on whether either has converged.

Axes: T tasks, J providers, K moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linprog
from scipy.sparse import csc_matrix, vstack
from torch import Tensor

from aign.scenarios.asp_selection.providers import Workload, runtime
from aign.scenarios.asp_selection.simulation import CRASH_PENALTY

LARGEST_PROGRAM = 2_500
"""Task-provider pairs up to which the linear program is solved."""
STEPS = 300
STEP_SIZES = (4.0, 0.02)
"""Relative to the price at which an average task pays what an average provider gives, first and last."""
SOFTNESS = (3e-2, 1e-3)
"""Temperature of the choice among providers [utility], first and last."""
MOMENTA = (0.9, 0.99)
"""Of the running means of the slope and its square (Kingma and Ba, Adam, 2015)."""


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


def best_prices(problem: Problem) -> Tensor:
    """Return prices (K, J), not negative."""
    solved = program_prices(problem) if problem.utility.numel() <= LARGEST_PROGRAM else None
    return descended_prices(problem) if solved is None else solved[0]


def program_prices(problem: Problem) -> tuple[Tensor, float] | None:
    """Return the prices (K, J) that the linear program gives, and its optimum, by HiGHS (interior points, crossover);
    None where the solver gave up.
    """
    tasks, providers = problem.utility.shape
    task, provider = (place.ravel() for place in np.indices((tasks, providers)))
    lengths = (problem.last - problem.first).numpy()[task]
    column = np.repeat(np.arange(len(task)), lengths)
    moment = np.arange(len(column)) - np.repeat(lengths.cumsum() - lengths - problem.first.numpy()[task], lengths)
    rows = moment * providers + provider[column]
    demand = problem.demand.numpy()[task]
    loads = csc_matrix((demand[column], (rows, column)), (problem.moments * providers, len(task)))
    once = csc_matrix((np.ones(len(task)), (task, np.arange(len(task)))), (tasks, len(task)))
    limits = np.concatenate([np.tile(problem.capacity.numpy(), problem.moments), np.ones(tasks)])
    solved = linprog(-problem.utility.numpy().ravel(), A_ub=vstack([loads, once]), b_ub=limits, bounds=(0, None),
                     method="highs-ipm")
    if not solved.success:
        return None
    prices = torch.tensor(-solved.ineqlin.marginals[:problem.moments * providers]).clamp_min(0.0)
    return prices.reshape(problem.moments, providers), -float(solved.fun)


@torch.no_grad()
def descended_prices(problem: Problem) -> Tensor:
    """Return the best prices (K, J) met in a fixed number of steps down the softened dual."""
    prices = problem.utility.new_zeros(problem.moments, len(problem.capacity))
    lengths = (problem.last - problem.first).double()
    typical = float(problem.utility.mean() / (problem.demand * lengths).mean())
    slope, square = torch.zeros_like(prices), torch.zeros_like(prices)
    lowest, best = torch.inf, prices
    for step in range(STEPS):
        gains = problem.utility - problem.charges(prices)
        value = float((prices * problem.capacity).sum() + gains.amax(1).clamp_min(0.0).sum())
        if value < lowest:
            lowest, best = value, prices
        done = step / STEPS
        # One more choice, to leave the task out, gains nothing.
        choices = torch.nn.functional.pad(gains, (0, 1)) / _between(SOFTNESS, done)
        spare = 1.0 - problem.used(choices.softmax(1)[:, :-1]) / problem.capacity
        slope, square = (momentum * mean + (1 - momentum) * new
                         for momentum, mean, new in zip(MOMENTA, (slope, square), (spare, spare**2), strict=True))
        mean, spread = (value / (1 - momentum**(step + 1))
                        for value, momentum in zip((slope, square), MOMENTA, strict=True))
        prices = (prices - typical * _between(STEP_SIZES, done) * mean / (spread.sqrt() + 1e-3)).clamp_min(0.0)
    return best


def _between(ends: tuple[float, float], done: float) -> float:
    """Return the value a share `done` of the way from one end to the other, in equal ratios."""
    return float(ends[0] * (ends[1] / ends[0])**done)
