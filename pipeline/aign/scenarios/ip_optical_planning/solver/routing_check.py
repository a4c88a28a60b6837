"""Does a plan carry every scenario? Exact, by routing; and the inequality that says why not.

Whole multiples of the lengths that routing returns (see `routing`) let the right side be rounded up to whole
modules.

Axes: L links, P pairs of nodes that links join: parallel links share their capacity in routing; S scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from aign.scenarios.ip_optical_planning.solver.instance import TOLERANCE, Floats, Instance, Integers
from aign.scenarios.ip_optical_planning.solver.routing import Router

LARGEST_FACTOR = 60
"""Lengths that become whole when multiplied by up to this are made whole."""

KNOWN = 64
"""Routings remembered of each scenario: a plan that has the modules they use carries it too."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What routing says of a plan.

    Attributes:
        failed: the first scenario found that cannot be routed; -1 where all can.
        low, matrix: (R,), (R, L) inequalities matrix @ y >= low that the plan breaks and every survivable plan meets.
        scenarios: (R,) in which each one holds: a plan that drops that failure need not meet it.
    """

    failed: int
    low: Floats
    matrix: Floats
    scenarios: Integers


class RoutingCheck:
    """Checks plans of one instance; scenarios are asked in an order that puts the last failure first."""

    def __init__(self, instance: Instance) -> None:
        self._order = list(range(1, instance.scenarios))
        _, first, pair = np.unique(np.sort(instance.ends, 1), axis=0, return_index=True, return_inverse=True)
        self._pair = first.argsort().argsort()[pair]  # in the order of the links
        first = np.sort(first)
        self._working = np.zeros((instance.scenarios, len(first)), bool)
        np.logical_or.at(self._working.T, self._pair, instance.alive.T)
        self._flows = Router(instance.nodes, instance.ends[first], instance.demand)
        self.instance = instance

    @property
    def instance(self) -> Instance:
        """What is asked about; another may be set that differs in its traffic only, and forgets what was routed."""
        return self._instance

    @instance.setter
    def instance(self, instance: Instance) -> None:
        self._instance = instance
        self._carried: list[Floats] = [np.empty((0, self._working.shape[1]))] * instance.scenarios

    @property
    def solved(self) -> int:
        """Flow programs solved so far."""
        return self._flows.solved

    def verdict(self, plan: Floats, dropped: Floats | None = None) -> Verdict:
        """Return whether every scenario can be routed over a plan (L,), and else what the plan breaks; failures that
        are dropped (F,) are not asked.
        """
        carried = Verdict(-1, np.empty(0), np.empty((0, self.instance.links)), np.empty(0, np.int64))
        return next(self.failing(plan, dropped), carried)

    def failing(self, plan: Floats, dropped: Floats | None = None) -> Iterator[Verdict]:
        """Yield what a plan breaks in each scenario that cannot be routed, as `verdict` does for the first."""
        prices = self._overflow(plan, 0)
        if prices is not None:
            yield self._broken(plan, prices, 0)
        basis, share = self._flows.basis, self.instance.share
        for scenario in list(self._order):
            if dropped is not None and len(dropped) and dropped[scenario - 1] > 0.5:
                continue
            if share[scenario] <= share[0] and not plan[~self.instance.alive[scenario]].any():
                continue  # it asks no more than the case without failures
            self._flows.basis = basis
            prices = self._overflow(plan, scenario)
            if prices is not None:
                self._order.remove(scenario)
                self._order.insert(0, scenario)
                yield self._broken(plan, prices, scenario)

    def _overflow(self, plan: Floats, scenario: int) -> Floats | None:
        """Return None where a scenario can be routed, else the prices (L,) of capacity."""
        working = plan * self.instance.alive[scenario]
        modules = np.asarray(np.bincount(self._pair, working, self._working.shape[1]), np.float64)
        if (self._carried[scenario] <= modules).all(1).any():
            return None
        traffic = self.instance.demand_in(scenario)
        tolerance = TOLERANCE * float(traffic.sum()) / 2
        routing = self._flows.route(traffic, modules * self.instance.module, self._working[scenario])
        if routing.overflow > tolerance:
            return routing.prices[self._pair]
        used = np.ceil((routing.load - tolerance / len(modules)) / self.instance.module)
        self._carried[scenario] = np.vstack([self._carried[scenario], np.minimum(modules, used)])[-KNOWN:]
        return None

    def _broken(self, plan: Floats, prices: Floats, scenario: int) -> Verdict:
        """Return the inequalities of these lengths, in every scenario in which the plan breaks them."""
        lengths, whole = whole_lengths(_closed(self.instance, prices, scenario))
        lows, matrices, scenarios = [], [], []
        for other in range(self.instance.scenarios):
            need = metric_need(self.instance, lengths, whole, other)
            row = np.where(self.instance.alive[other], lengths, 0.0)
            if row @ plan < need - 1e-6:
                lows.append(need)
                matrices.append(row)
                scenarios.append(other)
        return Verdict(scenario, np.array(lows), np.array(matrices).reshape(len(lows), self.instance.links),
                       np.array(scenarios, np.int64))


def metric_need(instance: Instance, lengths: Floats, whole: bool, scenario: int) -> float:
    """Return the least of lengths @ plan, in modules, over plans that can be routed in a scenario."""
    traffic = instance.demand_in(scenario)
    routed = np.where(traffic > 0, _distances(instance, lengths, scenario), 0.0)
    needed = float((traffic * routed).sum()) / 2
    slack = instance.slack * float(instance.share[scenario]) * float(lengths.max()) + 1e-9 * needed
    modules = (needed - slack) / instance.module
    return float(np.ceil(modules)) if whole else modules


def _distances(instance: Instance, lengths: Floats, scenario: int) -> Floats:
    """Return the shortest distances (n, n) over the links that work in a scenario."""
    shortest: dict[tuple[int, int], float] = {}  # of parallel links
    for link in np.flatnonzero(instance.alive[scenario]):
        a, b = sorted(instance.ends[link].tolist())
        shortest[a, b] = min(shortest.get((a, b), np.inf), float(lengths[link]))
    ends = np.array(list(shortest)).T
    # A dense matrix would take lengths of 0 for links that are not there.
    graph = csr_matrix((np.array(list(shortest.values())), (ends[0], ends[1])), (instance.nodes, instance.nodes))
    distance: Floats = dijkstra(graph, directed=False)
    return distance


def _closed(instance: Instance, prices: Floats, scenario: int) -> Floats:
    """Return lengths (L,) no longer than the shortest way between a link's ends in a scenario.

    Such lengths ask for the same in that scenario with smaller factors, and for more in others: prices are 0 on links
    that failed, and arbitrary on links without modules.
    """
    distance = _distances(instance, prices, scenario)
    lengths = distance[instance.ends[:, 0], instance.ends[:, 1]]
    return np.where(np.isfinite(lengths), lengths, prices)


def whole_lengths(prices: Floats) -> tuple[Floats, bool]:
    """Return lengths as whole multiples of a common unit where there is one, and whether there is."""
    prices = np.where(prices > 1e-9, prices, 0.0)
    for factor in range(1, LARGEST_FACTOR + 1):
        scaled = prices * factor / prices.max()
        if np.abs(scaled - scaled.round()).max() < 1e-6:
            return scaled.round(), True
    return prices / prices.max(), False
