"""One layer: every IP link is a fibre of its own. What is to be planned for a network, its traffic and its risks.

Axes: n nodes, L links, F failures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from aign.scenarios.ip_optical_planning.solver.instance import Failures, Floats, Instance
from aign.scenarios.ip_optical_planning.topology import Topology

Risks = Literal["links", "nodes", "none"]
"""What may fail, one at a time."""
MOST = 10_000.0
"""Modules a link can have; no optimum comes near."""
UNITS = {"polska": 622.0, "nobel-germany": 40.0, "nobel-us": 400.0}
"""Capacity of a module where SNDlib's demands suggest one; of other networks a sixteenth of the total demand."""


def unit_of(topology: Topology) -> float:
    """Return the capacity of a module, in the unit of the demands."""
    return UNITS.get(topology.name) or float(topology.demand.sum() / 16)


def traffic_of(topology: Topology) -> Floats:
    """Return the published demands as a symmetric matrix (n, n)."""
    demand = np.zeros((topology.size, topology.size))
    demand[topology.pairs[:, 0], topology.pairs[:, 1]] = topology.demand
    both: Floats = demand + demand.T
    return both


def instance(topology: Topology, demand: Floats, unit: float, load_factor: float = 0.8, risks: Risks = "links",
             share: float = 1.0) -> tuple[Instance, tuple[str, ...]]:
    """Return the planning problem, and the failures that leave some demand without a path: those are exempt.

    A module on a link costs its length [km] times its capacity.

    Args:
        topology: nodes and links.
        demand: (n, n) symmetric traffic.
        unit: capacity of a module.
        load_factor: share of it that may be filled.
        risks: what may fail.
        share: of each demand that must survive a failure, 0 to 1.
    """
    failures = _failures(topology, risks, share)
    built = Instance(topology.size, topology.ends, demand, load_factor * unit, topology.length * unit / 100,
                     np.zeros(topology.links), np.full(topology.links, MOST), failures)
    exempt = [scenario - 1 for scenario in built.disconnecting() if scenario]
    return replace(built, failures=failures.without(exempt)), tuple(failures.names[row] for row in exempt)


def _failures(topology: Topology, risks: Risks, share: float) -> Failures:
    if risks == "none":
        return Failures.none(topology.links)
    if risks == "nodes":
        by_number = Failures.of_nodes(topology.ends, list(range(topology.size)), share)
        return replace(by_number, names=tuple(f"node {name}" for name in topology.nodes))
    by_number = Failures.of_groups([(link,) for link in range(topology.links)], topology.links, share)
    return replace(by_number, names=tuple(f"link {topology.link_name(link)}" for link in range(topology.links)))
