"""Solved matrices of one network, with the library that grew as they were solved.

Axes: N matrices, n nodes, L links.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance
from aign.scenarios.ip_optical_planning.survey.library import Library, grow
from aign.scenarios.ip_optical_planning.survey.planner import Planner

GAP, NODES = 0.01, 20
"""Relative gap and branch-and-bound nodes at which the programs of a matrix stop."""
FIRST, NEXT = 60, 4
"""Rounds in which the library grows for the first matrix, and for each later one."""


@dataclass(eq=False)
class Solved:
    """Matrices and their plans.

    Attributes:
        library: of inequalities.
        demand: (N, n, n).
        relaxed: (N, L) least-cost modules over the library's inequalities, not whole.
        plan: (N, L) survivable plans.
    """

    library: Library
    demand: Floats
    relaxed: Floats
    plan: Floats

    def __len__(self) -> int:
        return len(self.plan)

    @classmethod
    def none(cls, instance: Instance) -> Solved:
        """Return no matrix, and a library of single nodes."""
        nothing = np.zeros((0, instance.links))
        return cls(Library(instance), np.zeros((0, instance.nodes, instance.nodes)), nothing, nothing)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what this is made of, by name."""
        return {**self.library.tensors(), "demand": self.demand, "relaxed": self.relaxed, "plan": self.plan}

    @classmethod
    def of_tensors(cls, instance: Instance, tensors: Mapping[str, NDArray[Any]]) -> Solved:
        """Return what `tensors` was made of."""
        return cls(Library.of_tensors(instance, tensors), tensors["demand"], tensors["relaxed"], tensors["plan"])

    def add(self, demand: Floats, seed: int) -> None:
        """Solve one more matrix (n, n), and let the library grow by what mattered.

        Raises:
            ImpossibleError: no plan was reached.
        """
        random = np.random.default_rng([seed, len(self), 1])
        grow(self.library, demand, random, NEXT if len(self) else FIRST)
        matrix = Planner(self.library).open(demand)
        plan = matrix.solved(GAP, NODES)
        matrix.learn()
        self.demand = np.concatenate([self.demand, demand[None]])
        self.relaxed = np.vstack([self.relaxed, matrix.relaxed])
        self.plan = np.vstack([self.plan, plan])
