"""The best plan that does not survive everything: an integer program that trades losses against cost.

What the search of `solver` cannot ask is asked here: that some failures are survived and others not, that so many links
are lit, or that a plan costs at least so much. The program holds modules, which scenarios are kept, lost or short by
cuts, and metric inequalities, added where a plan's routing breaks them.

Axes: P pairs, L links, K cuts, S scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aign.scenarios.core.integer_program import INFINITE, Columns, Floats, IntegerProgram
from aign.scenarios.ip_optical_planning.economics import FAILURE, LOST, MISSING, WORTH, Economics
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.solver.routing_check import metric_need, whole_lengths
from aign.scenarios.ip_optical_planning.survivability import Survivability

GAP = 0.01
"""Relative gap at which the program stops."""
ROUNDS = 200
"""Most rounds of added metrics."""
FEW_LINKS = 4
"""Links of the cuts that stand in the program from the start, a failed one not counted."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is proven of one context under limits: no utility above `bound`; `modules` (L,) the best plan found, None
    where there is none. With bound -inf no plan keeps to the limits. `gap` is the relative gap in cost of a survivable
    plan that was searched for.
    """

    bound: float
    modules: Floats | None
    gap: float | None = None


class Tradeoff:
    """Finds the best plan under limits for single contexts, in one layer."""

    def __init__(self, economics: Economics, survivability: Survivability) -> None:
        self.problem, self.economics, self.survivability = economics.problem, economics, survivability
        self._prices = economics.link_prices.numpy()

    @cached_property
    def _broken_cuts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Each cut with each of its failing links failed: cut (M,), scenario (M,), and the links left (M, L)."""
        crossing = self.problem.cuts.crossing.numpy()
        cut, place = np.nonzero(crossing[:, self.problem.failing])
        left = crossing[cut]
        left[np.arange(len(cut)), np.array(self.problem.failing, np.int64)[place]] = 0.0
        return cut, place + 1, left

    def best(self, context: Tensor, limits: Limits) -> Plan:
        """Return the best plan within the limits; losses are part of the objective, unless nothing may be lost."""
        scenarios, reference = self.problem.scenarios, float(self.economics.reference(context[None])[0])
        lossless = limits.normal and limits.failures >= scenarios - 1
        program = IntegerProgram(0.0 if lossless else GAP)
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
            bound = WORTH - FAILURE * (not lossless) - solved.bound
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
        largest = self.problem.largest.numpy().clip(max=max(0, limits.cap))
        modules = program.columns(self._prices / reference, 0.0, largest, whole=True)
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
        needed, crossing = self.problem.needed(context[None])[0].numpy(), self.problem.cuts.crossing.numpy()
        none, (cut, failed, without) = np.zeros(len(crossing), np.int64), self._broken_cuts
        kinds = [(crossing, needed[0], none)]
        if self.problem.failing:
            beside = program.columns(np.zeros(2), 0.0, 1.0, whole=False)  # of any failure that a cut lies beside
            for scenario in range(1, self.problem.scenarios):
                program.row(0.0, {int(lost[scenario]): 1.0, int(beside[0]): -1.0})
                program.row(0.0, {int(short[scenario]): 1.0, int(beside[1]): -1.0})
            lost, short = np.append(lost, beside[0]), np.append(short, beside[1])
            kinds += [(crossing, needed[1], none + self.problem.scenarios), (without, needed[1][cut], failed)]
        matrix, needs, scenarios = (np.concatenate(parts) for parts in zip(*kinds, strict=True))
        asks = needs > 0
        share = matrix[asks] / needs[asks, None]
        return _Losses(program, modules, share, matrix[asks].sum(1), lost[scenarios[asks]], short[scenarios[asks]])

    def _violated(self, context: Tensor, plan: Floats, wanted: NDArray[np.bool_]) -> list[tuple[Floats, float, int]]:
        """Return metric inequalities (lengths, modules needed, scenario) that a plan breaks in wanted scenarios."""
        design = torch.tensor(plan)[None]
        held = self.survivability.carried(context[None], design)[0].numpy()
        return [self._metric(context, plan, int(scenario)) for scenario in np.flatnonzero(wanted & ~held)]

    def _metric(self, context: Tensor, plan: Floats, scenario: int) -> tuple[Floats, float, int]:
        """Return the metric inequality that a plan breaks most in a scenario it cannot carry."""
        prices = self.survivability.route(context.double().numpy(), plan, scenario).prices
        metric, whole = whole_lengths(prices)
        instance = self.economics.instance(context, self.problem.widest)
        return metric, metric_need(instance, metric, whole, scenario), scenario


class _Losses:
    """Rows modules / needed + lost >= 1, the same with short; those of cuts with many links once they are broken.

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
