"""Networks and traffic matrices of the user's own files, checked before anything is planned.

Networks: SNDlib's native text (`.txt`) and XML (`.xml`), node-link JSON as topohub writes it (`.json`), GraphML with
coordinates (`.graphml`). Traffic: what such a file holds, or a CSV file, either a square matrix with the nodes' names
in its first row and column, or three columns source, target, demand.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx
import numpy as np

from aign.errors import ParameterError
from aign.scenarios.ip_optical_planning.topology import Topology

LARGEST_FILE = 16_000_000
"""Bytes of the largest file read."""
EARTH_RADIUS = 6371.0
"""Mean radius of the earth [km]."""
SHORTEST = 0.01
"""Length [km] of a link whose ends lie in one place."""


@dataclass
class NetworkFile:
    """What a file says, before it is checked as a whole.

    Attributes:
        path: of the file, for messages.
        nodes: name -> longitude and latitude [degree].
        links: ends, and length [km] or None where coordinates decide.
        demands: ordered pair of names -> traffic.
    """

    path: Path
    nodes: dict[str, tuple[float, float]] = field(default_factory=dict)
    links: list[tuple[str, str, float | None]] = field(default_factory=list)
    demands: dict[tuple[str, str], float] = field(default_factory=dict)

    def fail(self, what: str, remedy: str) -> ParameterError:
        """Return the error that says what is wrong in this file and what to do."""
        return ParameterError(f"{self.path}: {what}. {remedy}")

    def add_node(self, name: str, longitude: Any, latitude: Any) -> None:
        """Add a node.

        Raises:
            ParameterError: a second node of that name, or coordinates that are no place on earth.
        """
        if name in self.nodes:
            raise self.fail(f"two nodes are called {name!r}", "Give every node a name of its own.")
        try:
            place = float(longitude), float(latitude)
        except (TypeError, ValueError):
            raise self.fail(f"node {name!r} has no coordinates (given {longitude!r}, {latitude!r})",
                            "Give longitude and latitude in degrees.") from None
        if not (abs(place[0]) <= 180 and abs(place[1]) <= 90):
            raise self.fail(f"node {name!r} lies at {place[0]:g}, {place[1]:g}",
                            "Give a longitude from -180 to 180 and a latitude from -90 to 90 degrees.")
        self.nodes[name] = place

    def add_link(self, source: str, target: str, length: Any = None) -> None:
        """Add a link.

        Raises:
            ParameterError: an unknown node, a link from a node to itself, a second link, or a length that is none.
        """
        self._check_pair(source, target, "link")
        if any({source, target} == {a, b} for a, b, _ in self.links):
            raise self.fail(f"two links join {source} and {target}",
                            "Join parallel links to one, or put a node on the second.")
        number = None if length is None else self._number(length, f"length of link {source}-{target}")
        if number is not None and number <= 0:
            raise self.fail(f"link {source}-{target} has length {number:g} km", "Give a length above 0, or none.")
        self.links.append((source, target, number))

    def add_demand(self, source: str, target: str, value: Any) -> None:
        """Add traffic from one node to another.

        Raises:
            ParameterError: an unknown node, traffic of a node with itself, a second value, or none that is >= 0.
        """
        number = self._number(value, f"demand {source}-{target}")
        if source == target and number == 0:
            return
        self._check_pair(source, target, "demand")
        if (source, target) in self.demands:
            raise self.fail(f"demand {source}-{target} is given twice", "Give each ordered pair once.")
        if number < 0:
            raise self.fail(f"demand {source}-{target} is {number:g}", "Give traffic that is not negative.")
        self.demands[source, target] = number

    def _number(self, value: Any, what: str) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self.fail(f"{what}: given {value!r}", "Give a finite number with a decimal point.")
        return number

    def _check_pair(self, source: str, target: str, kind: str) -> None:
        for name in (source, target):
            if name not in self.nodes:
                raise self.fail(f"{kind} {source}-{target} names the node {name!r}, which is not there",
                                f"Nodes: {', '.join(list(self.nodes)[:12])}{' ...' * (len(self.nodes) > 12)}.")
        if source == target:
            raise self.fail(f"{kind} {source}-{target} joins a node with itself", "Remove it.")


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


def text_of(path: Path) -> str:
    """Return a file's text.

    Raises:
        ParameterError: it is missing, too large, or no UTF-8 text.
    """
    if not path.is_file():
        raise ParameterError(f"{path}: no such file. Give a network of SNDlib by its name, or an existing file.")
    if path.stat().st_size > LARGEST_FILE:
        raise ParameterError(f"{path}: {path.stat().st_size} bytes; allowed: up to {LARGEST_FILE}.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path}: no UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8.") from None


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
    half = math.sin((north_2 - north) / 2) ** 2 + math.cos(north) * math.cos(north_2) * math.sin((east_2 - east) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(half)))


def read_native(network: NetworkFile, text: str) -> None:
    """Read SNDlib's native format: the sections NODES, LINKS and DEMANDS."""
    text = re.sub(r"#.*", "", text)
    for section in ("NODES", "LINKS"):
        if not re.search(rf"^\s*{section}\s*\(", text, re.MULTILINE):
            raise network.fail(f"it has no section {section}", "Give a network in SNDlib's native format.")
    for name, east, north in _entries(text, "NODES", r"(\S+)\s*\(\s*(\S+)\s+(\S+)\s*\)"):
        network.add_node(name, east, north)
    for source, target in _entries(text, "LINKS", r"\S+\s*\(\s*(\S+)\s+(\S+)\s*\).*"):
        network.add_link(source, target)
    for source, target, value in _entries(text, "DEMANDS", r"\S+\s*\(\s*(\S+)\s+(\S+)\s*\)\s+\S+\s+(\S+).*"):
        network.add_demand(source, target, value)


