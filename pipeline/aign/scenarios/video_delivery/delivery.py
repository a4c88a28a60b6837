"""What becomes of a design: who serves each stream, what links carry, and what that is worth.

Axes: B networks, N edge nodes, C classes of titles, K paths, H hops, L links, X = 3 N C design values, node by node:
cached (C), path (C), level of bitrate (C) of a node are three features of N C values each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core.topology import Topology
from aign.scenarios.video_delivery.catalogue import class_sizes, popularity, rates, worths
from aign.scenarios.video_delivery.parameters import VideoDeliveryParameters
from aign.scenarios.video_delivery.paths import Paths, candidate_paths

ROUNDING = 1e-9
"""Load above the capacity, relative to it, that is rounding."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Designs taken apart, each int64 (B, N, C): whether a class is cached, which path is taken, which level streams
    have.
    """

    cached: Tensor
    path: Tensor
    level: Tensor

    def designs(self) -> Tensor:
        """Return the designs (B, X), float32."""
        return torch.cat([part.flatten(1) for part in (self.cached, self.path, self.level)], 1).float()


@dataclass(frozen=True, eq=False)
class Delivery:
    """What becomes of designs, float64.

    Attributes:
        streams: (B, N, C) asked for [thousand].
        delivered: (B, N, C) bool, whether they are served over links that are not overloaded.
        hops: (B, N, C) hops to the node that serves them; 0 the edge node itself.
        hit: (B, N, C) bool, whether they are delivered from a cache.
        load: (B, L) [Gbit/s].
        worth, cost: (B, N) of each edge node's streams, and of carrying them and of its storage [credit].
        latency: (B, N, C) round trip to the node that serves them [ms].
        rate: (B, N, C) bitrate [Mbit/s].
    """

    streams: Tensor
    delivered: Tensor
    hops: Tensor
    hit: Tensor
    load: Tensor
    worth: Tensor
    cost: Tensor
    latency: Tensor
    rate: Tensor


class DeliveryNetwork:
    """A network of an origin and edge nodes: paths, titles, prices, and what they make of a design."""

    def __init__(self, parameters: VideoDeliveryParameters, topology: Topology) -> None:
        self.parameters, self.topology = parameters, topology
        self.paths: Paths = candidate_paths(topology, parameters.origin, parameters.paths)
        self.size, self.classes, self.links = len(self.paths.edges), parameters.classes, self.topology.links
        self.titles = class_sizes(parameters.classes, parameters.titles)
        self.popularity = popularity(self.titles, parameters.zipf)
        self.stored = parameters.storage_price * self.titles.double()
        """(C,) what caching a class costs [credit]."""

    def split(self, designs: Tensor) -> Choice:
        """Return admissible designs (B, X) taken apart."""
        return Choice(*designs.round().long().reshape(len(designs), 3, self.size, self.classes).unbind(1))

    def streams(self, contexts: Tensor) -> Tensor:
        """Return what is asked for, (B, N, C) [thousand streams]: demand times peak factor times popularity."""
        demand = contexts[:, :-1].double() * contexts[:, -1:].double()
        return demand[:, :, None] * self.popularity.to(contexts.device)

    def serving_hops(self, choice: Choice) -> Tensor:
        """Return how many hops (B, N, C) streams travel: to the first node on their path that caches their class, at
        most to the origin.
        """
        nodes, device = self.paths.nodes.to(choice.path.device), choice.path.device
        node = torch.arange(self.size, device=device)[:, None]
        passed = nodes[node, choice.path]
        holds = torch.nn.functional.pad(choice.cached, (0, 0, 0, 1), value=1)
        batch = torch.arange(len(passed), device=device)[:, None, None, None]
        kind = torch.arange(self.classes, device=device)[:, None]
        return holds[batch, passed, kind].argmax(3)

    def crossed(self, choice: Choice, hops: Tensor) -> Tensor:
        """Return which links streams cross, float64 (B, N, C, L)."""
        links = self.paths.links.to(hops.device)
        taken = links[torch.arange(self.size, device=hops.device)[:, None], choice.path]
        beyond = torch.arange(links.shape[2], device=hops.device) >= hops[..., None]
        crossed = torch.zeros((*hops.shape, self.links + 1), dtype=torch.float64, device=hops.device)
        return crossed.scatter_(3, taken.masked_fill(beyond, self.links), 1.0)[..., :self.links]

    def simulate(self, contexts: Tensor, designs: Tensor) -> Delivery:
        """Return what becomes of admissible designs (B, X)."""
        choice = self.split(designs)
        hops = self.serving_hops(choice)
        return self.deliver(self.streams(contexts), choice, hops, self.crossed(choice, hops))

    def deliver(self, streams: Tensor, choice: Choice, hops: Tensor, crossed: Tensor) -> Delivery:
        """Return what becomes of choices whose streams travel `hops` over the links `crossed`.

        Streams that cross an overloaded link are not delivered, though they load it: their video stalls.
        """
        device = streams.device
        rate, value = rates().to(device)[choice.level], worths().to(device)[choice.level]
        traffic = streams * rate
        load = (traffic[..., None] * crossed).flatten(1, 2).sum(1)
        overloaded = load > self.parameters.capacity * (1 + ROUNDING)
        stalled = ((crossed > 0) & overloaded[:, None, None]).any(3)
        delivered = (choice.level > 0) & ~stalled
        node = torch.arange(self.size, device=device)[:, None]
        far, late = (table.to(device)[node, choice.path, hops] for table in (self.paths.kilometres,
                                                                           self.paths.latency))
        carried = self.parameters.link_price * far / 1000 * traffic
        stored = choice.cached * self.stored.to(device)
        last = self.paths.nodes.to(device)[node, choice.path, hops] == self.size
        return Delivery(streams, delivered, hops, delivered & ~last, load, (streams * value * delivered).sum(2),
                        (carried + stored).sum(2), late, rate)

    def node_utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return each edge node's part of the utility, (B, N): its worth less its cost, for each thousand streams that
        all nodes ask for.
        """
        delivery = self.simulate(contexts, designs)
        total = delivery.streams.sum((1, 2)).clamp_min(1e-12)
        return (delivery.worth - delivery.cost) / total[:, None]
