"""The cheapest survivable plan, with proof: cut rows, whole-number programs, exact checks, in turn.

The program over known rows bounds every plan's cost from below. Its plans, mended and reduced, bound it from above.
Rows that plans break are added until both meet, or until a limit on rounds or nodes: never on the clock, so that a
search can be repeated. Between programs, cheaper plans are looked for near the best one, by smaller programs.

After Raack et al. (2007) on cut inequalities, Borne et al. on survivable two-layer design, and the metric inequalities
of Iri and of Onaga and Kakusho (1971).

Axes: L links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from aign.scenarios.ip_optical_planning.solver.answers import TINY, Answer, ImpossibleError, Limits, Progress
from aign.scenarios.ip_optical_planning.solver.heuristics import Mender
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance
from aign.scenarios.ip_optical_planning.solver.neighbourhoods import Neighbourhoods
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows
from aign.scenarios.ip_optical_planning.solver.programs import least_cost
from aign.scenarios.ip_optical_planning.solver.relaxation import Relaxation, Separation, tighten
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck

ROUNDINGS = (0.35, 0.2, 0.5)
"""Added to the relaxation before rounding down: a few first plans."""
FIRST_GAP, SHRINK, FINE = 0.02, 0.4, 0.002
"""Relative gap of the first program; by what it shrinks once rows stop coming; from where on the limit is next."""
DISAGREES, NEIGHBOURHOODS, NEAR, NEAR_NODES, TRIES = 0.5, 2, 0.4, 500, 6
"""Neighbourhoods of the best plan: links whose modules differ by more than this from the relaxation's; how many around
single nodes, with what share of the links; branch-and-bound nodes of each; programs solved in each."""
LAYERED_NODES, LATER, WIDE = 500, 4, 4000
"""Where there are fibres: branch-and-bound nodes of the first program at most; how many times fewer regions are planned
anew after a program than at first; lightpaths times fibre routes beyond which there are fewer, by the cube: each takes
longer by as much."""
LARGE, FEWEST = 6_500, 100
"""Where a plan chooses the failures it survives: entries of a program of one layer beyond which it gets fewer
branch-and-bound nodes, by the cube, since each takes longer by as much; how many it gets at least."""
HALF = 0.5
"""What flags of whole-number programs are above if they are set."""
TOO_FEW = "No plan survives every failure within the most modules that links may have. Allow more."
KEPT = 1.5
"""Rows whose slack in the relaxation is below this stand in the programs; others wait until they are broken."""


class Search:
    """One search for a cheapest survivable plan; an interrupted one still answers with what it has."""

    def __init__(self, instance: Instance, limits: Limits | None = None) -> None:
        self.instance, self.limits = instance, limits or Limits()
        self.rows = CutRows(instance.columns)
        self.separation = Separation(instance)
        self.relaxation = Relaxation(instance, self.rows)
        self.check = RoutingCheck(instance)
        self.mender = Mender(instance, self.rows, self.separation, self.check)
        self.plan: Floats | None = None
        self.bound = 0.0
        self._regions = Neighbourhoods(self.mender)
        self._awake = np.empty(0, bool)
        self._related = 0
        self._random = np.random.default_rng(0)
        self._doubled = 1

    @property
    def cost(self) -> float:
        """Cost of the best plan so far."""
        return np.inf if self.plan is None else float(self.plan @ self.instance.prices)

    def run(self, report: Callable[[Progress], None] = lambda progress: None,
            keep_interrupted: bool = True) -> Answer:
        """Search until the gap or a limit is reached, or Ctrl-C; return the best plan and bound.

        Args:
            report: is told of each round.
            keep_interrupted: whether Ctrl-C ends only the search, which then answers with what it has.

        Raises:
            KeyboardInterrupt: Ctrl-C, unless `keep_interrupted`.
            ImpossibleError: no plan survives every scenario.
        """
        with suppress(*[KeyboardInterrupt] * keep_interrupted):
            self._run(report)
        if self.plan is None:
            return Answer(None, self.cost, self.bound)
        modules, pairs, dropped = self.instance.parts(self.plan)
        return Answer(np.append(modules, pairs), self.cost, min(self.bound, self.cost),
                      tuple(np.flatnonzero(dropped > HALF).tolist()))

    def _run(self, report: Callable[[Progress], None]) -> None:
        width = self.instance.links * self.instance.routes
        regions = int(np.ceil(self.limits.regions * min(1.0, WIDE / max(1, width)) ** 3))
        self._relax()
        for rounding in ROUNDINGS:
            if self.plan is None or (self.instance.fibres is None and not self._done()):
                self._offer(self._rounded(rounding))
        if self.instance.fibres is not None:
            self._neighbourhoods(regions)
        report(Progress(0, self.bound, self.cost))
        gap = max(FIRST_GAP, self.limits.gap)
        for number in range(1, self.limits.rounds + 1):
            if self._done():
                return
            gap = self._round(gap)
            if not self._done():
                self._neighbourhoods(-(-regions // LATER))
            report(Progress(number, self.bound, self.cost))

    def _relax(self) -> None:
        broken = self.instance.disconnecting()
        if broken:
            names = ("no failure", *self.instance.failures.names)
            raise ImpossibleError(f"No plan survives every failure: {names[broken[0]]} leaves demands without any "
                                  "path. Exempt that failure, or add a link.")
        singles = np.eye(self.instance.nodes, dtype=bool)
        self.relaxation.add(self.rows.add(*self.separation.rows(singles)))
        if not (self.relaxation.solve() and tighten(self.relaxation, self.separation)):
            raise ImpossibleError(TOO_FEW)
        self.bound = self.relaxation.bound
        self._related = len(self.rows)

    def _relax_again(self) -> None:
        """Tighten the relaxation by what plans have taught since: rows of routing sharpen those of fibres."""
        self.relaxation.add(np.arange(self._related, len(self.rows)))
        if tighten(self.relaxation, self.separation):
            self.bound = max(self.bound, min(self.relaxation.bound, self.cost))
        self._related = len(self.rows)

    def _done(self) -> bool:
        budget = self.limits.budget * (1 + TINY)
        enough = self.cost <= budget or (budget > -np.inf and self.bound > budget)
        return enough or (self.plan is not None
                          and self.cost - self.bound <= max(self.limits.gap, TINY) * max(self.cost, TINY))

    def _rounded(self, rounding: float) -> Floats:
        """Return the relaxation's plan in whole modules, with as many failures dropped as may be, the likeliest."""
        modules, pairs, dropped = self.instance.parts(np.floor(self.relaxation.plan + rounding))
        if len(dropped):
            likely = np.argsort(-self.relaxation.plan[-len(dropped):], kind="stable")
            dropped = np.isin(np.arange(len(dropped)), likely[:self.instance.may_drop]).astype(np.float64)
        return np.concatenate([modules, pairs, dropped])

    def _offer(self, plan: Floats) -> None:
        """Mend and reduce a plan (L,), and keep it where it is the cheapest so far."""
        mended = self.mender.mended(plan)
        if mended is not None:
            self._keep(mended)

    def _keep(self, plan: Floats) -> None:
        if plan @ self.instance.prices < self.cost * (1 - TINY):
            self.plan = plan

    def _round(self, gap: float) -> float:
        """Solve one program, learn from its plans, and return the gap for the next one."""
        if self.instance.fibres is not None:
            self._relax_again()
        self._wake()
        numbers = np.flatnonzero(self._awake)
        solved = least_cost(self.instance, self.rows.low[numbers], self.rows.matrix[numbers], start=self.plan, gap=gap,
                            nodes=self._nodes(self.rows.matrix[numbers]), totals=self.instance.fibres is not None)
        if np.isinf(solved.bound) and self.plan is None:
            raise ImpossibleError(TOO_FEW)
        self.bound = max(self.bound, min(solved.bound, self.cost))
        cheaper = [plan for plan in solved.plans[-3:] if plan @ self.instance.prices < self.cost * (1 - TINY)]
        for plan in cheaper:
            if self.mender.examined(plan):
                self._keep(plan)
        if cheaper:
            self._offer(cheaper[-1])
            self._wake(cheaper)
        if cheaper:
            return gap
        if gap <= FINE or self.instance.fibres is not None:  # the program's optimum stands: only its proof is missing
            self._doubled *= 2
        return max(gap * SHRINK, self.limits.gap) if gap > FINE else self.limits.gap

    def _nodes(self, matrix: Floats) -> int:
        """Return how many branch-and-bound nodes the program over some rows (R, C) gets."""
        nodes = self.limits.nodes
        if self.instance.fibres is not None:
            nodes = min(nodes, LAYERED_NODES)
        elif self.instance.droppable and (entries := np.count_nonzero(matrix)) > LARGE:
            nodes = min(nodes, max(FEWEST, int(nodes * (LARGE / entries) ** 3)))
        return nodes * self._doubled

    def _neighbourhoods(self, regions: int) -> None:
        """Look for cheaper plans near the best one: where the relaxation disagrees with it, then around some nodes."""
        if self.plan is None:
            return
        if self.instance.fibres is not None:
            for _ in range(regions):
                cheaper = None if self._done() else self._regions.cheaper(self.plan)
                self.plan = self.plan if cheaper is None else cheaper
            return
        distance = np.abs(self.plan - self.relaxation.plan)
        self._search_near(distance > DISAGREES)
        for _ in range(NEIGHBOURHOODS):
            self._search_near(self._around(int(self._random.integers(self.instance.nodes))))

    def _around(self, centre: int) -> Flags:
        """Return the links (L,) nearest to a node, by hops, about a `NEAR` share of all; and all dropped failures."""
        reached = np.zeros(self.instance.nodes, bool)
        reached[centre] = True
        ends = self.instance.ends
        near = np.zeros(len(ends), bool)
        while near.sum() < NEAR * len(ends) and not near.all():
            near |= reached[ends].any(1)
            reached[ends[near].ravel()] = True
        return np.append(near, np.ones(self.instance.droppable, bool))

    def _search_near(self, free: Flags) -> None:
        """Keep what is cheaper and survives where the other links keep the best plan's modules."""
        plan = self.plan
        if plan is None:
            return
        for _ in range(TRIES):
            self._wake()
            numbers = np.flatnonzero(self._awake)
            solved = least_cost(self.instance, self.rows.low[numbers], self.rows.matrix[numbers], start=self.plan,
                                floor=np.where(free, self.instance.lower, plan),
                                ceiling=np.where(free, self.instance.upper, plan), nodes=NEAR_NODES)
            if not len(solved.plans) or solved.plans[-1] @ self.instance.prices >= self.cost * (1 - TINY):
                return
            cheapest = solved.plans[-1]
            if self.mender.survives(cheapest):
                self._keep(cheapest)
                return
            self._wake([cheapest])

    def _wake(self, plans: Sequence[Floats] = ()) -> None:
        """Choose the rows of the next program: near the relaxation's optimum, or broken by plans of the last one."""
        fresh = np.arange(len(self._awake), len(self.rows))
        slack = self.rows.matrix[fresh] @ self.relaxation.plan - self.rows.low[fresh]
        self._awake = np.append(self._awake, slack < KEPT)
        for plan in plans:
            self._awake |= self.rows.matrix @ plan < self.rows.low - 1e-6
