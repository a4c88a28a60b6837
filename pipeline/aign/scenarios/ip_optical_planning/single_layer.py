"""One layer: every IP link is a fibre of its own. What is to be planned for a network, its traffic and its risks.

Axes: n nodes, L links, F failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Floats, Instance

Risks = Literal["links", "nodes", "both", "none"]
"""What may fail, one at a time: links, nodes, links and nodes, or neither."""
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
             share: float = 1.0, groups: Sequence[Sequence[int]] = (),
             survived: float = 1.0) -> tuple[Instance, tuple[str, ...]]:
    """Return the planning problem, and the failures that leave some demand without a path: those are exempt.

    A module on a link costs its length [km] times its capacity.

    Args:
        topology: nodes and links.
        demand: (n, n) symmetric traffic.
        unit: capacity of a module.
        load_factor: share of it that may be filled.
        risks: what may fail.
        share: of each demand that must survive a failure, 0 to 1.
        groups: links, by their numbers, that share a risk and fail together, beside `risks`.
        survived: share of the failures, exempt ones not counted, that must be survived, 0 to 1; the plan chooses which.

    Raises:
        ParameterError: a share outside 0 to 1, or a group without links or of links that are not there.
    """
    _check(topology, share, survived, groups)
    failures = _failures(topology, risks, share, groups)
    built = Instance(topology.size, topology.ends, demand, load_factor * unit, topology.length * unit / 100,
                     np.zeros(topology.links), np.full(topology.links, MOST), failures)
    exempt = [scenario - 1 for scenario in built.disconnecting() if scenario]
    kept = failures.without(exempt)
    return (replace(built, failures=kept, may_drop=droppable(len(kept), survived)),
            tuple(failures.names[row] for row in exempt))


def droppable(failures: int, survived: float) -> int:
    """Return how many failures need not be survived where a share of them must be."""
    return int(np.floor((1.0 - survived) * failures + 1e-9))


def _check(topology: Topology, share: float, survived: float, groups: Sequence[Sequence[int]]) -> None:
    for name, value in (("share of each demand", share), ("share of failures", survived)):
        if not 0 <= value <= 1:
            raise ParameterError(f"{topology.name}: {name} to survive: given {value:g}; allowed: 0 to 1.")
    for group in groups:
        if not group or not set(group) <= set(range(topology.links)):
            raise ParameterError(f"{topology.name}: links that share a risk: given {list(group)}; allowed: one or more "
                                 f"numbers of links from 0 to {topology.links - 1}.")


def _failures(topology: Topology, risks: Risks, share: float, groups: Sequence[Sequence[int]]) -> Failures:
    links, nodes = range(topology.links), range(topology.size)
    failures = Failures.none(topology.links)
    if risks in ("links", "both"):
        single = Failures.of_groups([(link,) for link in links], topology.links, share)
        failures = replace(single, names=tuple(f"link {topology.link_name(link)}" for link in links))
    if risks in ("nodes", "both"):
        single = Failures.of_nodes(topology.ends, list(nodes), share)
        failures = failures.joined(replace(single, names=tuple(f"node {name}" for name in topology.nodes)))
    if groups:
        together = Failures.of_groups([tuple(group) for group in groups], topology.links, share)
        names = tuple("links " + " and ".join(topology.link_name(link) for link in group) for group in groups)
        failures = failures.joined(replace(together, names=names))
    return failures
