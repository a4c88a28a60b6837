"""What generators see of a network: every user's task, and what each of its options would save.

Axes: B networks, N users, K links of a user, M servers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.features import Feature
from aign.scenarios.offloading.changes import Sums
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.rules import greedy

SERVER = "server"
"""The feature that tells who may share a server with whom."""
MOST_SERVERS = 32
MOST = 3.0
"""Observed values are clipped here: the time to send over a weak link has no bound."""


def fixed_features(users: int, links: int) -> tuple[Feature, ...]:
    """Return what `fixed_observation` consists of."""
    each, pairs = users, users * links
    return (Feature("local_cost", "1", -MOST, MOST, each, "logarithm"),
            Feature("work", "1", -MOST, MOST, each, "logarithm of sqrt(w)"),
            Feature("weight", "1", 0, 1, each, "of delay"),
            Feature("local_delay", "1", 0, MOST, each, "in deadlines"),
            Feature("local_energy", "1", -MOST, MOST, each, "logarithm of joules"),
            Feature("alone", "1", -MOST, 1, pairs, "part of the local cost saved if nobody else offloads"),
            Feature("beside", "1", -MOST, 1, pairs, "the same if the others offload greedily"),
            Feature("rivals", "1", 0, MOST, pairs, "sum of sqrt(w) over those who would save alone, over that at rest"),
            Feature("upload", "1", 0, MOST, pairs, "in deadlines"),
            Feature("greedy", "1", 0, 1, users * (links + 1), "the greedy choice"),
            Feature(SERVER, "1", 0, MOST_SERVERS, pairs, "number of the server, from 1; 0: none"))


def fixed_observation(network: Network, options: Tensor) -> Tensor:
    """Return what stays fixed in an episode, float32 (B, N (5 + 4 K + K + 1 + K)), feature by feature."""
    local, links = network.local_cost[:, :, None], options[:, :, 1:]
    choice = greedy(network)
    alone = network.upload_cost + network.root.square()[:, :, None]
    threshold = ((local - network.upload_cost) / network.root[:, :, None] + network.root[:, :, None]) / 2
    wanted = ((alone < local) * network.root[:, :, None]).sum(1, keepdim=True)
    rivals = wanted / threshold.clamp_min(1e-9)
    beside = Sums.of(network, choice).joining
    pairs = [(1 - alone / local, -MOST), (1 - beside / local, -MOST), (rivals, MOST),
             (network.upload / network.semantics.deadline, MOST)]
    here = options > 0
    here[:, :, 0] = True
    taken = (options == choice[:, :, None]) & here
    values = [local[:, :, 0].clamp_min(1e-9).log(), network.root.clamp_min(1e-9).log(), network.weight,
              network.local_delay / network.semantics.deadline, network.local_energy.clamp_min(1e-9).log(),
              *(value.gather(2, links).where(links > 0, least) for value, least in pairs), taken]
    seen = [value.double().clamp(-MOST, MOST).flatten(1) for value in values]
    return torch.cat([*seen, links.flatten(1)], 1).float()
