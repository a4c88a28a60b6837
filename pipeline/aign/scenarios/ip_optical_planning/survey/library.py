"""Inequalities that matter for a network, kept for every traffic matrix: only their right sides depend on it.

They stand around sets of nodes, between three parts of the network, and under lengths of the links (the metric
inequalities that exact routing finds). The linear program over them bounds the cost of any survivable plan, and costs
one warm start a matrix.

Axes: M node sets, K partitions into three parts, Q metrics, n nodes, L links, R rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from aign.errors import ParameterError
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance, Integers, modules_needed
from aign.scenarios.ip_optical_planning.solver.node_sets import NodeSets
from aign.scenarios.ip_optical_planning.solver.relaxation import add_rows
from aign.scenarios.ip_optical_planning.solver.routing import LINEAR
from aign.scenarios.ip_optical_planning.solver.routing_check import Verdict

STARTS = 48
"""Random connected node sets from which each search for new ones starts, beside those known."""
SCALES, ROUNDS = (1.0, 0.6, 1.4, 0.8, 1.2), 8
"""Multiples of the traffic for which binding node sets are sought, and in how many rounds each."""
WORST, TIGHT = 100, 0.6
"""Sets added at once; sets short of being broken by less than this many modules are tried as parts of three."""


class Library:
    """Inequalities for the network, prices and failures of an instance, whose traffic is ignored.

    Attributes:
        sides: (M, n) node sets.
        thirds: (K, n) part of each node, 0 to 2.
        lengths: (Q, L) of the links that work, in scenario `scenarios` (Q,).
        matrix: (R, L) the inequalities: matrix @ y >= `lows`.

    Raises:
        ParameterError: failures that are not those of single links at one share.
    """

    def __init__(self, instance: Instance) -> None:
        if not instance.single:
            raise ParameterError("A survey takes failures of single links, at one share of the demands.")
        self.instance, self._cuts = instance, NodeSets(instance)
        self._fails = instance.failures.dead.any(0)
        self.sides = np.eye(instance.nodes, dtype=bool)
        self.thirds = np.zeros((0, instance.nodes), np.int64)
        self.lengths, self.scenarios = np.zeros((0, instance.links)), np.zeros(0, np.int64)
        self._distance = np.zeros((0, instance.nodes, instance.nodes))
        self._lay_out()

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what a library is made of, by name."""
        return {"sides": self.sides, "thirds": self.thirds, "lengths": self.lengths, "scenarios": self.scenarios}

    @classmethod
    def of_tensors(cls, instance: Instance, tensors: Mapping[str, NDArray[Any]]) -> Library:
        """Return the library that `tensors` was made of."""
        library = cls(instance)
        library.sides, library.thirds = tensors["sides"].astype(bool), tensors["thirds"]
        for lengths, scenario in zip(tensors["lengths"], tensors["scenarios"].tolist(), strict=True):
            library._add_metric(lengths, scenario)
        library._lay_out()
        return library

    def _lay_out(self) -> None:
        """Set the rows (R, L), and for each row which need it asks for."""
        ends = self.instance.ends
        across = self._cuts.crossing(self.sides)
        between = self.thirds[:, ends[:, 0]] != self.thirds[:, ends[:, 1]]
        whole = np.vstack([across, between])
        self._count = whole.sum(1)
        self._all_fail = (self._count > 1) & ~(whole & ~self._fails).any(1)
        number, link = np.nonzero(across & self._fails)
        without = across[number].copy()
        without[np.arange(len(number)), link] = False
        self.matrix = np.vstack([whole, without, self.lengths]).astype(np.float64)
        self._number = number

    def lows(self, instance: Instance) -> Floats:
        """Return what the rows ask for (R,) under an instance's traffic."""
        cuts = NodeSets(instance)
        traffic = cuts.traffic(self.sides)
        parts = [cuts.traffic(self.thirds == part) for part in range(3)]
        needs = []
        for scenario in (0, 1):
            halves = sum(modules_needed(instance, part, scenario) for part in parts) / 2
            needs.append(np.append(modules_needed(instance, traffic, scenario), np.ceil(halves - 1e-9)))
        normal, after = needs
        strengthened = after + np.ceil(after / np.maximum(self._count - 1, 1) - 1e-9)
        whole = np.maximum(normal, np.where(self._all_fail, strengthened, 0.0))
        low: Floats = np.concatenate([whole, after[self._number], self._metric_needs(instance)])
        return low

    def _metric_needs(self, instance: Instance) -> Floats:
        """Return the modules (Q,), times lengths, that carry the traffic under each metric."""
        traffic = np.tensordot(self._distance, instance.demand, 2) / 2
        carried = instance.share[self.scenarios] * (traffic - instance.slack * self.lengths.max(1, initial=0.0))
        modules = (carried - 1e-9 * traffic) / instance.module
        whole = (self.lengths == self.lengths.round()).all(1)
        needs: Floats = np.where(whole, np.ceil(modules), modules)
        return needs

    def learn(self, verdict: Verdict) -> None:
        """Add the inequalities under which routing refused a plan."""
        for row, scenario in zip(verdict.matrix, verdict.scenarios.tolist(), strict=True):
            if not ((self.lengths == row).all(1) & (self.scenarios == scenario)).any():
                self._add_metric(row, scenario)
        self._lay_out()

    def _add_metric(self, lengths: Floats, scenario: int) -> None:
        distance = distances(self.instance, lengths, scenario)
        self.lengths, self.scenarios = np.vstack([self.lengths, lengths]), np.append(self.scenarios, scenario)
        self._distance = np.concatenate([self._distance, distance[None]])

    def add_broken(self, instance: Instance, plan: Floats, random: np.random.Generator) -> int:
        """Add sets and thirds whose inequalities a plan (L,) breaks; return how many."""
        cuts = NodeSets(instance)
        starts = np.unique(np.concatenate([self.sides, self._drawn(random)]), axis=0)
        sets, broken = cuts.climb(starts, plan)
        fresh = sets[broken > 1e-6][:WORST]
        fresh ^= fresh[:, :1]
        _, between = cuts.triples(sets[broken > -TIGHT][:2 * WORST], plan)
        thirds = [parts for row in between if (parts := self._parts(row)) is not None]
        before = len(self.sides) + len(self.thirds)
        self.sides = np.unique(np.concatenate([self.sides ^ self.sides[:, :1], fresh]), axis=0)
        self.thirds = np.unique(np.concatenate([self.thirds, *[part[None] for part in thirds]]), axis=0)
        self._lay_out()
        return len(self.sides) + len(self.thirds) - before

    def _parts(self, row: Floats) -> Integers | None:
        """Return the part (n,) of each node where the links outside a row leave three parts of the network."""
        ends = self.instance.ends[row == 0]
        graph = csr_matrix((np.ones(len(ends)), ends.T), (self.instance.nodes, self.instance.nodes))
        count, labels = connected_components(graph, directed=False)
        return labels.astype(np.int64) if count == 3 else None

    def _drawn(self, random: np.random.Generator) -> Flags:
        """Return random connected node sets, each grown from one node."""
        nodes, ends = self.instance.nodes, self.instance.ends
        sides = np.zeros((STARTS, nodes), bool)
        for side in sides:
            side[random.integers(nodes)] = True
            for _ in range(int(random.integers(1, max(2, nodes // 2)))):
                border = ends[side[ends[:, 0]] != side[ends[:, 1]]]
                side[border[random.integers(len(border))]] = True
        return sides[~sides.all(1)]


def distances(instance: Instance, lengths: Floats, scenario: int) -> Floats:
    """Return shortest distances (n, n) over the links that work in a scenario; 0 where there is no path."""
    graph = np.full((instance.nodes, instance.nodes), np.inf)
    for link in np.flatnonzero(instance.alive[scenario]):
        a, b = instance.ends[link]
        graph[a, b] = graph[b, a] = min(graph[a, b], lengths[link])
    np.fill_diagonal(graph, 0.0)
    for node in range(instance.nodes):
        graph = np.minimum(graph, graph[:, [node]] + graph[[node], :])
    return np.where(np.isfinite(graph), graph, 0.0)


class Bound:
    """The linear program over a library's rows, solved for one matrix after another, each from the last basis."""

    def __init__(self, library: Library) -> None:
        self.library, self._solver = library, highspy.Highs()
        for option, value in LINEAR.items():
            self._solver.setOptionValue(option, value)
        instance, empty = library.instance, np.empty(0, np.int32)
        self._unit = float(instance.price.mean())
        self._solver.addCols(instance.links, instance.price / self._unit, instance.least.astype(np.float64),
                             instance.most.astype(np.float64), 0, empty, empty, np.empty(0))
        add_rows(self._solver, np.zeros(len(library.matrix)), library.matrix)

    def solve(self, low: Floats) -> tuple[Floats, float]:
        """Return the relaxed plan (L,) for right sides (R,), and its cost."""
        self._solver.changeRowsBounds(  # type: ignore[attr-defined]  # missing in its stubs
            len(low), np.arange(len(low), dtype=np.int32), low, np.full(len(low), highspy.kHighsInf))
        self._solver.run()
        plan = np.array(self._solver.getSolution().col_value)
        return plan, self._unit * float(self._solver.getInfo().objective_function_value)


def grow(library: Library, demand: Floats, random: np.random.Generator, rounds: int) -> None:
    """Add the node sets that matter for a matrix (n, n): those that its relaxed plan breaks, round by round."""
    instance = replace(library.instance, demand=demand)
    for _ in range(rounds):
        plan, _ = Bound(library).solve(library.lows(instance))
        if not library.add_broken(instance, plan, random):
            return


def binding_sets(instance: Instance) -> Flags:
    """Return node sets (M, n) that bind least-cost plans under multiples of an instance's traffic."""
    library, random = Library(instance), np.random.default_rng(0)
    for scale in SCALES:
        grow(library, scale * instance.demand, random, ROUNDS)
    return library.sides
