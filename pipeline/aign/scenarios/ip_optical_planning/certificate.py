"""The cheapest plan, with proof: Benders decomposition of the integer problem, solved by HiGHS.

The flows of all scenarios are projected out: a plan survives exactly if it meets every metric inequality of every
scenario. Whole modules round each one up (Chvatal). Cuts with few links stand in the program from the start; the others
are added where a plan breaks them, and further metrics where routing finds a plan short of capacity. On backbones both
are rarely necessary: two orders of magnitude faster than the program with all flows.

Axes: P pairs, L links, K cuts, S scenarios, F failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aign.scenarios.ip_optical_planning.economics import FAILURE, LOST, MISSING, WORTH, Economics
from aign.scenarios.ip_optical_planning.integer_program import INFINITE, Columns, Floats, IntegerProgram
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.routing import TOLERANCE
from aign.scenarios.ip_optical_planning.solver.routing_check import whole_lengths
from aign.scenarios.ip_optical_planning.survivability import Survivability

EXACT_UP_TO, LARGE_GAP = 30, 0.02
"""Nodes up to which survivable plans are solved to relative gap 0; the gap for larger networks."""
PARTIAL_GAP = 0.01
"""Relative gap where a request admits no survivable plan and losses are traded against cost."""
ROUNDS = 200
"""Most rounds of added metrics."""
FEW_LINKS = 4
"""Links of the cuts that stand in the program from the start, a failed one not counted."""
REMEMBERED = 20_000
"""Plans remembered, the oldest forgotten."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is proven of one context under limits: no utility above `bound`; `modules` (L,) the best plan found, None
    where there is none. With bound -inf no plan keeps to the limits.
    """

    bound: float
    modules: Floats | None


class Planner:
    """Finds certified plans for single contexts."""

    def __init__(self, economics: Economics, survivability: Survivability) -> None:
        self.problem, self.economics, self.survivability = economics.problem, economics, survivability
        self.gap = 0.0 if self.problem.topology.size <= EXACT_UP_TO else LARGE_GAP
        """Relative gap in cost at which the search for survivable plans stops."""
        self._prices = economics.link_prices.numpy()
        self._found: dict[tuple[bytes, Limits], Plan] = {}
        self.searched = 0
        """Contexts and limits searched so far, other than from memory."""
        self._crossing = self.problem.cuts.crossing.numpy()
        self._cut, self._link, self._without = self.problem.broken_cuts

    def best(self, context: Tensor, limits: Limits) -> Plan:
        """Return the best plan for a context (P,), survivable if there is one that keeps to the limits; remembered."""
        key = (context.float().numpy().tobytes(), replace(limits, rest=()))
        if key not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.pop(next(iter(self._found)))
            self._found[key] = self._search(context, limits)
            self.searched += 1
        return self._found[key]

    def _search(self, context: Tensor, limits: Limits) -> Plan:
        reference = float(self.economics.reference(context[None])[0])
        survivable = self.survivable(context, limits, reference)
        # A survivable plan that costs more than the reference might be beaten by one that fails, which stays below 1.
        if survivable.modules is not None or survivable.bound > -np.inf:
            return Plan(max(survivable.bound, WORTH - FAILURE), survivable.modules)
        return self.partial(context, limits, reference)

    def survivable(self, context: Tensor, limits: Limits, reference: float) -> Plan:
        """Return the cheapest survivable plan within the limits."""
        program = IntegerProgram(self.gap)
        modules = self._plan_columns(program, limits, reference)
        cuts = _Lazy(program, modules, self.problem.rows(context))
        everything = np.ones(self.problem.scenarios, dtype=bool)
        for _ in range(ROUNDS):
            solved = program.solve()
            bound = WORTH - solved.bound
            if solved.values is None:
                return Plan(bound, None)
            plan = solved.values[modules].round()
            if cuts.added(plan):
                continue
            missing = self._violated(context, plan, everything)
            if not missing:
                return Plan(self._tight(bound, context, plan), plan)
            for metric, need, _ in missing:
                program.rows(np.array([need]), metric[None], modules)
        return Plan(bound, None)

    def partial(self, context: Tensor, limits: Limits, reference: float) -> Plan:
        """Return the best plan within the limits where none survives everything: losses are part of the objective."""
        scenarios = self.problem.scenarios
        program = IntegerProgram(PARTIAL_GAP)
        modules = self._plan_columns(program, limits, reference)
        lost = program.columns(np.full(scenarios, LOST / scenarios), 0.0, 1.0, whole=True)
        short = program.columns(np.full(scenarios, MISSING / scenarios), 0.0, 1.0, whole=False)
        kept = program.columns(np.zeros(scenarios), 0.0, 1.0, whole=True)
        losses = self._losses(program, context, (modules, lost, short))
        for scenario in range(scenarios):
            program.row(-INFINITE, {int(kept[scenario]): 1.0, int(lost[scenario]): 1.0}, 1.0)
        if limits.normal:
            program.row(1.0, {int(kept[0]): 1.0})
        if limits.failures:
            program.row(float(limits.failures), {int(column): 1.0 for column in kept[1:]})
        for _ in range(ROUNDS):
            solved = program.solve()
            bound = WORTH - FAILURE - solved.bound
            if solved.values is None:
                return Plan(bound, None)
            plan = solved.values[modules].round()
            if losses.added(plan, solved.values):
                continue
            missing = self._violated(context, plan, solved.values[kept] > 0.5)
            if not missing:
                return Plan(bound, plan)
            for metric, need, scenario in missing:
                program.row(0.0, {**dict(zip(modules.tolist(), metric.tolist(), strict=True)),
                                  int(kept[scenario]): -need})
        return Plan(bound, None)

    def _plan_columns(self, program: IntegerProgram, limits: Limits, reference: float) -> Columns:
        """Add modules (L,) and, where needed, whether links are lit, with the limits on both; return the former."""
        links, fibre = len(self._prices), self.economics.fibre
        modules = program.columns(self._prices / reference, 0.0, max(0, limits.cap), whole=True)
        counted = fibre > 0 or limits.most < links or limits.fewest > 0
        lit = program.columns(np.full(links, fibre / reference), 0.0, 1.0, whole=True) if counted else modules[:0]
        for link, column in zip(modules.tolist(), lit.tolist(), strict=False):
            program.row(0.0, {column: float(self.problem.most), link: -1.0})
            program.row(0.0, {link: 1.0, column: -1.0})
        if counted:
            program.row(float(limits.fewest), dict.fromkeys(lit.tolist(), 1.0), float(limits.most))
        if limits.cheapest > 0 or limits.dearest < np.inf:
            cost = dict(zip(modules.tolist(), self._prices.tolist(), strict=True)) | dict.fromkeys(lit.tolist(), fibre)
            scaled = {column: value / reference for column, value in cost.items()}
            program.row(limits.cheapest / reference, scaled, min(limits.dearest / reference, INFINITE))
        if limits.cap < 0 or limits.failures >= self.problem.scenarios:
            program.row(1.0, {int(modules[0]): 0.0})
        return modules

    def _losses(self, program: IntegerProgram, context: Tensor, columns: tuple[Columns, Columns, Columns]) -> _Losses:
        """Tie what is lost and short in each scenario to the cuts, given columns of modules, lost and short."""
        modules, lost, short = columns
        needed, none = self.problem.needed(context[None])[0].numpy(), np.zeros(len(self._crossing), np.int64)
        kinds = [(self._crossing, needed[0], none)]
        if self.problem.failures:
            beside = program.columns(np.zeros(2), 0.0, 1.0, whole=False)  # of any failure that a cut lies beside
            for scenario in range(1, self.problem.scenarios):
                program.row(0.0, {int(lost[scenario]): 1.0, int(beside[0]): -1.0})
                program.row(0.0, {int(short[scenario]): 1.0, int(beside[1]): -1.0})
            lost, short = np.append(lost, beside[0]), np.append(short, beside[1])
            kinds += [(self._crossing, needed[1], none + self.problem.scenarios),
                      (self._without, needed[1][self._cut], self._link + 1)]
        matrix, needs, scenarios = (np.concatenate(parts) for parts in zip(*kinds, strict=True))
        asks = needs > 0
        share = matrix[asks] / needs[asks, None]
        return _Losses(program, modules, share, matrix[asks].sum(1), lost[scenarios[asks]], short[scenarios[asks]])

    def _violated(self, context: Tensor, plan: Floats, wanted: NDArray[np.bool_]) -> list[tuple[Floats, float, int]]:
        """Return metric inequalities (lengths, modules needed, scenario) that a plan breaks in wanted scenarios."""
        design = torch.tensor(plan)[None]
        held = self.survivability.carried(context[None], design)[0].numpy()
        demand = context.double().numpy()
        return [self._metric(demand, plan, int(scenario)) for scenario in np.flatnonzero(wanted & ~held)]

    def _metric(self, demand: Floats, plan: Floats, scenario: int) -> tuple[Floats, float, int]:
        """Return the metric inequality that a plan breaks most in a scenario it cannot carry."""
        prices = self.survivability.route(demand, plan, scenario).prices
        metric, whole = whole_lengths(prices)
        topology, share = self.problem.topology, float(self.problem.shares[scenario])
        distance = topology.distances(metric, scenario - 1 if scenario else None)
        needed = demand @ distance[topology.pairs[:, 0], topology.pairs[:, 1]]
        slack = TOLERANCE * demand.sum() * metric.max()
        modules = share * (needed - slack) / self.problem.module
        return metric, float(np.ceil(modules) if whole else modules), scenario

    def _tight(self, bound: float, context: Tensor, plan: Floats) -> float:
        """Return the bound, or the plan's utility where they agree but for rounding."""
        design = torch.tensor(plan)[None]
        utility = WORTH - float(self.economics.cost(design)[0]) / float(self.economics.reference(context[None])[0])
        return utility if bound - utility < 1e-9 else bound


