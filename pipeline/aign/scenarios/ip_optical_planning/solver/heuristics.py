"""Survivable plans from any plan: modules added where inequalities are broken, cheapest first, then taken away.

Axes: L links, C values of a plan, R rows.
"""

from __future__ import annotations

import numpy as np

from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows
from aign.scenarios.ip_optical_planning.solver.programs import least_cost
from aign.scenarios.ip_optical_planning.solver.relaxation import Separation
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck

COARSE = 0.05
"""Relative gap of a repair in two layers, whose programs are hard."""
ROUNDS = 60
"""Most rounds in which a plan is repaired."""


class Mender:
    """Turns plans into survivable ones; every inequality it meets is added to the rows."""

    def __init__(self, instance: Instance, rows: CutRows, separation: Separation, check: RoutingCheck) -> None:
        self.instance, self.rows, self.separation, self.check = instance, rows, separation, check

    def survives(self, plan: Floats) -> bool:
        """Return whether a whole plan (C,) survives every scenario; where not, rows it breaks are added."""
        if (plan < self._lit(plan)).any() or self._short(plan).any():
            return False
        if len(self.rows.add(*self.separation.broken(plan))):
            return False
        modules, _, dropped = self.instance.parts(plan)
        verdict = self.check.verdict(modules, dropped)
        self.rows.add(verdict.low, np.hstack([verdict.matrix, np.zeros((len(verdict.low), self.instance.routes)),
                                              self.instance.excused(verdict.low, verdict.scenarios)]))
        return verdict.failed < 0

    def mended(self, plan: Floats) -> Floats | None:
        """Return a survivable plan near this one (L,), None where none was reached."""
        plan = np.clip(plan, self.instance.lower, self.instance.upper)
        for _ in range(ROUNDS):
            raised = self._raised(self._lit(plan))
            if raised is None:
                return None
            plan = self._fewer(raised)
            if self.survives(plan):
                return plan
            if not self._short(plan).any():
                return None  # routing fails by less than the inequality can say
        return None

    def _lit(self, plan: Floats) -> Floats:
        """Return the plan with as many fibre pairs as its lightpaths need, where there are fibres."""
        modules, pairs, dropped = self.instance.parts(plan)
        if self.instance.fibres is not None:
            pairs = np.maximum(pairs, self.instance.fibres.lit(modules))
        return np.concatenate([modules, pairs, dropped])

    def _short(self, plan: Floats) -> Flags:
        """Return which rows (R,) a plan breaks."""
        return self.rows.matrix @ plan < self.rows.low - 1e-6

    def _raised(self, plan: Floats) -> Floats | None:
        """Return a plan with at least these modules that breaks no row of any node set; None where links are full."""
        for _ in range(ROUNDS):
            short = self._short(plan)
            if not short.any() and not len(self.rows.add(*self.separation.broken(plan))):
                return plan
            short = self._short(plan)
            raised = least_cost(self.instance, self.rows.low[short], self.rows.matrix[short], floor=plan,
                                gap=0.01 if self.instance.fibres is None else COARSE, nodes=500)
            if not len(raised.plans):
                return None
            plan = raised.plans[-1]
        return None

    def _fewer(self, plan: Floats) -> Floats:
        """Return the plan with modules taken away, the dearest links first, while every known row holds."""
        plan, links, fibres = plan.copy(), self.instance.links, self.instance.fibres
        spare = self.rows.matrix @ plan - self.rows.low
        order = np.lexsort((-self.instance.prices, np.arange(len(plan)) >= links))  # lightpaths before their fibres
        for place in order.tolist():
            column = self.rows.matrix[:, place]
            used = column > 0
            floor = self.instance.lower[place]
            if fibres is not None and links <= place < links + len(fibres.price):
                floor = fibres.lit(plan[:links])[place - links]
            room = plan[place] - floor
            if used.any():
                room = min(room, float(np.floor((spare[used] / column[used]).min() + 1e-9)))
            if room > 0:
                plan[place] -= room
                spare -= room * column
        return plan
