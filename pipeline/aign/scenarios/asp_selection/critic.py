"""What each choice of a provider is worth over futures of tasks: short rollouts of a rule that knows prices.

In each future the waiting task goes to one of the candidates; those after it go where utility less charge is greatest
among the providers with room (a rollout: Bertsekas and Castanon 1999). Behind the last forecast task, what still runs
is charged for the time it will hold its capacity. Candidates meet the same futures, so they differ by what they cause.

Axes: B networks, F futures, H tasks ahead, K candidates, J providers, R running tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.asp_selection.prices import occupancy
from aign.scenarios.asp_selection.providers import ARRIVAL_RATE, DEMANDS, Fleet, runtime
from aign.scenarios.asp_selection.simulation import CRASH_PENALTY

CANDIDATES = 4
"""Providers tried, at most: those of greatest utility less charge."""
FULL = -100.0
"""Score of a provider without room, below all others; of two the one with more room counts more."""
LONGEST_GAP = 0.99
"""Longest time to an arrival that is told apart, as `gap_share`."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What is known when a task waits.

    Attributes:
        fleet: the providers.
        prices: (B, J) of a unit of `occupancy`.
        room: (B, J) capacity that may still be used.
        demand: (B,) of the waiting task.
        provider: (B, R) int64, where tasks run.
        held: (B, R) their demand, 0 where there is none.
        left: (B, R) how long they still run [s].
    """

    fleet: Fleet
    prices: Tensor
    room: Tensor
    demand: Tensor
    provider: Tensor
    held: Tensor
    left: Tensor


@dataclass(frozen=True, eq=False)
class Tasks:
    """The tasks of futures.

    Attributes:
        arrival: (B, F, H) [s] from now.
        demand: (B, F, H).
    """

    arrival: Tensor
    demand: Tensor

    @classmethod
    def read(cls, futures: Tensor) -> Tasks:
        """Read tasks off futures (B, F, H, 2) of demand / 250 and of `gap_share`; demands are rounded to tens."""
        futures = futures.double()
        demand = (futures[..., 0] * (DEMANDS[1] / 10.0)).round() * 10.0
        share = futures[..., 1].clamp(0.0, LONGEST_GAP)
        return cls((share / (1.0 - share) / ARRIVAL_RATE).cumsum(2), demand.clamp(*DEMANDS))


def gap_share(seconds: Tensor) -> Tensor:
    """Return times to the next arrival [s] on a scale from 0 to 1, on which the mean one is a half."""
    return seconds / (seconds + 1.0 / ARRIVAL_RATE)


def charged(moment: Moment) -> Tensor:
    """Return utility less charge (B, J) of the waiting task, where there is room; see `FULL`."""
    worth = moment.fleet.utility(moment.demand) - moment.prices * occupancy(moment.demand)[:, None]
    return torch.where(moment.room >= moment.demand[:, None], worth, FULL + 1e-6 * moment.room)


def mean_worth(moment: Moment, tasks: Tasks, ending: bool) -> Tensor:
    """Return scores (B, J): of each candidate its mean worth over futures; others come after them, as `charged`.

    Args:
        moment: of the decision.
        tasks: of futures.
        ending: whether no task comes after those of the futures, so that capacity is worth nothing then.
    """
    scores = charged(moment)
    best, candidates = scores.topk(min(CANDIDATES, scores.shape[1]), dim=1)
    worth = _Rollout(moment, tasks, ending).worth(candidates).double()
    lowest = worth.amin(1, keepdim=True) - 1.0
    return (scores + lowest).scatter(1, candidates, torch.where(best > 0.5 * FULL, worth, best + lowest))


class _Rollout:
    """The futures of a moment: what is freed when, and what each task gains where."""

    def __init__(self, moment: Moment, tasks: Tasks, ending: bool) -> None:
        self.moment, self.tasks = moment, tasks
        self.prices = torch.zeros_like(moment.prices) if ending else moment.prices
        length, end = runtime(tasks.demand), tasks.arrival[..., -1:]
        self.leaves = torch.searchsorted(tasks.arrival, tasks.arrival + length)
        quality = moment.fleet.utility(tasks.demand)
        self.scores = (quality - _charge(moment.prices, tasks.demand, 1.0)).float()
        beyond = (tasks.arrival + length - end).clamp_min(0.0) / length
        self.gains = (quality - _charge(self.prices, tasks.demand, beyond)).float()

    def worth(self, candidates: Tensor) -> Tensor:
        """Return the mean worth (B, K) of sending the waiting task to candidates (B, K), float32."""
        demand = self.tasks.demand.float()
        room, freed, total = self._begun(candidates)
        for ahead in range(demand.shape[2]):
            room = room + freed[:, :, :, ahead]
            size = demand[:, :, ahead, None, None]
            scores = torch.where(room >= size, self.scores[:, :, ahead, None], FULL)
            best, chosen = scores.max(3, keepdim=True)
            served = best > 0.5 * FULL
            gains = self.gains[:, :, ahead, None].expand_as(scores).gather(3, chosen)
            total += torch.where(served, gains, -CRASH_PENALTY)[..., 0]
            size = size * served
            room = room.scatter_add(3, chosen, -size)
            place = self.leaves[:, :, ahead, None, None] * room.shape[3] + chosen
            freed.flatten(3).scatter_add_(3, place, size)
        return total.mean(1)

    def _begun(self, candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the room (B, F, K, J) after the waiting task was placed, what is freed before each task to come
        (B, F, K, H+1, J), and the worth (B, F, K) of the placing itself, float32.
        """
        moment, arrival = self.moment, self.tasks.arrival
        (networks, futures, steps), size = arrival.shape, moment.room.shape[1]
        count, demand = candidates.shape[1], moment.demand[:, None, None].float()
        each = candidates[:, None].expand(-1, futures, -1)
        room = moment.room.float()[:, None, None].repeat(1, futures, count, 1)
        room.scatter_add_(3, each[..., None], -demand[..., None].expand(*each.shape, 1))
        over = torch.searchsorted(arrival, moment.left[:, None].expand(-1, futures, -1).contiguous())
        freed = torch.zeros(networks, futures, (steps + 1) * size, device=arrival.device)
        freed.scatter_add_(2, over * size + moment.provider[:, None], moment.held.float()[:, None].expand(over.shape))
        freed = freed[:, :, None].repeat(1, 1, count, 1)
        length = runtime(moment.demand)[:, None, None].expand(-1, futures, 1)
        leaves = torch.searchsorted(arrival, length.contiguous())
        freed.scatter_add_(3, (leaves * size + each)[..., None], demand[..., None].expand(*each.shape, 1))
        beyond = (length - arrival[..., -1:]).clamp_min(0.0) / length
        charge = _charge(self.prices, moment.demand[:, None, None], beyond)[:, :, 0]
        worth = moment.fleet.utility(moment.demand)[:, None] - charge
        return room, freed.unflatten(3, (steps + 1, size)), worth.gather(2, each).float()


def _charge(prices: Tensor, demand: Tensor, share: Tensor | float) -> Tensor:
    """Return what tasks of demand (B, F, H) pay at each provider (B, F, H, J) for a share of their runtime."""
    return prices[:, None, None] * (occupancy(demand) * share)[..., None]
