"""Policies without learning. Those of AGOD's experiments, and one that keeps room in reserve.

A rule takes a `View` of the moment and returns scores (B, J), of which the largest decides. Random, round-robin and
crash-avoid know what everybody can observe; greedy, prophet and threshold know the hidden utility curves too.

Axes: B networks, J providers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

RESERVE = 0.25
"""Share of a provider's capacity that the rule `threshold` keeps free for tasks that must not be turned away."""


@dataclass(frozen=True, eq=False)
class View:
    """What a rule may look at.

    Attributes:
        capacity: (B, J).
        free: (B, J) capacity not in use.
        demand: (B,) of the task to be assigned.
        utility: (B, J) of that task at each provider.
        time: (B,) int64, number of the task.
        arrival: (B,) [s].
    """

    capacity: Tensor
    free: Tensor
    demand: Tensor
    utility: Tensor
    time: Tensor
    arrival: Tensor


def random(view: View) -> Tensor:
    """Choose anyone: a number scrambled from the task's number, arrival and demand, so that it can be repeated."""
    mixed = view.time * 2_654_435_761 + view.arrival.long() * 40_503 + view.demand.long() * 69_069 + 1
    for shift in (13, 17, 5, 11):
        mixed = (mixed ^ (mixed >> shift)) * 668_265_263 & 0xFFFFFFFF
    return _only((mixed >> 8) % view.free.shape[1], view)


def round_robin(view: View) -> Tensor:
    """Choose each in turn."""
    return _only(view.time % view.free.shape[1], view)


def crash_avoid(view: View) -> Tensor:
    """Choose who has most capacity free."""
    return view.free


def greedy(view: View) -> Tensor:
    """Choose who gives most utility, room or not."""
    return view.utility


def prophet(view: View) -> Tensor:
    """Choose who gives most utility among those with room; if none has, who has most."""
    return _best_of(view.free >= view.demand[:, None], view)


def threshold(view: View) -> Tensor:
    """Choose who gives most utility among those who keep a reserve free; if nobody does, as the prophet."""
    spare = (view.free - view.demand[:, None]) >= RESERVE * view.capacity
    return torch.where(spare.any(1, keepdim=True), _best_of(spare, view), prophet(view))


Policy = Callable[[View], Tensor]
"""From what can be looked at to scores (B, J), of which the largest decides."""
RULES: dict[str, Policy] = {
    "random": random, "round_robin": round_robin, "crash_avoid": crash_avoid, "greedy": greedy, "prophet": prophet,
    "threshold": threshold}


def _only(choice: Tensor, view: View) -> Tensor:
    return torch.zeros_like(view.free).scatter(1, choice[:, None], 1.0)


def _best_of(allowed: Tensor, view: View) -> Tensor:
    """Return the utilities of those allowed; where nobody is, the free capacity."""
    return torch.where(allowed.any(1, keepdim=True), torch.where(allowed, view.utility, -1.0), view.free)
