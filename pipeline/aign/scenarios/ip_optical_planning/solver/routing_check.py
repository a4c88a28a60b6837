"""Can a plan be routed in every scenario? Exact: a multi-commodity flow program, and the inequality that says why not.

Flows are aggregated by source; sources are a vertex cover of the pairs with traffic, so that each pair is carried from
one end. The program minimises the overflow, load beyond capacity: always feasible, and its dual prices are lengths mu
with sum of mu y * module >= sum of traffic * distance under mu, which every plan that can be routed meets (Iri 1971;
Onaga and Kakusho 1971). Whole multiples of mu let the right side be rounded up to whole modules.

Axes: n nodes, L links, S scenarios, C columns (flows by source, link and direction, then overflows).
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra

from aign.scenarios.ip_optical_planning.solver.instance import TOLERANCE, Floats, Instance, Integers
from aign.scenarios.ip_optical_planning.solver.relaxation import LINEAR

STEEPEST_EDGE = 2
"""HiGHS's number of the pricing rule that takes a fifth less time here than its default."""
LARGEST_FACTOR = 60
"""Lengths that become whole when multiplied by up to this are made whole."""


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
        self.instance = instance
        self._order = list(range(1, instance.scenarios))
        self._solver, self._sources = _program(instance)
        self._balance = len(self._sources) * instance.nodes
        self.solved = 0
        """Flow programs solved so far."""

    def verdict(self, plan: Floats, dropped: Floats | None = None) -> Verdict:
        """Return whether every scenario can be routed over a plan (L,), and else what the plan breaks; failures that
        are dropped (F,) are not asked.
        """
        prices = self._overflow(plan, 0)
        if prices is not None:
            return self._broken(plan, prices, 0)
        basis, share = self._solver.getBasis(), self.instance.share
        for scenario in self._order:
            if dropped is not None and len(dropped) and dropped[scenario - 1] > 0.5:
                continue
            if share[scenario] <= share[0] and not plan[~self.instance.alive[scenario]].any():
                continue  # it asks no more than the case without failures
            self._solver.setBasis(basis)
            prices = self._overflow(plan, scenario)
            if prices is not None:
                self._order.remove(scenario)
                self._order.insert(0, scenario)
                return self._broken(plan, prices, scenario)
        return Verdict(-1, np.empty(0), np.empty((0, self.instance.links)), np.empty(0, np.int64))

    def _overflow(self, plan: Floats, scenario: int) -> Floats | None:
        """Return None where a scenario can be routed, else the prices (L,) of capacity."""
        instance, capacity = self.instance, np.where(self.instance.alive[scenario], plan, 0.0) * self.instance.module
        traffic = instance.demand_in(scenario)
        low, high = _bounds(instance, self._sources, traffic, capacity)
        self._solver.changeRowsBounds(  # type: ignore[attr-defined]  # missing in its stubs
            len(low), np.arange(len(low), dtype=np.int32), low, high)
        first = self._solver.getNumCol() - instance.links
        limit = np.where(instance.alive[scenario], highspy.kHighsInf, 0.0)
        self._solver.changeColsBounds(instance.links, np.arange(first, first + instance.links, dtype=np.int32),
                                      np.zeros(instance.links), limit)
        self._solver.run()
        self.solved += 1
        overflow = float(self._solver.getInfo().objective_function_value)
        if overflow <= TOLERANCE * float(traffic.sum()) / 2:
            return None
        prices: Floats = np.maximum(0.0, -np.array(self._solver.getSolution().row_dual[self._balance:]))
        return np.where(instance.alive[scenario], prices, 0.0)

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


def _program(instance: Instance) -> tuple[highspy.Highs, Integers]:
    """Return the flow program and its sources; rows are balances by source and node, then capacities by link."""
    sources = vertex_cover(instance.demand)
    nodes, links = instance.nodes, instance.links
    balance, flows = len(sources) * nodes, len(sources) * links * 2
    column = np.arange(flows)
    source, link, way = np.unravel_index(column, (len(sources), links, 2))
    tail, head = (instance.ends[link, np.where(way == end, 0, 1)] for end in (0, 1))
    over = np.arange(links)
    rows = np.concatenate([source * nodes + tail, source * nodes + head, balance + link, balance + over])
    columns = np.concatenate([column, column, column, flows + over])
    values = np.concatenate([np.full(flows, -1.0), np.ones(2 * flows), np.full(links, -1.0)])
    matrix = csc_matrix((values, (rows, columns)), shape=(balance + links, flows + links))
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = matrix.shape
    program.col_cost_ = np.repeat([0.0, 1.0], [flows, links])
    program.col_lower_, program.col_upper_ = np.zeros(flows + links), np.full(flows + links, highspy.kHighsInf)
    program.row_lower_ = program.row_upper_ = np.zeros(balance + links)
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_, program.a_matrix_.index_, program.a_matrix_.value_ = (
        matrix.indptr, matrix.indices, matrix.data)
    solver = highspy.Highs()
    for option, value in {**LINEAR, "simplex_dual_edge_weight_strategy": STEEPEST_EDGE}.items():
        solver.setOptionValue(option, value)
    solver.passModel(program)
    return solver, np.array(sources)


def _bounds(instance: Instance, sources: Integers, traffic: Floats, capacity: Floats) -> tuple[Floats, Floats]:
    """Return the row bounds: what each node takes from each source, then what each link holds."""
    taken, done = np.zeros((len(sources), instance.nodes)), np.zeros(instance.nodes, bool)
    for row, source in enumerate(sources):
        taken[row] = np.where(done, 0.0, traffic[source])
        taken[row, source] = 0.0
        done[source] = True
    low = np.concatenate([taken.ravel(), np.full(instance.links, -highspy.kHighsInf)])
    high = np.concatenate([taken.ravel(), capacity])
    sent = np.arange(len(sources)) * instance.nodes + sources  # what a source sends is free
    low[sent], high[sent] = -highspy.kHighsInf, highspy.kHighsInf
    return low, high


def vertex_cover(demand: Floats) -> list[int]:
    """Return nodes such that every pair with traffic has an end among them: greedily those with most pairs left."""
    left, cover = demand > 0, []
    while left.any():
        node = int(left.sum(1).argmax())
        cover.append(node)
        left[node] = left[:, node] = False
    return cover
