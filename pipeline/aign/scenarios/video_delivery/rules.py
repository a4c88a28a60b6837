"""Rules of thumb: who caches what, along shortest paths, with bitrates raised as far as links allow and it pays.

Axes: B networks, N edge nodes, C classes of titles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aign.scenarios.video_delivery.bitrates import lowered, raised
from aign.scenarios.video_delivery.catalogue import BITRATES
from aign.scenarios.video_delivery.delivery import Choice, DeliveryNetwork

Placement = Callable[[DeliveryNetwork, Tensor], Tensor]
"""From streams asked for (B, N, C) to what is cached, int64 (B, N, C)."""


def fitting(network: DeliveryNetwork, scores: Tensor) -> Tensor:
    """Return what nodes cache, int64 (B, N, C), of classes with scores above 0 (B, N, C): in order of their scores, and
    of popularity among equals, whatever still fits.
    """
    order = scores.argsort(dim=2, descending=True, stable=True)
    titles = network.titles.to(scores.device)[order]
    wanted, room = scores.gather(2, order) > 0, torch.full_like(titles[:, :, 0], network.parameters.storage)
    taken = torch.zeros_like(titles)
    for place in range(network.classes):
        fits = wanted[:, :, place] & (titles[:, :, place] <= room)
        taken[:, :, place] = fits
        room = room - fits * titles[:, :, place]
    return torch.zeros_like(taken).scatter(2, order, taken)


def nothing(network: DeliveryNetwork, streams: Tensor) -> Tensor:
    """Return that nobody caches anything."""
    return torch.zeros_like(streams, dtype=torch.long)


def popular(network: DeliveryNetwork, streams: Tensor) -> Tensor:
    """Return that each node caches the most popular titles."""
    return fitting(network, (network.popularity / network.titles).to(streams.device).expand_as(streams))


def least_recently_used(network: DeliveryNetwork, streams: Tensor) -> Tensor:
    """Return what caches come to hold that keep what was asked for last: of the requests that reach a node, its own and
    those that caches before it on their way missed, the classes most often asked for, title by title.
    """
    paths, cached, reaching = network.paths, nothing(network, streams), streams.clone()
    farthest_first = paths.kilometres[:, 0, -1].argsort(descending=True, stable=True)
    for node in farthest_first.tolist():
        wanted = reaching[:, node] / network.titles.to(streams.device)
        cached[:, node] = fitting(network, wanted[:, None])[:, 0]
        after = int(paths.nodes[node, 0, 1])
        if after < network.size:
            reaching[:, after] += reaching[:, node] * (1 - cached[:, node])
    return cached


def greedy(network: DeliveryNetwork, streams: Tensor) -> Tensor:
    """Return caches filled one class at a time: where it saves most traffic, at the highest bitrate, for each title,
    while that is worth more than its storage.
    """
    paths, parameters, device = network.paths, network.parameters, streams.device
    apart = torch.full((network.size, network.size + 1), torch.inf, dtype=torch.float64)
    apart.scatter_(1, paths.nodes[:, 0].flip(1), paths.kilometres[:, 0].flip(1))
    away = apart[:, -1:].to(device).expand(network.size, network.classes)[None].repeat(len(streams), 1, 1)
    titles, to = network.titles.to(device), apart[:, :-1].to(device)
    cached, room = nothing(network, streams), torch.full_like(streams[:, :, 0], parameters.storage)
    price = parameters.link_price * BITRATES[-1] / 1000
    while True:
        nearer = (away[:, :, None] - to[None, :, :, None]).clamp_min(0.0)
        saved = (streams[:, :, None] * nearer).sum(1) * price - parameters.storage_price * titles
        open_ = (titles <= room[:, :, None]) & (cached == 0) & (saved > 0)
        value, place = (saved / titles).where(open_, -1.0).flatten(1).max(1)
        rows = (value > 0).nonzero()[:, 0]
        if not len(rows):
            return cached
        node, kind = place[rows] // network.classes, place[rows] % network.classes
        cached[rows, node, kind] = 1
        room[rows, node] -= titles[kind]
        away[rows, :, kind] = away[rows, :, kind].minimum(to[:, node].T)


PLACEMENTS: Mapping[str, Placement] = {"origin_only": nothing, "popularity": popular,
                                       "least_recently_used": least_recently_used, "greedy": greedy}


def designed(network: DeliveryNetwork, placement: Placement, contexts: Tensor) -> Tensor:
    """Return the designs (B, X) of a placement: shortest paths, and bitrates as high as links allow and it pays."""
    cached = placement(network, network.streams(contexts))
    start = Choice(cached, torch.zeros_like(cached), torch.ones_like(cached))
    return raised(network, contexts, lowered(network, contexts, start)).designs()
