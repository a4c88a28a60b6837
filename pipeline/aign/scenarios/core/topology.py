"""Real networks of the SNDlib collection (Orlowski et al. 2010), as the package topohub carries them, as arrays.

Axes: n nodes, L links, P pairs of nodes with a demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import topohub
from numpy.typing import NDArray

from aign.errors import ParameterError, unknown_name

LARGEST = 65
"""Nodes of the largest network taken: exact checks of larger ones take too long to explore with."""


@dataclass(frozen=True, eq=False)
class Topology:
    """A network: cities, links between them, and what each pair of cities wants to exchange.

    Attributes:
        name: as SNDlib calls it.
        nodes: n names.
        position: (n, 2) longitude and latitude [degree].
        ends: (L, 2) nodes a link joins.
        length: (L,) whole hundredths of a km, so that sums of whole multiples are exact in any order.
        pairs: (P, 2) nodes i < j.
        demand: (P,) published demand in either direction; where the two directions differ, the larger.
    """

    name: str
    nodes: tuple[str, ...]
    position: NDArray[np.float64]
    ends: NDArray[np.int64]
    length: NDArray[np.float64]
    pairs: NDArray[np.int64]
    demand: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of nodes n."""
        return len(self.nodes)

    @property
    def links(self) -> int:
        """Number of links L."""
        return len(self.ends)

    def link_name(self, link: int) -> str:
        """Return the cities a link joins."""
        return "-".join(self.nodes[node] for node in self.ends[link])

    def distances(self, lengths: NDArray[np.float64], failed: int | None = None) -> NDArray[np.float64]:
        """Return shortest distances (n, n) for any lengths (L,) >= 0 without the failed link (Floyd-Warshall)."""
        distance = np.full((self.size, self.size), np.inf)
        np.fill_diagonal(distance, 0.0)
        for link, (a, b) in enumerate(self.ends):
            if link != failed:
                distance[a, b] = distance[b, a] = min(distance[a, b], lengths[link])
        for node in range(self.size):
            distance = np.minimum(distance, distance[:, [node]] + distance[[node], :])
        return distance

    def shortest_paths(self, failed: int | None = None) -> NDArray[np.float64]:
        """Return which links (P, L) the shortest path of each pair uses without the failed link, 0 or 1."""
        link, before = self._last_hops(failed)
        used = np.zeros((len(self.pairs), self.links))
        source, node = self.pairs.T
        while True:
            row = np.flatnonzero((node != source) & (link[source, node] >= 0))
            if not len(row):
                return used
            used[row, link[source[row], node[row]]] = 1.0
            node = node.copy()
            node[row] = before[source[row], node[row]]

    def _last_hops(self, failed: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first link by which a shortest path from a source reaches a node, and the node before it, (n, n);
        -1 where none does.
        """
        distance = self.distances(self.length, failed)
        last, before = np.full((2, self.size, self.size), -1)
        for link in reversed(range(self.links)):
            for here, there in (self.ends[link], self.ends[link][::-1]):
                if link != failed:
                    reached = np.isfinite(distance[:, here]) & (
                        distance[:, here] + self.length[link] == distance[:, there])
                    last[reached, there], before[reached, there] = link, here
        return last, before

    def bridges(self) -> list[int]:
        """Return the links without which the network falls apart."""
        return [link for link in range(self.links) if np.isinf(self.distances(self.length, link)).any()]


def names() -> list[str]:
    """Return the networks of SNDlib that come with the package."""
    return sorted(entry.name.removesuffix(".json") for entry in (files(topohub) / "data" / "sndlib").iterdir())


@cache
def load(name: str, largest: int | None = LARGEST) -> Topology:
    """Return a network of SNDlib.

    Args:
        name: as SNDlib calls it.
        largest: most nodes that are taken; None for any number.

    Raises:
        ParameterError: an unknown name, a network of more nodes, in parts, or without demands.
    """
    if name not in names():
        raise ParameterError(unknown_name("topology", name, names()))
    stored: dict[str, Any] = topohub.get(f"sndlib/{name}")
    place = {node["id"]: index for index, node in enumerate(stored["nodes"])}
    if largest is not None and len(place) > largest:
        raise ParameterError(f"Topology {name!r} has {len(place)} nodes; allowed: up to {largest}.")
    demand = _symmetric(stored, place)
    pairs = np.argwhere(np.triu(demand, 1) > 0)
    topology = Topology(
        name, tuple(str(node.get("name", node["id"])) for node in stored["nodes"]),
        np.array([node["pos"] for node in stored["nodes"]], dtype=np.float64),
        np.array([[place[edge["source"]], place[edge["target"]]] for edge in stored["edges"]], dtype=np.int64),
        np.array([max(1, round(100 * edge["dist"])) for edge in stored["edges"]], dtype=np.float64), pairs,
        demand[pairs[:, 0], pairs[:, 1]])
    if not len(pairs) or np.isinf(topology.distances(topology.length)).any():
        raise ParameterError(f"Topology {name!r} has no demands or is not connected; choose another one.")
    return topology


def _symmetric(stored: dict[str, Any], place: dict[Any, int]) -> NDArray[np.float64]:
    """Return demands (n, n), the same in both directions: SNDlib gives one direction of some pairs, both of others."""
    demand = np.zeros((len(place), len(place)))
    for source, row in stored["graph"]["demands"].items():
        for target, value in row.items():
            demand[place[int(source)], place[int(target)]] = float(value)
    return np.maximum(demand, demand.T)
