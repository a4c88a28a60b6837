"""The linear relaxation over node-set inequalities, tightened until the local search breaks it no more.

Axes: M node sets, n nodes, L links, R rows.
"""

from __future__ import annotations

import highspy
import networkx
import numpy as np

from aign.scenarios.ip_optical_planning.solver.fibre_rows import sharpened
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance, Integers
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows, NodeSets
from aign.scenarios.ip_optical_planning.solver.routing import LINEAR

WORST = 150
"""Node sets whose rows are added in one round."""
STARTS = 24
"""Random starts of each kind in one round."""
STALLED = 1e-4
"""Relative rise of the bound in a round below which rounds count as stalled."""
TIGHT = 0.6
"""Node sets short of being broken by less than this many modules are tried as parts of three."""
PATIENCE = 3
"""Stalled rounds in a row after which tightening ends."""


class Relaxation:
    """A linear program that grows: minimise price @ y over rows and bounds, re-solved from the last basis."""

    def __init__(self, instance: Instance, rows: CutRows) -> None:
        self.instance, self.rows = instance, rows
        self.plan, self.bound = instance.lower.astype(np.float64), 0.0
        self._solver = highspy.Highs()
        for option, value in LINEAR.items():
            self._solver.setOptionValue(option, value)
        empty = np.empty(0, np.int32)
        self._solver.addCols(instance.columns, instance.prices, instance.lower.astype(np.float64),
                             instance.upper.astype(np.float64), 0, empty, empty, np.empty(0))
        add_rows(self._solver, *instance.structure())

    def add(self, numbers: Integers) -> None:
        """Add rows by their numbers."""
        add_rows(self._solver, self.rows.low[numbers], self.rows.matrix[numbers])

    def limit(self, lower: Floats) -> None:
        """Set the least values (C,)."""
        columns = np.arange(len(lower), dtype=np.int32)
        self._solver.changeColsBounds(len(lower), columns, lower, self.instance.upper.astype(np.float64))

    def solve(self) -> bool:
        """Solve; return whether there is a solution."""
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return False
        self.plan = np.array(self._solver.getSolution().col_value)
        self.bound = float(self._solver.getInfo().objective_function_value)
        return True


def add_rows(solver: highspy.Highs, low: Floats, matrix: Floats) -> None:
    """Add low (R,) <= matrix (R, C) @ the columns to a program."""
    if not len(low):
        return
    places, entries = np.nonzero(matrix)
    starts = np.searchsorted(places, np.arange(len(matrix))).astype(np.int32)
    solver.addRows(len(low), low, np.full(len(low), highspy.kHighsInf), len(entries), starts,
                   entries.astype(np.int32), matrix[places, entries])


