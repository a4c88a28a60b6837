"""The answers to one request of the study of rates: who found the best design, and what the answers tell.

Axes: B contexts, K starting points or candidates, N users.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.branch_and_bound import branch_and_bound
from aign.scenarios.power_allocation.multi_start import METHODS, starts_needed
from aign.scenarios.power_allocation.rate_problem import RateProblem
from studies.settings import RateSettings

TOLERANCES = (1e-6, 1e-3)
"""Relative distance from the best known at which a design counts as having reached it."""
PROVEN_CONTEXTS = 8


@dataclass
class Comparison:
    """What has been found so far: the `best` (B,) utility and `by` whom first; by method, the `utility` (B, K) of its
    single answers in the order they were made, -inf where infeasible, and the `milliseconds` a context for one answer.
    """

    scenario: Scenario[Any]
    contexts: Tensor
    constraints: tuple[Constraint, ...]
    problem: RateProblem
    best: Tensor
    by: list[str]
    utility: dict[str, Tensor] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    designs: dict[str, Tensor] = field(default_factory=dict)

    def judge(self, designs: Tensor) -> Tensor:
        """Return the simulator's utility (B, K) of designs (B, K, N); -inf where a constraint is broken."""
        repeated, flat = self.contexts.repeat_interleave(designs.shape[1], dim=0), designs.flatten(0, 1).float()
        value: Tensor = self.scenario.utility(repeated, flat)
        allowed = satisfied(self.constraints, self.scenario.measure(repeated, flat), len(flat))
        return torch.where(allowed, value, -torch.inf).reshape(designs.shape[:2])

    def add(self, name: str, make: Callable[[], Tensor], extra: float = 0.0) -> Tensor:
        """Time a method that makes designs (B, K, N), judge them, and remember the best; `extra` are milliseconds that
        an answer cost before. Processor time, not the clock's: other tasks run beside this one.
        """
        began = time.process_time()
        designs = make()
        seconds = time.process_time() - began
        utility = self.judge(designs)
        self.utility[name], self.designs[name] = utility, designs
        self.milliseconds[name] = extra + 1000 * seconds / utility.numel()
        self.remember(name, utility.amax(dim=1))
        return designs

    def remember(self, name: str, utility: Tensor) -> None:
        """Take note of utilities (B,) above the best known."""
        better = utility > self.best + 1e-9 * self.best.abs().nan_to_num(posinf=0.0)
        self.by = [name if new else old for new, old in zip(better.tolist(), self.by, strict=True)]
        self.best = torch.maximum(self.best, utility)


def ratio(comparison: Comparison, utility: Tensor) -> list[list[float]]:
    """Return utility / best known (B, K), 0 where a design breaks the request."""
    values = (utility / comparison.best[:, None]).nan_to_num(neginf=0.0).clamp_min(0.0)
    return [[round(value, 9) for value in row] for row in values.tolist()]


def needed(comparison: Comparison) -> dict[str, dict[str, dict[str, float]]]:
    """Return how many starts each multi-start method needs: mean over contexts (K + 1 where K do not do), and share."""
    return {name: {f"{tolerance:g}": {
                "mean": float(starts.double().mean()), "median": float(starts.double().median()),
                "reached": float((starts <= utility.shape[1]).double().mean())}
            for tolerance in TOLERANCES for starts in [starts_needed(utility, comparison.best, tolerance)]}
            for name, utility in comparison.utility.items()
            if utility.shape[1] > 1 and not name.removeprefix("diffuser ").isdigit()}


def landscape(comparison: Comparison) -> dict[str, float]:
    """Return how rugged the problem is: local optima random starts lead to, and what the best design looks like."""
    designs, utility = comparison.designs["gradient_ascent"], comparison.utility["gradient_ascent"]
    distinct = [len(torch.unique(row, dim=0)) for row in comparison.designs["coordinate_ascent"]]
    best = designs[torch.arange(len(designs)), utility.argmax(dim=1)]
    near = {name: (comparison.utility[name] >= (comparison.best * (1 - TOLERANCES[0]))[:, None]).double().mean()
            for name in METHODS}
    return {"distinct_local_optima_mean": sum(distinct) / len(distinct), "distinct_local_optima_most": max(distinct),
            **{f"share_of_{name}_starts_at_best": float(share) for name, share in near.items()},
            "silent_users_share": float((best == 0).double().mean()),
            "full_power_users_share": float((best == comparison.problem.needs.cap).double().mean())}


def proof(comparison: Comparison, settings: RateSettings) -> dict[str, float] | None:
    """Return on how many contexts branch and bound ends, and whether the best known is then the optimum."""
    if comparison.scenario.agents > settings.proof_users:
        return None
    rows = range(min(PROVEN_CONTEXTS, len(comparison.contexts)))
    began = time.process_time()
    searched = [branch_and_bound(comparison.problem.take(torch.tensor([row])), settings.proof_boxes) for row in rows]
    pairs = [(search.utility, float(comparison.best[row])) for row, search in zip(rows, searched, strict=True)
             if search.proven]
    return {"contexts": len(searched), "proven": len(pairs),
            "best_known_is_optimum": sum(best >= optimum * (1 - TOLERANCES[0]) for optimum, best in pairs),
            "seconds_mean": (time.process_time() - began) / len(searched)}
