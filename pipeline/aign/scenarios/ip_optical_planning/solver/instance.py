"""What is to be planned: a network, its demands, the price of a module on each link, and what may fail.

Axes: n nodes, L links, F failures, S scenarios (0: everything works; 1..F: a failure), C values of a plan: modules of L
links, fibre pairs of each route where there are fibres, whether each of F failures is dropped where some may be.
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
        may_drop: failures that need not be survived; the plan chooses which.
        normal: share of each demand to be carried while everything works.
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
    may_drop: int = 0
    normal: float = 1.0

    @property
    def links(self) -> int:
        """Number of links L."""
        return len(self.ends)

    @property
    def routes(self) -> int:
        """Number of fibre routes; 0 where there are no fibres."""
        return 0 if self.fibres is None else len(self.fibres.price)

    @property
    def droppable(self) -> int:
        """Number of failures among which some may be dropped: all or none."""
        return len(self.failures) if self.may_drop else 0

    @property
    def columns(self) -> int:
        """Number of values of a plan, C."""
        return self.links + self.routes + self.droppable

    @property
    def scenarios(self) -> int:
        """Number of scenarios S."""
        return 1 + len(self.failures)

    def parts(self, plan: Floats) -> tuple[Floats, Floats, Floats]:
        """Return modules (L,), fibre pairs and dropped failures of a plan (C,)."""
        modules, pairs, dropped = np.split(plan, [self.links, self.links + self.routes])
        return modules, pairs, dropped

    def _joined(self, links: Floats, routes: Floats, dropped: float) -> Floats:
        return np.concatenate([links, routes, np.full(self.droppable, dropped)])

    @cached_property
    def prices(self) -> Floats:
        """(C,) price of each value of a plan."""
        return self._joined(self.price, np.zeros(0) if self.fibres is None else self.fibres.price, 0.0)

    @cached_property
    def lower(self) -> Floats:
        """(C,) least value."""
        return self._joined(self.least, np.zeros(0) if self.fibres is None else self.fibres.lit(self.least), 0.0)

    @cached_property
    def upper(self) -> Floats:
        """(C,) largest value."""
        return self._joined(self.most, np.zeros(0) if self.fibres is None else self.fibres.most, 1.0)

    @cached_property
    def below(self) -> Instance | None:
        """The optical layer alone, planned as a network: what crosses a cut needs fibre pairs there too."""
        if self.fibres is None:
            return None
        fibres = self.fibres
        return Instance(self.nodes, fibres.ends, self.demand, self.module * fibres.channels, fibres.price,
                        np.zeros(len(fibres.price)), fibres.most, fibres.failures, None, self.may_drop, self.normal)

    def structure(self) -> tuple[Floats, Floats]:
        """Return what every plan meets, low (R,) <= matrix (R, C) @ plan: fibre pairs hold the lightpaths above them,
        and no more failures are dropped than may be.
        """
        matrix = np.zeros((self.routes + (self.droppable > 0), self.columns))
        if self.fibres is not None:
            matrix[:self.routes, :self.links] = -1.0 * self.fibres.over
            matrix[:self.routes, self.links:self.links + self.routes] = self.fibres.channels * np.eye(self.routes)
        low = np.zeros(len(matrix))
        if self.droppable:
            matrix[-1, -self.droppable:], low[-1] = -1.0, -self.may_drop
        return low, matrix

    def excused(self, low: Floats, scenarios: Integers) -> Floats:
        """Return the coefficients (R, droppable) that take the need (R,) of scenarios away where they are dropped."""
        coefficients = np.zeros((len(low), self.droppable))
        if self.droppable:
            failed = np.flatnonzero(scenarios > 0)
            coefficients[failed, scenarios[failed] - 1] = low[failed]
        return coefficients

    @cached_property
    def slack(self) -> float:
        """Traffic whose shortage counts as none."""
        return TOLERANCE * float(self.demand.sum()) / 2

    @cached_property
    def share(self) -> Floats:
        """(S,) share of each demand to be carried."""
        return np.append(self.normal, self.failures.share)

    @cached_property
    def silent(self) -> Integers:
        """(S,) node whose demands are excused, or -1."""
        return np.append(-1, self.failures.silent)

    @cached_property
    def alive(self) -> Flags:
        """(S, L) links that work."""
        return np.vstack([np.ones((1, self.links), bool), ~self.failures.dead])

    @cached_property
    def single(self) -> bool:
        """Whether each failure takes one link, at one share, and none may be dropped."""
        alone = bool((self.failures.dead.sum(1) == 1).all()) and bool((self.failures.silent < 0).all())
        return len(self.failures) > 0 and alone and np.ptp(self.failures.share) == 0 and not self.may_drop

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
