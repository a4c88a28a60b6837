"""Tasks that run at providers, and what a crash does to them.

All of it can be derived from the decisions taken, the arrivals and demands, and the last crash of each provider: a task
runs if it came after the last crash of its provider and its time is not over. Only the latest tasks can still run.

Axes: B networks, J providers, T tasks, R latest tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.asp_selection.providers import DEMANDS, Workload, runtime

CRASH_PENALTY = 2.0
"""Lost by a crash, and by each task it interrupts in proportion to what was left of it."""
LONGEST = runtime(DEMANDS[1]) + 1.0
"""No task runs longer [s]; with a second to spare for rounding."""
FEWEST = 48
"""Latest tasks looked at; doubled until none further back can still run."""


@dataclass(frozen=True, eq=False)
class ActiveTasks:
    """Which of the latest tasks are being executed.

    Attributes:
        runs: (B, R).
        provider: (B, R) int64, where.
        demand: (B, R) of capacity, 0 where a task does not run.
        left: (B, R) share of the runtime to come, 0 where a task does not run.
    """

    runs: Tensor
    provider: Tensor
    demand: Tensor
    left: Tensor

    def used(self, providers: int) -> Tensor:
        """Return the capacity in use at each provider (B, J)."""
        return self.demand.new_zeros(len(self.demand), providers).scatter_add(1, self.provider, self.demand)


@dataclass(frozen=True, eq=False)
class RecentTasks:
    """The latest tasks of each network, newest first; all that can still run are among them.

    Attributes:
        number: (B, R) int64, negative before the first task.
        provider: (B, R) int64, where it was assigned to.
        demand: (B, R) float64.
        start: (B, R) float64 [s].
        duration: (B, R) float64 [s].
    """

    number: Tensor
    provider: Tensor
    demand: Tensor
    start: Tensor
    duration: Tensor

    @classmethod
    def of(cls, workload: Workload, decisions: Tensor, count: Tensor) -> RecentTasks:
        """Return the latest of the first `count` tasks.

        Args:
            workload: of B networks.
            decisions: (B, T) providers chosen, of any type; read up to `count`.
            count: (B,) int64, at least 1.
        """
        arrivals, demands = workload.arrivals, workload.demands
        size, now = FEWEST, arrivals.gather(1, count[:, None] - 1)
        while size < arrivals.shape[1] and bool(
                (now - arrivals.gather(1, (count[:, None] - 1 - size).clamp_min(0)) < LONGEST)
                .logical_and(count[:, None] > size).any()):
            size *= 2
        number = count[:, None] - 1 - torch.arange(size, device=arrivals.device)
        place = number.clamp_min(0)
        demand = demands.gather(1, place).double()
        return cls(number, decisions.gather(1, place).long().clamp_min(0), demand, arrivals.gather(1, place).double(),
                   runtime(demand))

    def running(self, now: Tensor, crashed: Tensor, count: Tensor) -> ActiveTasks:
        """Return the tasks being executed; those that end now have left.

        Args:
            now: (B,) float64 [s], not before the newest task's arrival.
            crashed: (B, J) number of the task that last crashed each provider, -1 without any.
            count: (B,) int64: tasks from this one on do not count.
        """
        left = 1.0 - (now[:, None] - self.start) / self.duration
        runs = (left > 0.0) & (self.number > crashed.gather(1, self.provider)) & (self.number < count[:, None])
        runs &= self.number >= 0
        return ActiveTasks(runs, self.provider, self.demand * runs, left * runs)


@dataclass(frozen=True, eq=False)
class Schedule:
    """What happened in one network until now.

    Attributes:
        workload: of the network, B = 1.
        largest: largest capacity that a provider may have.
        free: (t+1, J) share of each capacity not in use, after 0, 1, ..., t tasks.
        decisions: (t,) int64, provider of each task; None where only observations are known.
        crashed: (t+1, J) number of the task that last crashed each provider, -1 without any; None likewise.
    """

    workload: Workload
    largest: float
    free: Tensor
    decisions: Tensor | None = None
    crashed: Tensor | None = None


def loss(interrupted: Tensor, left: Tensor) -> Tensor:
    """Return what a crash costs (B,), given which tasks (B, R) it interrupts and the share left of each (B, R)."""
    return CRASH_PENALTY * (1.0 + (interrupted * left).sum(1))
