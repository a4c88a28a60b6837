"""Bitrates that links can carry: lowered until no link is overloaded, or raised while that pays.

Where streams are served, and which way they take, stays as it is.

Axes: B networks, N edge nodes, C classes of titles, L links, J = N C kinds of streams.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.video_delivery.catalogue import TOP, rates, worths
from aign.scenarios.video_delivery.delivery import Choice, DeliveryNetwork


def lowered(network: DeliveryNetwork, contexts: Tensor, choice: Choice) -> Choice:
    """Return choices whose levels are lowered until no link is overloaded: one kind of streams after the other by one
    level, the one that loses least for each Gbit/s that overloaded links are relieved of.
    """
    streams, crossed, level = _prepared(network, contexts, choice)
    rate, worth = rates().to(level.device), worths().to(level.device)
    while True:
        load = ((streams * rate[level])[:, :, None] * crossed).sum(1)
        excess = (load - network.parameters.capacity).clamp_min(0.0)
        rows = (excess > 0).any(1).nonzero()[:, 0]
        if not len(rows):
            return Choice(choice.cached, choice.path, level.reshape(choice.level.shape))
        here, below = level[rows], (level[rows] - 1).clamp_min(0)
        freed = streams[rows] * (rate[here] - rate[below])
        relief = (freed[:, :, None].minimum(excess[rows, None]) * crossed[rows]).sum(2)
        loss = streams[rows] * (worth[here] - worth[below])
        best = (loss / relief).where(relief > 0, torch.inf).argmin(1, keepdim=True)
        level[rows] = here.scatter(1, best, below.gather(1, best))


def raised(network: DeliveryNetwork, contexts: Tensor, choice: Choice) -> Choice:
    """Return choices whose levels are raised while that gains: one kind of streams after the other, among those that
    fit, the one that gains most for each Gbit/s and link it takes.
    """
    streams, crossed, level = _prepared(network, contexts, choice)
    rate, worth = rates().to(level.device), worths().to(level.device)
    kilometres = _kilometres(network, choice)
    rows = torch.arange(len(level), device=level.device)
    while len(rows):
        here = level[rows]
        above = (here + 1).clamp_max(TOP)
        load = ((streams[rows] * rate[here])[:, :, None] * crossed[rows]).sum(1)
        added = streams[rows] * (rate[above] - rate[here])
        blocked = ((load[:, None] + added[:, :, None] > network.parameters.capacity) & (crossed[rows] > 0)).any(2)
        price = network.parameters.link_price * kilometres[rows] / 1000
        gain = (streams[rows] * (worth[above] - worth[here]) - price * added).masked_fill(blocked, 0.0)
        taken = added * crossed[rows].sum(2)
        promise = (gain / taken.clamp_min(1e-9)).where(gain > 1e-12, -1.0)
        value, best = promise.max(1, keepdim=True)
        better = value[:, 0] > 0
        rows, best = rows[better], best[better]
        level[rows] = level[rows].scatter(1, best, above[better].gather(1, best))
    return Choice(choice.cached, choice.path, level.reshape(choice.level.shape))


def _prepared(network: DeliveryNetwork, contexts: Tensor, choice: Choice) -> tuple[Tensor, Tensor, Tensor]:
    """Return streams (B, J), the links they cross (B, J, L) and a copy of their levels (B, J)."""
    crossed = network.crossed(choice, network.serving_hops(choice))
    return network.streams(contexts).flatten(1), crossed.flatten(1, 2), choice.level.flatten(1).clone()


def _kilometres(network: DeliveryNetwork, choice: Choice) -> Tensor:
    """Return how far each kind of streams travels, (B, J) [km]."""
    node = torch.arange(network.size, device=choice.path.device)[:, None]
    hops = network.serving_hops(choice)
    return network.paths.kilometres.to(choice.path.device)[node, choice.path, hops].flatten(1)
