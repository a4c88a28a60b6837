"""What generators and agents see of a network: each edge node's demand, place, and what the greedy rule would do.

Axes: B networks, N edge nodes, C classes of titles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.features import Feature
from aign.scenarios.video_delivery.catalogue import TOP
from aign.scenarios.video_delivery.delivery import DeliveryNetwork
from aign.scenarios.video_delivery.rules import designed, greedy

MOST = 10.0
"""Observed values are clipped here."""


def fixed_features(network: DeliveryNetwork) -> tuple[Feature, ...]:
    """Return what `fixed_observation` consists of."""
    each, kinds = network.size, network.size * network.classes
    return (Feature("demand", "1", 0, MOST, each, "at the peak, over the parameter `streams`"),
            Feature("peak", "1", 0, MOST, each, "peak factor, the same for all"),
            Feature("distance", "1000 km", 0, MOST, each, "to the origin"),
            Feature("east", "1", 0, 1, each, "from the westernmost node to the easternmost"),
            Feature("north", "1", 0, 1, each, "from the southernmost node to the northernmost"),
            Feature("busiest", "1", 0, MOST, each, "greatest load over capacity on the shortest path, greedy design"),
            Feature("greedy_cached", "1", 0, 1, kinds), Feature("greedy_level", "1", 0, TOP, kinds))


def fixed_observation(network: DeliveryNetwork, contexts: Tensor) -> Tensor:
    """Return what stays fixed in an episode, float32, feature by feature."""
    parameters, paths, device = network.parameters, network.paths, contexts.device
    design = designed(network, greedy, contexts)
    choice, load = network.split(design), network.simulate(contexts, design).load / parameters.capacity
    busiest = torch.nn.functional.pad(load, (0, 1))[:, paths.links[:, 0].to(device)].amax(2)
    place = torch.tensor(network.topology.position)[paths.edges].T
    low, high = place.amin(1, keepdim=True), place.amax(1, keepdim=True)
    place = ((place - low) / (high - low).clamp_min(1e-9)).to(device).flatten().expand(len(contexts), -1)
    seen = [*_demands(network, contexts), place, busiest, choice.cached.flatten(1), choice.level.flatten(1)]
    return torch.cat([value.double().clamp(0, MOST) for value in seen], 1).float()


def _demands(network: DeliveryNetwork, contexts: Tensor) -> list[Tensor]:
    """Return each node's demand, peak factor and distance to the origin, each (B, N), scaled to order 1."""
    peak = contexts[:, -1:].expand(-1, network.size)
    far = network.paths.kilometres[:, 0, -1].to(contexts.device) / 1000
    return [contexts[:, :-1] * peak / network.parameters.streams, peak, far.expand(len(contexts), -1)]


def node_observations(network: DeliveryNetwork, contexts: Tensor, designs: Tensor, clock: float) -> Tensor:
    """Return what each edge node's agent observes, float32 (B, N, 6 C + 4): its decisions, the greatest load on the
    path of each class, how far its streams travel and whether they are delivered; demand, peak, distance and time.
    """
    choice, delivery = network.split(designs), network.simulate(contexts, designs)
    device, load = designs.device, torch.nn.functional.pad(delivery.load / network.parameters.capacity, (0, 1))
    links = network.paths.links.to(device)[torch.arange(network.size, device=device)[:, None], choice.path]
    busiest = load[torch.arange(len(designs), device=device)[:, None, None, None], links].amax(3)
    parts = [choice.cached, choice.path, choice.level, busiest, delivery.hops / links.shape[3], delivery.delivered]
    network_wide = torch.stack([value.double() for value in _demands(network, contexts)], 2)
    seen = torch.cat([*(part.double() for part in parts), network_wide], 2).clamp(0, MOST)
    return torch.cat([seen, torch.full_like(seen[:, :, :1], clock)], 2).float()
