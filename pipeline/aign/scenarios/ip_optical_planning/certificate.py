"""What is certain of one context's plans: the search of `solver` for survivable ones, `tradeoff` for the others.

Axes: P pairs, L links.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.core.remembered import Cache
from aign.scenarios.ip_optical_planning.economics import FAILURE, WORTH, Economics
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.solver.answers import Answer, ImpossibleError
from aign.scenarios.ip_optical_planning.solver.answers import Limits as Effort
from aign.scenarios.ip_optical_planning.solver.search import Search
from aign.scenarios.ip_optical_planning.survivability import Survivability
from aign.scenarios.ip_optical_planning.tradeoff import Plan, Tradeoff

EFFORTS = ((30, Effort()), (65, Effort(gap=0.02, rounds=12, nodes=2_000)))
"""Nodes up to which survivable plans are searched for with how much effort, in one layer."""
LAYERED = ((12, Effort(gap=0.03, rounds=1, nodes=20, regions=4)), (65, Effort(gap=0.03, rounds=0, regions=8)))
"""The same in two layers, where a program takes seconds: one on small networks, the relaxation alone on larger ones."""
CHOOSING = Effort(gap=0.05, rounds=2, nodes=100)
"""Effort in one layer, on larger networks, where the plan chooses which failures it survives: nodes take long there."""
REMEMBERED = 20_000
"""Plans remembered."""


class Planner:
    """Finds certified plans for single contexts."""

    def __init__(self, economics: Economics, survivability: Survivability) -> None:
        self.problem, self.economics, self.survivability = economics.problem, economics, survivability
        size = self.problem.topology.size
        layered = self.problem.instance.fibres is not None
        self.effort = next(effort for most, effort in (LAYERED if layered else EFFORTS) if size <= most)
        """How long survivable plans are searched for."""
        self.choosing = self.effort if layered or self.effort is EFFORTS[0][1] else CHOOSING
        """How long plans are searched for that survive some failures of their choice."""
        self._tradeoff = Tradeoff(economics, survivability) if self.problem.traded else None
        self._plans: Cache[tuple[bytes, Limits], Plan] = Cache(REMEMBERED)
        self._answers: Cache[tuple[bytes, int, int, bool, float], Answer | None] = Cache(REMEMBERED)
        self.searched = 0
        """Contexts and limits searched so far, other than from memory."""

    def best(self, context: Tensor, limits: Limits) -> Plan:
        """Return the best plan for a context (P,), survivable if there is one that keeps to the limits; remembered."""
        key = (context.float().numpy().tobytes(), replace(limits, rest=()))
        return self._plans.get(key, lambda: self._search(context, limits))

    def _search(self, context: Tensor, limits: Limits) -> Plan:
        self.searched += 1
        survivable = self.survivable(context, limits)
        # A survivable plan that costs more than the reference might be beaten by one that fails, which stays below 1.
        if survivable.modules is not None or survivable.bound > -np.inf:
            return replace(survivable, bound=max(survivable.bound, WORTH - FAILURE))
        if limits.normal and limits.failures >= self.problem.scenarios - 1:
            return survivable
        return self.failing(context, limits)

    def survivable(self, context: Tensor, limits: Limits) -> Plan:
        """Return the cheapest survivable plan within the limits."""
        everything = self.problem.scenarios - 1
        if limits.cap < 0 or limits.failures > everything:
            return Plan(-np.inf, None)
        if self._tradeoff is not None and (limits.lit(self.problem.links) or limits.cheapest > 0):
            return self._tradeoff.best(context, replace(limits, normal=True, failures=everything))
        answer = self._answer(context, limits.cap, everything, normal=True)
        if answer is None or answer.bound > limits.dearest * (1 + 1e-9):
            return Plan(-np.inf, None)
        reference = float(self.economics.reference(context[None])[0])
        bound = WORTH - answer.bound / reference
        plan = None if answer.plan is None else answer.plan[:self.problem.links]
        if plan is None or (cost := float(self.economics.cost(torch.tensor(plan)[None])[0])) > limits.dearest:
            return Plan(bound, None)
        exact = answer.cost - answer.bound <= 1e-9 * answer.cost
        return Plan(WORTH - cost / reference if exact else bound, plan, 0.0 if exact else answer.gap)

    def failing(self, context: Tensor, limits: Limits) -> Plan:
        """Return the best plan within the limits where none survives everything.

        Where `Problem.traded` is false, it is the cheapest that keeps to the limits, and the bound leaves out what it
        loses.
        """
        if self._tradeoff is not None:
            return self._tradeoff.best(context, limits)
        if limits.cap < 0 or limits.failures > self.problem.scenarios - 1:
            return Plan(-np.inf, None)
        budget = limits.dearest if np.isfinite(limits.dearest) else -np.inf
        answer = self._answer(context, limits.cap, limits.failures, limits.normal, budget)
        if answer is None or answer.within(limits.dearest) is False:
            return Plan(-np.inf, None)
        bound = WORTH - FAILURE - max(0.0, answer.bound) / float(self.economics.reference(context[None])[0])
        plan = answer.plan if answer.plan is not None and answer.within(limits.dearest) else None
        return Plan(bound, None if plan is None else plan[:self.problem.links])

    def _answer(self, context: Tensor, cap: int, failures: int, normal: bool,
                budget: float = -np.inf) -> Answer | None:
        """Return what the search finds where so many failures must be survived, and the case without any if `normal`;
        remembered. None where no plan does.
        """
        key = context.float().numpy().tobytes(), cap, failures, normal, budget
        return self._answers.get(key, lambda: self._solve(context, cap, failures, normal, budget))

    def _solve(self, context: Tensor, cap: int, failures: int, normal: bool, budget: float) -> Answer | None:
        instance = replace(self.economics.instance(context, cap), normal=float(normal),
                           may_drop=self.problem.scenarios - 1 - failures)
        effort = self.choosing if instance.may_drop else self.effort
        try:
            return Search(instance, replace(effort, budget=budget)).run(keep_interrupted=False)
        except ImpossibleError:
            return None
