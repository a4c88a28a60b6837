"""The formats in which networks and traffic are read: SNDlib's text and XML, topohub's JSON, GraphML, CSV matrices.

Each reader fills a `NetworkFile`, which checks every node, link and demand as it comes.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from xml.etree import ElementTree

import networkx

from aign.scenarios.ip_optical_planning.network_file import NetworkFile


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