class LayerSeparation:
    """Finds node sets whose inequalities a plan breaks; remembers the worst ones as starts for the next plan."""

    def __init__(self, instance: Instance, seed: int = 0) -> None:
        self.instance, self.sets = instance, NodeSets(instance)
        self._random = np.random.default_rng(seed)
        self._remembered = self._tight = np.eye(instance.nodes, dtype=bool)

    def broken(self, plan: Floats) -> tuple[Floats, Floats]:
        """Return inequalities (R,), (R, C) that a plan (C,) breaks, the worst node sets first."""
        modules = plan[:self.instance.links]
        starts = np.concatenate([self._remembered, self._components(modules), self._balls(modules)])
        starts = np.unique(starts ^ starts[:, :1], axis=0)
        starts = starts[starts.any(1)]
        sets, violation = self.sets.climb(starts, plan)
        worst = sets[violation > 1e-6][:WORST]
        self._tight = sets[violation > -TIGHT][:WORST]
        self._remember(worst)
        if not len(worst):
            return np.empty(0), np.empty((0, len(plan)))
        return self.sets.rows(worst, plan)

    def broken_triples(self, plan: Floats) -> tuple[Floats, Floats]:
        """Return inequalities (R,), (R, C) around three parts that a plan (C,) breaks."""
        if not self.sets.singles:
            return np.empty(0), np.empty((0, len(plan)))
        return self.sets.triples(self._tight, plan)

    def _remember(self, worst: Flags) -> None:
        singles = np.eye(self.instance.nodes, dtype=bool)
        self._remembered = np.concatenate([singles, worst[:WORST // 2]])

    def _components(self, modules: Floats) -> Flags:
        """Return the parts of the network joined by links above random thresholds of their modules."""
        highest = float(modules.max())
        parts: list[Flags] = []
        for threshold in highest * self._random.random(STARTS) ** 2:
            graph = networkx.Graph(self.instance.ends[modules > threshold].tolist())
            for members in networkx.connected_components(graph):
                if len(members) < self.instance.nodes:
                    parts.append(self._flags(members))
        return self._stacked(parts)

    def _balls(self, modules: Floats) -> Flags:
        """Return the nearest nodes around random centres, where links with few modules are long."""
        lengths = self.instance.price / (modules + 0.1) * self._random.uniform(0.5, 1.5, self.instance.links)
        graph = networkx.Graph()
        for link, (a, b) in enumerate(self.instance.ends.tolist()):
            if not graph.has_edge(a, b) or graph[a][b]["length"] > lengths[link]:
                graph.add_edge(a, b, length=lengths[link])
        balls = []
        count = min(STARTS, self.instance.nodes)
        for centre in self._random.choice(self.instance.nodes, count, replace=False).tolist():
            nearest = list(networkx.single_source_dijkstra_path_length(graph, centre, weight="length"))
            for size in self._random.integers(2, max(3, self.instance.nodes // 2), 2):
                balls.append(self._flags(nearest[:size]))
        return self._stacked(balls)

    def _flags(self, members: list[int] | set[int]) -> Flags:
        flags = np.zeros(self.instance.nodes, bool)
        flags[list(members)] = True
        return flags

    def _stacked(self, parts: list[Flags]) -> Flags:
        return np.array(parts) if parts else np.empty((0, self.instance.nodes), bool)


class Separation:
    """Finds inequalities that a plan (C,) breaks: around node sets of the links, and of fibres where there are any."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.layers = [LayerSeparation(layer) for layer in (instance, instance.below) if layer is not None]

    def rows(self, side: Flags) -> tuple[Floats, Floats]:
        """Return all inequalities (R,), (R, C) of node sets (M, n)."""
        return self._joined([layer.sets.rows(side) for layer in self.layers])

    def broken(self, plan: Floats) -> tuple[Floats, Floats]:
        """Return inequalities (R,), (R, C) that a plan breaks, the worst node sets first."""
        return self._joined([layer.broken(part) for layer, part in zip(self.layers, self._parts(plan), strict=True)])

    def broken_triples(self, plan: Floats) -> tuple[Floats, Floats]:
        """Return inequalities (R,), (R, C) around three parts that a plan breaks."""
        return self._joined([layer.broken_triples(part)
                             for layer, part in zip(self.layers, self._parts(plan), strict=True)])

    def _parts(self, plan: Floats) -> list[Floats]:
        """Return each layer's values of a plan: its links, then the dropped failures."""
        *layers, dropped = self.instance.parts(plan)
        return [np.append(values, dropped) for values in layers[:len(self.layers)]]

    def _joined(self, layers: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Return the rows of all layers, each with zeros in the columns of the others."""
        padded, first, dropped = [], 0, self.instance.links + self.instance.routes
        for low, matrix in layers:
            wide = np.zeros((len(low), self.instance.columns))
            links = matrix.shape[1] - self.instance.droppable
            wide[:, first:first + links], wide[:, dropped:] = np.split(matrix, [links], 1)
            padded.append(wide)
            first += links
        return np.concatenate([low for low, _ in layers]), np.concatenate(padded)


def tighten(relaxation: Relaxation, separation: Separation, rounds: int = 200) -> bool:
    """Add broken rows and solve again until none are broken or the bound stalls; return whether it is feasible."""
    stalled = 0
    for _ in range(rounds):
        rows = separation.broken(relaxation.plan)
        if not len(rows[0]) or stalled:
            extra = separation.broken_triples(relaxation.plan)
            sharp = sharpened(relaxation.instance, relaxation.rows.low, relaxation.rows.matrix, relaxation.plan)
            rows = np.concatenate([rows[0], extra[0], sharp[0]]), np.vstack([rows[1], extra[1], sharp[1]])
        numbers = relaxation.rows.add(*rows)
        if not len(numbers):
            return True
        before = relaxation.bound
        relaxation.add(numbers)
        if not relaxation.solve():
            return False
        stalled = stalled + 1 if relaxation.bound - before < STALLED * max(1e-9, abs(before)) else 0
        if stalled >= PATIENCE:
            return True
    return True
