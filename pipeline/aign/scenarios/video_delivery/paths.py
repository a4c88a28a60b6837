"""The ways from each edge node to the origin: the K shortest simple paths.

Axes: N edge nodes, K paths, H hops of the longest path, L links. The origin has the number N; what lies beyond it on
shorter paths is the origin again, and link L, which does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise

import networkx
import numpy as np
import torch
from torch import Tensor

from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.topology import Topology

ROUND_TRIP = 0.01
"""Round trip over 1 km of fibre [ms]."""
HOP = 0.5
"""Round trip through a node [ms]."""


@dataclass(frozen=True, eq=False)
class Paths:
    """All candidate paths.

    Attributes:
        origin: number of the origin in the topology.
        edges: (N,) number of each edge node in the topology.
        nodes: (N, K, H + 1) nodes passed, from the edge node itself.
        links: (N, K, H) links taken.
        latency: (N, K, H + 1) round trip to each node passed [ms].
        kilometres: (N, K, H + 1) length of the way to each node passed [km].
    """

    origin: int
    edges: Tensor
    nodes: Tensor
    links: Tensor
    latency: Tensor
    kilometres: Tensor


def candidate_paths(topology: Topology, origin: str | None, count: int) -> Paths:
    """Return the `count` shortest paths from each node to the origin; the last one again where there are fewer.

    Raises:
        ParameterError: no node has the origin's name.
    """
    centre = _origin(topology, origin)
    graph = networkx.Graph()
    for link, (a, b) in enumerate(topology.ends.tolist()):
        graph.add_edge(a, b, length=float(topology.length[link]), number=link)
    edges = [node for node in range(topology.size) if node != centre]
    ways = []
    for node in edges:
        shortest = list(islice(networkx.shortest_simple_paths(graph, node, centre, weight="length"), count))
        ways += shortest + shortest[-1:] * (count - len(shortest))
    hops = max(map(len, ways)) - 1
    place = {node: number for number, node in enumerate([*edges, centre])}
    nodes = torch.tensor([[place[node] for node in way] + [len(edges)] * (hops + 1 - len(way)) for way in ways])
    taken = [[graph.edges[a, b]["number"] for a, b in pairwise(way)] for way in ways]
    links = torch.tensor([row + [topology.links] * (hops - len(row)) for row in taken])
    length = torch.tensor([*(topology.length / 100), 0.0], dtype=torch.float64)[links]
    delay = ROUND_TRIP * length + HOP * (links < topology.links)
    shape = (len(edges), count, -1)
    far, late = (torch.nn.functional.pad(value.cumsum(1), (1, 0)).reshape(shape) for value in (length, delay))
    return Paths(centre, torch.tensor(edges), nodes.reshape(shape), links.reshape(shape), late, far)


def _origin(topology: Topology, name: str | None) -> int:
    """Return the number of the origin: the node of that name, or the one with most links."""
    if name is None:
        return int(np.bincount(topology.ends.flatten()).argmax())
    if name not in topology.nodes:
        raise ParameterError(unknown_name("origin", name, list(topology.nodes)))
    return topology.nodes.index(name)