def _entries(text: str, section: str, pattern: str) -> list[tuple[str, ...]]:
    """Return the fields of each line of a section; none where there is no such section."""
    start = re.search(rf"^\s*{section}\s*\(\s*$(.*?)^\s*\)\s*$", text, re.MULTILINE | re.DOTALL)
    lines = start.group(1).splitlines() if start else []
    return [match.groups() for line in lines if (match := re.fullmatch(rf"\s*{pattern}\s*", line))]


def read_xml(network: NetworkFile, text: str) -> None:
    """Read SNDlib's XML format."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise network.fail("it declares a document type, which is not read", "Remove the declaration.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise network.fail(f"no XML ({error})", "Give a network in SNDlib's XML format.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for node in root.iter("node"):
        network.add_node(str(node.get("id")), node.findtext("coordinates/x"), node.findtext("coordinates/y"))
    for link in root.iter("link"):
        network.add_link(str(link.findtext("source")), str(link.findtext("target")))
    for demand in root.iter("demand"):
        network.add_demand(str(demand.findtext("source")), str(demand.findtext("target")),
                           demand.findtext("demandValue"))


def read_json(network: NetworkFile, text: str) -> None:
    """Read node-link JSON as topohub writes it: nodes with `pos`, edges with `dist`, `graph.demands` by id."""
    try:
        stored = json.loads(text)
        nodes, edges, demands = stored["nodes"], stored["edges"], stored.get("graph", {}).get("demands", {})
        names = {str(node["id"]): str(node.get("name", node["id"])) for node in nodes}
        for node in nodes:
            network.add_node(names[str(node["id"])], *(node.get("pos") or (None, None))[:2])
        for edge in edges:
            source, target = (names.get(str(edge[end]), str(edge[end])) for end in ("source", "target"))
            network.add_link(source, target, edge.get("dist"))
        for source, row in demands.items():
            for target, value in row.items():
                network.add_demand(names.get(source, source), names.get(target, target), value)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise network.fail(f"no node-link JSON ({type(error).__name__}: {error})",
                           "Give `nodes` (id, pos) and `edges` (source, target), as topohub does.") from None


def read_graphml(network: NetworkFile, text: str) -> None:
    """Read GraphML whose nodes have Longitude and Latitude (or x and y); a link may have a length or dist."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise network.fail("it declares a document type, which is not read", "Remove the declaration.")
    try:
        graph = networkx.parse_graphml(text)
    except Exception as error:
        raise network.fail(f"no GraphML ({error})", "Give a graph whose nodes have Longitude and Latitude.") from None
    names = {node: str(data.get("label", node)) for node, data in graph.nodes(data=True)}
    for node, data in graph.nodes(data=True):
        network.add_node(names[node], data.get("Longitude", data.get("x")), data.get("Latitude", data.get("y")))
    for source, target, data in graph.edges(data=True):
        network.add_link(names[source], names[target], data.get("length", data.get("dist")))
        if "demand" in data:
            network.add_demand(names[source], names[target], data["demand"])


def read_matrix(network: NetworkFile, text: str) -> None:
    """Read a CSV file: a square matrix with names in its first row and column, or source, target, demand."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    if not rows:
        raise network.fail("it is empty", "Give a square matrix, or columns source, target, demand.")
    if [cell.lower() for cell in rows[0]] == ["source", "target", "demand"]:
        for number, row in enumerate(rows[1:], 2):
            if len(row) != 3:
                raise network.fail(f"row {number} has {len(row)} columns, not 3", "Give source, target, demand.")
            network.add_demand(*row)
        return
    header = rows[0][1:]
    missing = sorted(set(network.nodes) - set(header))
    if missing or [row[0] for row in rows[1:]] != header:
        what = f"the matrix lacks {', '.join(missing[:5])}" if missing else "rows and columns name different nodes"
        raise network.fail(what, "Name every node in the first row and, in the same order, in the first column.")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise network.fail(f"row {number} has {len(row)} columns, the first {len(rows[0])}",
                               "Give a number for each pair of nodes; 0 where they exchange nothing.")
        for target, value in zip(header, row[1:], strict=True):
            network.add_demand(row[0], target, value)


READERS: Mapping[str, Callable[[NetworkFile, str], None]] = {
    ".txt": read_native, ".xml": read_xml, ".json": read_json, ".graphml": read_graphml}
"""How a network is read, by its file's ending."""
