"""Bringing plans to meet a request: mended for survival, thinned to a budget, replaced by a certified plan at last.

Axes: B networks, L links, S scenarios.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.ip_optical_planning.certificate import Planner
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.repair import Repair

Step = Callable[[Tensor, Tensor], Tensor]
"""Contexts (B, P), plans (B, L) -> plans (B, L)."""
Measure = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""Contexts (B, P), plans (B, L) -> every label's value, each (B,)."""


class Requirements:
    """Maps plans (B, L) to plans that meet a request, wherever a plan is known to the certificate that does."""

    def __init__(self, planner: Planner, repair: Repair, measure: Measure, constraints: Sequence[Constraint],
                 limits: Limits) -> None:
        self.planner, self.repair, self.measure = planner, repair, measure
        self.problem, self.constraints, self.limits = planner.problem, constraints, limits
        self._certified: dict[bytes, Tensor | None] = {}

    def __call__(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the plans: each step takes on what the one before could not do."""
        plans = self.problem.capped(designs.double(), max(0, self.limits.cap))
        plans = self._where_unmet(contexts, plans, self._surviving)
        plans = self._where_unmet(contexts, plans, self._affordable)
        return self._where_unmet(contexts, plans, self._certain)

    def _where_unmet(self, contexts: Tensor, plans: Tensor, step: Step) -> Tensor:
        met = satisfied(self.constraints, self.measure(contexts, plans), len(plans))
        plans = plans.clone()
        if not bool(met.all()):
            plans[~met] = step(contexts[~met], plans[~met])
        return plans

    def _surviving(self, contexts: Tensor, plans: Tensor) -> Tensor:
        """Return plans mended until they survive everything, where the request asks for any survival."""
        if not (self.limits.failures or self.limits.normal):
            return plans
        wanted = torch.ones(len(plans), self.problem.scenarios, dtype=torch.bool)
        return self.repair.mended(contexts, plans, wanted, self.limits.cap)

    def _affordable(self, contexts: Tensor, plans: Tensor) -> Tensor:
        """Return plans thinned to the budget, then mended for the failures that are nearest to being survived."""
        plans = self.repair.thinned(contexts, plans, self.limits.dearest)
        short = self.problem.shortages(contexts, plans)
        rank = short[:, 1:].argsort(dim=1, stable=True).argsort(dim=1)
        wanted = torch.cat([torch.full_like(short[:, :1], self.limits.normal), rank < self.limits.failures], 1).bool()
        mended = self.repair.mended(contexts, plans, wanted, self.limits.cap)
        return torch.where(wanted.any(1, keepdim=True), mended, plans)

    def _certain(self, contexts: Tensor, plans: Tensor) -> Tensor:
        """Return certified plans where there are any."""
        certified = [self._certified_plan(context) for context in contexts]
        return torch.stack([plan if other is None else other for plan, other in zip(plans, certified, strict=True)])

    def _certified_plan(self, context: Tensor) -> Tensor | None:
        key = context.numpy().tobytes()
        if key not in self._certified:
            modules = self.planner.best(context, self.limits).modules
            self._certified[key] = None if modules is None else torch.tensor(modules)
        return self._certified[key]
