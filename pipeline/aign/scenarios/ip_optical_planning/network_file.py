"""What a file says of a network: nodes, links and demands, each checked as it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aign.errors import ParameterError


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
