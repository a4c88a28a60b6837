"""When a search for a cheapest survivable plan ends, where it stands, and what it ends with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aign.errors import AignError
from aign.scenarios.ip_optical_planning.solver.instance import Floats

TINY = 1e-9
"""Relative difference of costs that counts as none."""


class ImpossibleError(AignError):
    """No plan survives every scenario."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search ends.

    Attributes:
        gap: relative gap reached.
        rounds: of programs.
        nodes: branch-and-bound nodes of a program, fewer where it is large and chooses failures; doubled where only the
            proof is missing.
        regions: planned anew at first, where there are fibres, fewer on wide networks; a quarter after each program.
        budget: a plan for no more is enough, and a bound above it says that there is none.
    """

    gap: float = 0.0
    rounds: int = 60
    nodes: int = 10_000
    regions: int = 40
    budget: float = -np.inf


@dataclass(frozen=True, eq=False)
class Progress:
    """Where a search stands: rounds done, lower bound and best cost so far (infinite where there is no plan yet)."""

    round: int
    bound: float
    cost: float

    @property
    def gap(self) -> float:
        """Relative gap between the best cost and the bound."""
        return (self.cost - self.bound) / max(self.cost, TINY) if np.isfinite(self.cost) else np.inf


@dataclass(frozen=True, eq=False)
class Answer:
    """What a search ends with.

    Attributes:
        plan: modules of each link, then fibre pairs where there are fibres; None where no survivable plan was reached.
        cost: of the plan, infinite where there is none.
        bound: no survivable plan costs less.
        dropped: numbers of the failures that the plan does not survive, where the instance allows some.
    """

    plan: Floats | None
    cost: float
    bound: float
    dropped: tuple[int, ...] = ()

    @property
    def gap(self) -> float:
        """Relative gap between cost and bound; 0 is a proof that the plan is a cheapest one."""
        return max(0.0, (self.cost - self.bound) / max(self.cost, TINY)) if self.plan is not None else np.inf

    def within(self, budget: float) -> bool | None:
        """Return whether some survivable plan costs no more than a budget; None where that stays open."""
        if self.cost <= budget * (1 + TINY):
            return True
        return False if self.bound > budget * (1 + TINY) else None