class _Lazy:
    """Cut inequalities of which those with few links stand in a program; the others are added once they are broken."""

    def __init__(self, program: IntegerProgram, modules: Columns, rows: Sequence[tuple[Floats, Floats]]) -> None:
        self._program, self._modules = program, modules
        self._low, self._matrix = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        self._waiting = np.ones(len(self._low), dtype=bool)
        self._add(self._matrix.sum(1) <= FEW_LINKS)

    def added(self, plan: Floats) -> bool:
        """Add the inequalities that a plan breaks; return whether there are any."""
        broken = self._waiting & (self._matrix @ plan < self._low)
        self._add(broken)
        return bool(broken.any())

    def _add(self, chosen: NDArray[np.bool_]) -> None:
        self._program.rows(self._low[chosen], self._matrix[chosen], self._modules)
        self._waiting &= ~chosen


class _Losses:
    """Rows modules / needed + lost >= 1, the same with short; like `_Lazy`, those of cuts with many links when broken.

    Args:
        program: where they go.
        modules: (L,) columns.
        share: (R, L) crossing over modules needed.
        links: (R,) links left of the cut.
        lost, short: (R,) columns.
    """

    def __init__(self, program: IntegerProgram, modules: Columns, share: Floats, links: Floats, lost: Columns,
                 short: Columns) -> None:
        self._program, self._modules, self._share, self._lost, self._short = program, modules, share, lost, short
        self._waiting = np.ones(len(share), dtype=bool)
        self._add(links <= FEW_LINKS)

    def added(self, plan: Floats, values: Floats) -> bool:
        """Add the rows that a plan with the values of all columns breaks; return whether there are any."""
        least = np.minimum(values[self._lost].round(), values[self._short])
        broken = self._waiting & (self._share @ plan + least < 1.0 - 1e-6)
        self._add(broken)
        return bool(broken.any())

    def _add(self, chosen: NDArray[np.bool_]) -> None:
        for row in np.flatnonzero(chosen):
            used = np.flatnonzero(self._share[row])
            terms = dict(zip(self._modules[used].tolist(), self._share[row, used].tolist(), strict=True))
            self._program.row(1.0, {**terms, int(self._lost[row]): 1.0})
            self._program.row(1.0, {**terms, int(self._short[row]): 1.0})
        self._waiting &= ~chosen
