"""What is to be planned: a network, its demands, the price of a module on each link, and what may fail.

Axes: n nodes, L links, F failures, S scenarios (0: everything works; 1..F: a failure).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import networkx
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

TOLERANCE = 1e-6
"""Traffic that may go unrouted, as a share of all traffic: below it a shortage counts as none."""


@dataclass(frozen=True, eq=False)
class Failures:
    """What may fail, one failure at a time.

    Attributes:
        dead: (F, L) links that carry nothing during a failure.
        share: (F,) share of each demand that must still be carried.
        silent: (F,) node whose own demands need not be carried, since it failed itself; -1 where there is none.
        names: F descriptions.
    """

    dead: Flags
    share: Floats
    silent: Integers
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.dead)

    @classmethod
    def none(cls, links: int) -> Failures:
        """Return the case that nothing fails."""
        return cls(np.zeros((0, links), bool), np.zeros(0), np.zeros(0, np.int64), ())

    @classmethod
    def of_groups(cls, groups: list[tuple[int, ...]], links: int, share: float = 1.0) -> Failures:
        """Return failures of groups of links that share a risk; a group of one is a single link's failure."""
        dead = np.zeros((len(groups), links), bool)
        for row, group in enumerate(groups):
            dead[row, list(group)] = True
        names = tuple("+".join(f"link {link}" for link in group) for group in groups)
        return cls(dead, np.full(len(groups), share), np.full(len(groups), -1), names)

    @classmethod
    def of_nodes(cls, ends: Integers, nodes: list[int], share: float = 1.0) -> Failures:
        """Return failures of single nodes: their links carry nothing, and their own demands are excused."""
        dead = (ends[None] == np.array(nodes)[:, None, None]).any(2)
        return cls(dead, np.full(len(nodes), share), np.array(nodes), tuple(f"node {node}" for node in nodes))

    def without(self, rows: list[int]) -> Failures:
        """Return the failures but some, by their numbers: those are exempt."""
        kept = [row for row in range(len(self)) if row not in rows]
        return Failures(self.dead[kept], self.share[kept], self.silent[kept], tuple(self.names[row] for row in kept))

    def joined(self, other: Failures) -> Failures:
        """Return the failures of both."""
        return Failures(np.vstack([self.dead, other.dead]), np.append(self.share, other.share),
                        np.append(self.silent, other.silent), self.names + other.names)


@dataclass(frozen=True, eq=False)
class Fibres:
    """The optical layer: fibre pairs that must be lit for the links above them, which then are lightpaths.

    Attributes:
        ends: (F, 2) nodes that a fibre route joins.
        over: (F, L) fibre routes that each lightpath runs over.
        channels: lightpaths that a fibre pair carries.
        price: (F,) of lighting a fibre pair, >= 0.
        most: (F,) fibre pairs there are on each route.
        failures: of single fibre routes, those of the instance seen from below.
    """

    ends: Integers
    over: Flags
    channels: int
    price: Floats
    most: Floats
    failures: Failures

    def lit(self, modules: Floats) -> Floats:
        """Return the fibre pairs (F,) that lightpaths (L,) need."""
        pairs: Floats = np.ceil(self.over @ modules / self.channels - 1e-9)
        return pairs


