"""Routing of large networks without linear programs: flows are spread until no link carries more than it holds.

Over a network of more than a hundred nodes an exact routing takes a second or two for every failure. Here all demands
go along shortest paths, links that hold too little become longer, and flows move there by the best step (Frank and
Wolfe 1956). A load within the modules is a proof that they suffice; where none is reached, that proves nothing.

Axes: n nodes, L links, S scenarios.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance, Integers

FLOWS = 30_000
"""Flows (sources by links by directions) beyond which routing is spread instead of solved."""
STEPS, MORE = 60, 20
"""Steps in which a scenario's flows are spread; after each module that is added."""
AIM = 0.99
"""Share of the modules that flows are spread down to, so that steps end."""
SHORT = 1e-3
"""Length of a link that is not overloaded, where one that lacks a module has 1."""


def is_large(instance: Instance) -> bool:
    """Return whether routing is spread: one layer, all failures to be survived, and too many flows."""
    sources = int((instance.demand > 0).any(1).sum())
    return instance.fibres is None and not instance.droppable and 2 * sources * instance.links > FLOWS


class Spreading:
    """Spreads the demands of one instance; remembers each scenario's load, from where the next one starts."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._sources = np.flatnonzero(np.triu(instance.demand).any(1))
        self._loads: dict[int, Floats] = {}
        self._first = instance.price / instance.price.max() * SHORT

    def fits(self, plan: Floats) -> bool:
        """Return whether a plan (L,) was seen to carry every scenario."""
        return all((self._spread(plan, scenario, STEPS) <= self._held(plan)).all()
                   for scenario in range(self.instance.scenarios))

    def raised(self, plan: Floats) -> Floats | None:
        """Return the plan (L,) with modules added, one at a time where most is missing, until every scenario fits;
        None where links are full.
        """
        plan = plan.copy()
        for scenario in range(self.instance.scenarios):
            steps = STEPS
            while (over := self._spread(plan, scenario, steps) - self._held(plan)).max() > 0:
                over[plan >= self.instance.most] = -np.inf
                if over.max() <= 0:
                    return None
                plan[int(over.argmax())] += 1
                steps = MORE
        return plan

    def fits_without(self, plan: Floats, link: int) -> bool:
        """Return whether a plan (L,) that fits carries every scenario with one module less on a link."""
        fewer = plan.copy()
        fewer[link] -= 1
        held = self._held(fewer)[link]
        touched = [scenario for scenario, load in self._loads.items() if load[link] > held]
        before = {scenario: self._loads[scenario] for scenario in touched}
        for scenario in touched:
            if (self._spread(fewer, scenario, MORE) > self._held(fewer)).any():
                self._loads.update(before)
                return False
        return True

    def _held(self, plan: Floats) -> Floats:
        """Return what links (L,) hold, with the traffic whose shortage counts as none."""
        held: Floats = plan * self.instance.module + self.instance.slack / len(plan)
        return held

    def _spread(self, plan: Floats, scenario: int, steps: int) -> Floats:
        """Return a load (L,) of a scenario, within the modules of a plan (L,) where that was reached."""
        held, alive = self._held(plan), self.instance.alive[scenario]
        if scenario not in self._loads:
            self._loads[scenario] = self._shortest(self._first, scenario)
        load = self._loads[scenario]
        for _ in range(steps):
            if (load <= held).all():
                break
            over = np.where(alive, load - AIM * plan * self.instance.module, 0.0).clip(0.0) / self.instance.module
            change = self._shortest(self._first + over, scenario) - load
            load = load + _best_step(load - AIM * plan * self.instance.module, change) * change
        self._loads[scenario] = load
        return load

    def _shortest(self, lengths: Floats, scenario: int) -> Floats:
        """Return the load (L,) of all demands along shortest paths over links that work."""
        nodes, links = self.instance.nodes, np.flatnonzero(self.instance.alive[scenario])
        links = links[np.argsort(-lengths[links], kind="stable")]  # of parallel links the shortest is written last
        a, b = np.sort(self.instance.ends[links], 1).T
        number = np.full((nodes, nodes), -1)
        number[a, b] = number[b, a] = links
        a, b = np.nonzero(np.triu(number + 1))
        graph = csr_matrix((lengths[number[a, b]], (a, b)), (nodes, nodes))
        distance, previous = dijkstra(graph, directed=False, indices=self._sources, return_predecessors=True)
        flow = np.triu(self.instance.demand_in(scenario))[self._sources]
        return self._added_up(flow, distance, previous, number)

    def _added_up(self, flow: Floats, distance: Floats, previous: Integers, number: Integers) -> Floats:
        """Return the load (L,) of flows (sources, n) along trees, from the farthest nodes inwards."""
        rows = np.arange(len(flow))
        order = np.argsort(-distance, axis=1, kind="stable").T
        for nodes in order[:-1]:
            before = previous[rows, nodes]
            reached = before >= 0
            flow[rows[reached], before[reached]] += flow[rows[reached], nodes[reached]]
        row, node = np.nonzero(previous >= 0)
        links = number[previous[row, node], node]
        return np.bincount(links, flow[row, node], self.instance.links).astype(np.float64)


def _best_step(over: Floats, change: Floats) -> float:
    """Return the step from 0 to 1 along `change` that leaves the least sum of squares of what is over 0."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if (over + middle * change).clip(0.0) @ change > 0 else (middle, high)
    return low
