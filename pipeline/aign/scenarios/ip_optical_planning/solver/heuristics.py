"""Survivable plans from any plan: modules added where inequalities are broken, then taken away, the dearest first.

What to add is a small whole-number program over the broken rows; where there are fibres, a dive (see `diving`).

Axes: L links, C values of a plan, R rows.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from aign.scenarios.ip_optical_planning.solver.diving import Dive
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows
from aign.scenarios.ip_optical_planning.solver.programs import least_cost
from aign.scenarios.ip_optical_planning.solver.relaxation import Separation
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.solver.spreading import Spreading, is_large

GAP, NODES = 0.01, 500
"""Relative gap and branch-and-bound nodes of a repair."""
ROUNDS = 60
"""Most rounds in which a plan is repaired."""
FRESH = 20
"""Rounds in which what was added to a plan with fibres is chosen anew; from then on it stays, so that growing ends."""


class Mender:
    """Turns plans into survivable ones; every inequality it meets is added to the rows."""

    def __init__(self, instance: Instance, rows: CutRows, separation: Separation, check: RoutingCheck) -> None:
        self.instance, self.rows, self.separation, self.check = instance, rows, separation, check
        self.spreading = Spreading(instance) if is_large(instance) else None
        self._survivable: set[bytes] = set()

    @cached_property
    def dive(self) -> Dive:
        """The linear program that plans with fibres are grown by."""
        return Dive(self.instance, self.rows)

    def survives(self, plan: Floats) -> bool:
        """Return whether a whole plan (C,) survives every scenario; where not, rows it breaks are added."""
        return self._survives(plan, 1)

    def examined(self, plan: Floats) -> bool:
        """Return the same; where not, rows of every scenario that fails are added: fibre cuts break different ones."""
        return self._survives(plan, self.instance.scenarios)

    def _survives(self, plan: Floats, most: int) -> bool:
        """Return whether a plan survives; rows of at most so many scenarios that fail are added."""
        if (plan < self._lit(plan)).any() or self._short(plan).any():
            return False
        if plan.tobytes() in self._survivable:
            return True
        if len(self.rows.add(*self.separation.broken(plan))):
            return False
        if self.spreading is not None:
            return self.spreading.fits(plan)
        modules, _, dropped = self.instance.parts(plan)
        failing = [self.check.verdict(modules, dropped)] if most == 1 else list(self.check.failing(modules, dropped))
        for verdict in failing:
            self.rows.add(verdict.low, np.hstack([verdict.matrix, np.zeros((len(verdict.low), self.instance.routes)),
                                                  self.instance.excused(verdict.low, verdict.scenarios)]))
        if any(verdict.failed >= 0 for verdict in failing):
            return False
        self._survivable.add(plan.tobytes())
        return True

    def breaks_known(self, plan: Floats) -> bool:
        """Return whether a plan (C,) breaks a row known so far."""
        return bool(self._short(plan).any())

    def with_fewest_pairs(self, plan: Floats) -> Floats:
        """Return the plan (C,) with no more fibre pairs than its lightpaths, and known rows, need."""
        modules, _, dropped = self.instance.parts(plan)
        fewest = self._lit(np.concatenate([modules, np.zeros(self.instance.routes), dropped]))
        return self._fewer(self._lit(plan), fewest)

    def mended(self, plan: Floats) -> Floats | None:
        """Return a survivable plan near this one (C,), None where none was reached."""
        plan = np.clip(plan, self.instance.lower, self.instance.upper)
        if self.instance.fibres is not None:
            grown = self.grown(plan)
            return None if grown is None else self.trimmed(grown)
        for _ in range(ROUNDS):
            raised = self._raised(plan)
            if raised is None:
                return None
            plan = self._fewer(raised, self.instance.lower)
            if self.survives(plan):
                return plan
            if not self._short(plan).any():  # routing fails by less than the inequality can say
                return None if self.spreading is None else self._spread(self.spreading, plan)
        return None

    def _spread(self, spreading: Spreading, plan: Floats) -> Floats | None:
        """Return a survivable plan of a large network with modules added, and dearest ones taken away again."""
        raised = spreading.raised(plan)
        if raised is None:
            return None
        for link in np.argsort(-self.instance.price, kind="stable").tolist():
            while raised[link] > self.instance.lower[link]:
                fewer = raised.copy()
                fewer[link] -= 1
                if self.breaks_known(fewer) or not spreading.fits_without(raised, link):
                    break
                raised = fewer
        return raised

    def grown(self, start: Floats) -> Floats | None:
        """Return a survivable plan with at least the lightpaths of another; None where none was reached.

        What was added for some rows is chosen anew when others turn up: lightpaths serve many failures at once.
        """
        plan = start = self._lit(start)
        for number in range(ROUNDS):
            if self.examined(plan):
                return plan
            if not self._short(plan).any():
                return None  # routing fails by less than the inequality can say
            dived = self.dive.plan(start if number < FRESH else plan)
            if dived is None:
                return None
            plan = dived
        return None

    def trimmed(self, plan: Floats) -> Floats:
        """Return a survivable plan without lightpaths that it survives without, the dearest first."""
        for link in np.argsort(-self.instance.price, kind="stable").tolist():
            while plan[link] > self.instance.lower[link]:
                fewer = plan.copy()
                fewer[link] -= 1
                fewer = self.with_fewest_pairs(fewer)
                if self.breaks_known(fewer) or not self.survives(fewer):
                    break
                plan = fewer
        return plan

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
                                gap=GAP, nodes=NODES)
            if not len(raised.plans):
                return None
            plan = raised.plans[-1]
        return None

    def _fewer(self, plan: Floats, floor: Floats) -> Floats:
        """Return the plan with modules taken away down to a floor (C,), the dearest first, while known rows hold."""
        plan = plan.copy()
        spare = self.rows.matrix @ plan - self.rows.low
        order = np.lexsort((-self.instance.prices, np.arange(len(plan)) >= self.instance.links))
        for place in order[(plan > floor)[order]].tolist():
            column = self.rows.matrix[:, place]
            used, room = column > 0, plan[place] - floor[place]
            if used.any():
                room = min(room, float(np.floor((spare[used] / column[used]).min() + 1e-9)))
            if room > 0:
                plan[place] -= room
                spare -= room * column
        return plan