@dataclass(frozen=True, eq=False)
class Instance:
    """A network to be planned: choose whole modules y (L,) of least price so that every scenario can be routed.

    Attributes:
        nodes: n.
        ends: (L, 2) nodes that a link joins; parallel links are allowed.
        demand: (n, n) symmetric traffic, zero diagonal; flows may be split and are re-routed freely in each scenario.
        module: traffic that a module carries.
        price: (L,) of a module, > 0.
        least, most: (L,) whole bounds on the modules of each link.
        failures: what may fail.
        fibres: the optical layer; None where each link is a fibre of its own, whose price is in that of its modules.
    """

    nodes: int
    ends: Integers
    demand: Floats
    module: float
    price: Floats
    least: Floats
    most: Floats
    failures: Failures
    fibres: Fibres | None = None

    @property
    def columns(self) -> int:
        """Number of values of a plan, C: modules of L links, then fibre pairs of F routes where there are fibres."""
        return self.links + (0 if self.fibres is None else len(self.fibres.price))

    @cached_property
    def prices(self) -> Floats:
        """(C,) price of each value of a plan."""
        return self.price if self.fibres is None else np.append(self.price, self.fibres.price)

    @cached_property
    def lower(self) -> Floats:
        """(C,) least value."""
        return self.least if self.fibres is None else np.append(self.least, self.fibres.lit(self.least))

    @cached_property
    def upper(self) -> Floats:
        """(C,) largest value."""
        return self.most if self.fibres is None else np.append(self.most, self.fibres.most)

    @cached_property
    def joins(self) -> Integers:
        """(C, 2) nodes that the link or fibre route of each value joins."""
        return self.ends if self.fibres is None else np.vstack([self.ends, self.fibres.ends])

    @cached_property
    def below(self) -> Instance | None:
        """The optical layer alone, planned as a network: what crosses a cut needs fibre pairs there too."""
        if self.fibres is None:
            return None
        fibres = self.fibres
        return Instance(self.nodes, fibres.ends, self.demand, self.module * fibres.channels, fibres.price,
                        np.zeros(len(fibres.price)), fibres.most, fibres.failures)

    @property
    def links(self) -> int:
        """Number of links L."""
        return len(self.ends)

    @property
    def scenarios(self) -> int:
        """Number of scenarios S."""
        return 1 + len(self.failures)

    @cached_property
    def slack(self) -> float:
        """Traffic whose shortage counts as none."""
        return TOLERANCE * float(self.demand.sum()) / 2

    @cached_property
    def share(self) -> Floats:
        """(S,) share of each demand to be carried."""
        return np.append(1.0, self.failures.share)

    @cached_property
    def silent(self) -> Integers:
        """(S,) node whose demands are excused, or -1."""
        return np.append(-1, self.failures.silent)

    @cached_property
    def alive(self) -> Flags:
        """(S, L) links that work."""
        return np.vstack([np.ones((1, self.links), bool), ~self.failures.dead])

    @cached_property
    def single(self) -> Integers | None:
        """(F,) the one link that each failure takes; None unless all are single links' failures at one share."""
        alone = bool((self.failures.dead.sum(1) == 1).all()) and bool((self.failures.silent < 0).all())
        if not (len(self.failures) and alone and np.ptp(self.failures.share) == 0):
            return None
        links: Integers = self.failures.dead.argmax(1)
        return links

    def demand_in(self, scenario: int) -> Floats:
        """Return the traffic (n, n) to be carried in a scenario."""
        carried: Floats = self.demand * self.share[scenario]
        if self.silent[scenario] >= 0:
            carried[self.silent[scenario]] = carried[:, self.silent[scenario]] = 0.0
        return carried

    def disconnecting(self) -> list[int]:
        """Return the scenarios in which some demand has no path left: no plan survives them."""
        broken = []
        for scenario in range(self.scenarios):
            graph = networkx.Graph(self.ends[self.alive[scenario]].tolist())
            graph.add_nodes_from(range(self.nodes))
            part = np.empty(self.nodes, np.int64)
            for number, members in enumerate(networkx.connected_components(graph)):
                part[list(members)] = number
            if bool((self.demand_in(scenario)[part[:, None] != part[None]] > 0).any()):
                broken.append(scenario)
        return broken


def modules_needed(instance: Instance, traffic: Floats, scenario: NDArray[np.int64] | int | slice) -> Floats:
    """Return the whole modules that traffic across a cut, before the share of the scenario is taken, needs."""
    scaled = (traffic - instance.slack) * instance.share[scenario] / instance.module
    return np.ceil(scaled).clip(0.0)
