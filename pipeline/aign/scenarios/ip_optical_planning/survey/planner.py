"""Plans for one matrix after another: a bound from the library, a proposal, modules added and taken away, exact check.

A proposal is any plan. It is mended against the library's inequalities, which takes milliseconds, then against all
inequalities and by routing every failure, which adds to what little the library does not know.

Axes: L links.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aign.scenarios.ip_optical_planning.solver.answers import ImpossibleError
from aign.scenarios.ip_optical_planning.solver.heuristics import Mender
from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows
from aign.scenarios.ip_optical_planning.solver.programs import least_cost
from aign.scenarios.ip_optical_planning.solver.relaxation import Separation
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck, Verdict
from aign.scenarios.ip_optical_planning.solver.search import TOO_FEW
from aign.scenarios.ip_optical_planning.survey.library import Bound, Library

AWAKE = 1.5
"""Rows whose slack in the relaxed plan is below this stand in the programs of a solved matrix."""
REPAIRS = 6
"""Programs solved for one matrix at most."""


class KnownRows(Mender):
    """Mends against the rows that it is given and no others."""

    def survives(self, plan: Floats) -> bool:
        """Return whether a plan (L,) breaks no row."""
        return not (self.rows.matrix @ plan < self.rows.low - 1e-6).any()


class NoSeparation(Separation):
    """Finds nothing."""

    def broken(self, plan: Floats) -> tuple[Floats, Floats]:
        """Return no inequality."""
        return np.empty(0), np.empty((0, len(plan)))


class RememberingCheck(RoutingCheck):
    """A routing check that keeps why it refused plans."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance)
        self.refused: list[Verdict] = []

    def verdict(self, plan: Floats, dropped: Floats | None = None) -> Verdict:
        """Return whether every scenario can be routed over a plan (L,), and else what the plan breaks."""
        verdict = super().verdict(plan, dropped)
        if verdict.failed >= 0:
            self.refused.append(verdict)
        return verdict


class Planner:
    """Plans a network for one matrix after another; programs stay warm between them."""

    def __init__(self, library: Library) -> None:
        self.library, self._bound = library, Bound(library)
        self._check = RememberingCheck(library.instance)

    def open(self, demand: Floats) -> Matrix:
        """Return the planning of one matrix (n, n)."""
        instance, check = replace(self.library.instance, demand=demand), self._check
        if ((demand > 0) & (self.library.instance.demand == 0)).any():  # pairs that the flow program does not hold
            check = RememberingCheck(instance)
        return Matrix(self.library, self._bound, check, instance)


class Matrix:
    """One matrix to be planned for.

    Attributes:
        relaxed: (L,) least-cost modules, not whole.
        bound: no survivable plan costs less.
    """

    def __init__(self, library: Library, bound: Bound, check: RememberingCheck, instance: Instance) -> None:
        self.instance, self.library, self._check = instance, library, check
        low = library.lows(self.instance)
        self.relaxed, self.bound = bound.solve(low)
        self._rows = CutRows(self.instance.links)
        self._rows.low, self._rows.matrix = low[low > 0], library.matrix[low > 0]
        self._quick = KnownRows(self.instance, self._rows, NoSeparation(self.instance), check)
        self._exact = Mender(self.instance, self._rows, Separation(self.instance), check)

    def cost(self, plan: Floats) -> float:
        """Return the cost of a plan (L,)."""
        return float(plan @ self.instance.price)

    def mended(self, proposal: Floats) -> Floats | None:
        """Return a plan (L,) near a whole one that meets all of the library's inequalities; None: none was reached."""
        return self._quick.mended(proposal)

    def routed(self, plan: Floats) -> Floats | None:
        """Return a plan (L,) near this one that carries all traffic in every scenario; None where none was reached."""
        self._check.instance, self._check.refused = self.instance, []
        return self._exact.mended(plan)

    def learn(self) -> None:
        """Add to the library why routing refused plans of this matrix; planners of the library are out of date then."""
        for verdict in self._check.refused:
            self.library.learn(verdict)

    def solved(self, gap: float, nodes: int) -> Floats:
        """Return a survivable plan (L,) near the optimum: whole-number programs over the library's rows, each limited
        by a gap and branch-and-bound nodes, until a plan survives.

        Raises:
            ImpossibleError: no plan was reached.
        """
        self._check.instance, self._check.refused = self.instance, []
        plan: Floats = np.ceil(self.relaxed)
        for _ in range(REPAIRS):
            awake = self._rows.matrix @ self.relaxed < self._rows.low + AWAKE
            awake |= self._rows.matrix @ plan < self._rows.low
            solved = least_cost(self.instance, self._rows.low[awake], self._rows.matrix[awake], gap=gap, nodes=nodes)
            if not len(solved.plans):
                break
            plan = solved.plans[-1]
            if self._exact.survives(plan):
                return plan
        mended = self._exact.mended(plan)
        if mended is None:
            raise ImpossibleError(TOO_FEW)
        return mended
