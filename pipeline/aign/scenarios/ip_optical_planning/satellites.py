"""Satellites beside a network on the ground: links that exist in some time slots only.

A shell of satellites in circular orbits (Walker delta constellation) passes over ground gateways. A gateway reaches a
satellite while that stands high enough above its horizon; satellites keep their links to both neighbours in their plane
and to one in the next plane. The plan is one for all slots: in each slot it has to carry the demands over the links
that exist then, so every slot is one more scenario to survive, beside and together with failures on the ground.

Left out, and said: satellites far from those that gateways reach, links between planes near the poles, rain, antennas
that a gateway has; a module on a link to a satellite is capacity reserved whenever that satellite is in sight.

Axes: T slots, n ground nodes, N satellites, G gateways, L links.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Annotated

import networkx
import numpy as np
from pydantic import Field

from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.orbits import Shell, elevations
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Flags, Floats, Instance
from aign.settings import Positive, Settings


class Constellation(Settings):
    """What a file says of satellites: a shell, its gateways, the slots of one orbit, and what links cost.

    Attributes:
        gateways: names of ground nodes with antennas.
        planes, satellites, altitude, inclination, elevation: of the `Shell`.
        slots: moments of one orbit, evenly spread.
        price: km of fibre that a module on a link of a satellite costs as much as.
    """

    gateways: Annotated[list[str], Field(min_length=1)]
    planes: Positive = 6
    satellites: Positive = 11
    altitude: float = 780.0
    inclination: float = 86.4
    elevation: float = 10.0
    slots: Positive = 4
    price: Annotated[float, Field(gt=0)] = 1000.0

    @property
    def shell(self) -> Shell:
        """The satellites.

        Raises:
            ParameterError: a shell that cannot be.
        """
        return Shell(self.planes, self.satellites, self.altitude, self.inclination, self.elevation)

    def nodes(self, topology: Topology) -> list[int]:
        """Return the numbers of the gateways.

        Raises:
            ParameterError: a name that is no node.
        """
        for name in self.gateways:
            if name not in topology.nodes:
                raise ParameterError(unknown_name("gateway", name, list(topology.nodes)))
        return [topology.nodes.index(name) for name in self.gateways]

    def described(self) -> str:
        """Return the orbit in words."""
        shell = self.shell
        return (f"{shell.count} satellites in {self.planes} planes, {self.altitude:g} km high, inclined by "
                f"{self.inclination:g} degrees, one orbit in {shell.period / 60:.1f} minutes; {self.slots} slots, "
                f"links from {self.elevation:g} degrees above the horizon")


def visible(topology: Topology, shell: Shell, gateways: list[int], slots: int) -> Flags:
    """Return which satellites each gateway reaches in each of `slots` moments of one orbit, (T, G, N)."""
    moments = shell.period * np.arange(slots) / slots
    return np.stack([elevations(topology.position[gateways], shell.positions(moment)) >= shell.elevation
                     for moment in moments])


def instance(topology: Topology, demand: Floats, module: float, shell: Shell, gateways: list[int], slots: int,
             price_per_km: float, satellite_price: float, cuts: bool = True) -> tuple[Instance, Flags]:
    """Return the planning problem with satellites, and which links exist in each slot (T, L).

    Nodes are those of the ground, then the satellites of `useful`. Links are those of the ground, then those between
    gateways and the satellites that they reach in any slot, then those between satellites.

    Args:
        topology: the ground.
        demand: (n, n) symmetric traffic.
        module: traffic of a module.
        shell: the satellites.
        gateways: ground nodes with antennas.
        slots: moments of one orbit.
        price_per_km: of a module on the ground.
        satellite_price: of a module on any link of a satellite.
        cuts: whether each link on the ground may also fail, in each slot.

    Raises:
        ParameterError: no gateway, a slot too few, or a slot in which some demand has no path.
    """
    if slots < 1 or not gateways or not set(gateways) <= set(range(topology.size)):
        raise ParameterError(f"Satellites of {topology.name}: given gateways {gateways} and {slots} slots; allowed: "
                             f"nodes 0 to {topology.size - 1}, and 1 slot or more.")
    reach = visible(topology, shell, gateways, slots)
    upward = np.argwhere(reach.any(0))
    node = {satellite: topology.size + number for number, satellite in enumerate(useful(shell, reach))}
    ends = np.array([*topology.ends.tolist(),
                     *([gateways[gateway], node[satellite]] for gateway, satellite in upward.tolist()),
                     *([node[a], node[b]] for a, b in shell.links() if a in node and b in node)])
    present = np.ones((slots, len(ends)), bool)
    present[:, topology.links:topology.links + len(upward)] = reach[:, upward[:, 0], upward[:, 1]]
    prices = np.full(len(ends), satellite_price)
    prices[:topology.links] = price_per_km * topology.length / 100
    nodes = topology.size + len(node)
    traffic = np.zeros((nodes, nodes))
    traffic[:topology.size, :topology.size] = demand
    failures = slot_failures(present, topology.links if cuts else 0)
    built = Instance(nodes, ends, traffic, module, prices, np.zeros(len(ends)), np.full(len(ends), 10_000.0), failures)
    return replace(built, failures=failures.without([number - 1 for number in built.disconnecting()])), present


def useful(shell: Shell, reach: Flags) -> list[int]:
    """Return the satellites that gateways reach (T, G, N) in any slot, and those on a path of fewest links between two
    that are reached in the same slot.
    """
    graph = networkx.Graph(shell.links())
    satellites: set[int] = set()
    for slot in range(len(reach)):
        numbers = np.flatnonzero(reach[slot].any(0)).tolist()
        satellites.update(numbers)
        for first, second in combinations(numbers, 2):
            satellites.update(networkx.shortest_path(graph, first, second))
    return sorted(satellites)


def link_names(topology: Topology, problem: Instance) -> list[str]:
    """Return the names of the links of a planning problem with satellites."""
    nodes = [*topology.nodes, *(f"satellite {number}" for number in range(problem.nodes - topology.size))]
    return ["-".join(nodes[node] for node in ends) for ends in problem.ends.tolist()]


def slot_failures(present: Flags, cuts: int) -> Failures:
    """Return each slot (T, L) as a failure of the links that do not exist in it, alone and with each of the first
    `cuts` links.
    """
    dead, names = [], []
    for slot, links in enumerate(present):
        for link in (None, *range(cuts)):
            gone = ~links
            if link is not None:
                gone = gone.copy()
                gone[link] = True
            dead.append(gone)
            names.append(f"slot {slot}" + ("" if link is None else f", link {link} cut"))
    return Failures(np.array(dead), np.ones(len(dead)), np.full(len(dead), -1), tuple(names))
