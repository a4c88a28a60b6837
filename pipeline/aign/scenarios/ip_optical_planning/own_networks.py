"""Networks and traffic matrices of the user's own files, checked before anything is planned.

Networks: SNDlib's native text (`.txt`) and XML (`.xml`), node-link JSON as topohub writes it (`.json`), GraphML with
coordinates (`.graphml`). Traffic: what such a file holds, or a CSV file, either a square matrix with the nodes' names
in its first row and column, or three columns source, target, demand.
"""

from __future__ import annotations

import math
from pathlib import Path

import networkx
import numpy as np

from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.network_file import NetworkFile
from aign.scenarios.ip_optical_planning.network_formats import READERS, read_matrix
from aign.scenarios.ip_optical_planning.orbits import EARTH_RADIUS

LARGEST_FILE = 16_000_000
"""Bytes of the largest file read."""
SHORTEST = 0.01
"""Length [km] of a link whose ends lie in one place."""


def read_network(path: Path, demands: Path | None = None) -> Topology:
    """Return the network of a file, with its own traffic or that of a second file.

    Args:
        path: of the network, in one of the formats of this module.
        demands: CSV file with the traffic; None: the network's file holds it.

    Raises:
        ParameterError: naming the file, what is wrong in it, and what to do.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ParameterError(f"{path}: no format of networks ends so. Allowed: {', '.join(READERS)}.")
    network = NetworkFile(path)
    reader(network, text_of(path))
    if demands is not None:
        network.demands.clear()
        network.path = demands
        read_matrix(network, text_of(demands))
    return checked(network, path.stem)


def with_traffic(topology: Topology, demands: Path) -> Topology:
    """Return a network with the traffic of a CSV file in place of its own.

    Raises:
        ParameterError: naming the file, what is wrong in it, and what to do.
    """
    network = NetworkFile(demands, dict(zip(topology.nodes, map(tuple, topology.position.tolist()), strict=True)),
                          [(topology.nodes[a], topology.nodes[b], float(length) / 100)
                           for (a, b), length in zip(topology.ends, topology.length, strict=True)])
    read_matrix(network, text_of(demands))
    return checked(network, topology.name)


def read_groups(topology: Topology, path: Path) -> list[tuple[int, ...]]:
    """Return the links, by their numbers, that fail together: a line of the file names them, such as `A-B, B-C`.

    Raises:
        ParameterError: no such file, or a name that is no link of the network.
    """
    number = {f"{topology.nodes[first]}-{topology.nodes[second]}": link for link, (a, b) in enumerate(topology.ends)
              for first, second in ((a, b), (b, a))}
    groups = []
    for line, text in enumerate(text_of(path).splitlines(), 1):
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in number]
        if unknown:
            raise ParameterError(f"{path}: line {line}: {unknown_name('link', unknown[0], number)}")
        if names:
            groups.append(tuple(sorted({number[name] for name in names})))
    if not groups:
        raise ParameterError(f"{path}: it names no link. Give a line for each group: links that fail together, "
                             "separated by commas.")
    return groups


def text_of(path: Path) -> str:
    """Return a file's text.

    Raises:
        ParameterError: it is missing, too large, or no UTF-8 text.
    """
    if not path.is_file():
        raise ParameterError(f"{path}: no such file. Give an existing one; a network of SNDlib is given by its name.")
    if path.stat().st_size > LARGEST_FILE:
        raise ParameterError(f"{path}: {path.stat().st_size} bytes; allowed: up to {LARGEST_FILE}.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path}: no UTF-8 text ({error.reason} at byte {error.start}). Save it as "
                             "UTF-8.") from None


def checked(network: NetworkFile, name: str) -> Topology:
    """Return a file's content as a topology.

    Raises:
        ParameterError: fewer than two nodes, a node out of reach, or no traffic.
    """
    names = list(network.nodes)
    graph = networkx.Graph([link[:2] for link in network.links])
    graph.add_nodes_from(names)
    parts = sorted(networkx.connected_components(graph), key=len)
    if len(names) < 2 or len(parts) > 1:
        lonely = ", ".join(sorted(parts[0])[:5]) if parts else "none"
        raise network.fail(f"the network of {len(names)} nodes falls into {len(parts)} parts; the smallest: {lonely}",
                           "Add the links that join them.")
    place = {node: number for number, node in enumerate(names)}
    demand = np.zeros((len(names), len(names)))
    for (source, target), value in network.demands.items():
        demand[place[source], place[target]] = value
    demand = np.maximum(demand, demand.T)
    pairs = np.argwhere(np.triu(demand, 1) > 0)
    if not len(pairs):
        raise network.fail("it holds no traffic above 0", "Give demands, in this file or as a CSV matrix.")
    lengths = [great_circle(network.nodes[a], network.nodes[b]) if length is None else length
               for a, b, length in network.links]
    return Topology(name, tuple(names), np.array(list(network.nodes.values())),
                    np.array([[place[a], place[b]] for a, b, _ in network.links]),
                    np.array([max(1.0, float(round(100 * max(length, SHORTEST)))) for length in lengths]), pairs,
                    demand[pairs[:, 0], pairs[:, 1]])


def great_circle(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the distance [km] of two places, longitude and latitude [degree] (haversine formula)."""
    (east, north), (east_2, north_2) = ((math.radians(value) for value in place) for place in (first, second))
    half = (math.sin((north_2 - north) / 2) ** 2
            + math.cos(north) * math.cos(north_2) * math.sin((east_2 - east) / 2) ** 2)
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(half)))
