"""A small mixed-integer program that grows: a thin layer over HiGHS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import highspy
import numpy as np
from highspy import HighsModelStatus as Status
from numpy.typing import NDArray

from aign.errors import SolverError

Floats = NDArray[np.float64]
Columns = NDArray[np.int32]
INFINITE = highspy.kHighsInf
NODES = 20_000
"""Branch-and-bound nodes of one solve: a limit in time would make results depend on the machine."""

IMPOSSIBLE = (Status.kInfeasible, Status.kUnboundedOrInfeasible)
"""No point meets the rows: no column is unbounded."""
BOUNDED = (Status.kOptimal, Status.kSolutionLimit, Status.kIterationLimit, Status.kTimeLimit, Status.kMemoryLimit,
           Status.kObjectiveBound, Status.kObjectiveTarget)
"""The bound holds: the search ended, or stopped at a limit such as `NODES`."""


@dataclass(frozen=True, eq=False)
class Solved:
    """Values of the best point, None where none was found; a lower bound on the objective: infinity where there is no
    point, minus infinity where nothing is known.
    """

    values: Floats | None
    bound: float


class IntegerProgram:
    """Minimise a linear cost under rows added one by one.

    Args:
        gap: relative gap at which a solve may stop.
    """

    def __init__(self, gap: float) -> None:
        self._solver = highspy.Highs()
        for option, value in {"output_flag": False, "threads": 1, "mip_rel_gap": gap, "mip_max_nodes": NODES,
                              "random_seed": 0}.items():
            self._solver.setOptionValue(option, value)
        self._columns, self._whole = 0, False

    def columns(self, cost: Floats, low: float, high: float | Floats, whole: bool) -> Columns:
        """Add columns with finite bounds, common ones or a largest value each, and return their numbers."""
        count = len(cost)
        added = np.arange(self._columns, self._columns + count, dtype=np.int32)
        empty, most = np.empty(0, np.int32), np.broadcast_to(high, count).astype(float)
        self._solver.addCols(count, cost, np.full(count, low), most, 0, empty, empty, np.empty(0))
        if whole:
            for column in added:
                self._solver.changeColIntegrality(int(column), highspy.HighsVarType.kInteger)
        self._columns += count
        self._whole |= whole
        return added

    def row(self, low: float, coefficients: Mapping[int, float], high: float = INFINITE) -> None:
        """Add low <= sum of coefficients times columns <= high."""
        columns = np.fromiter(coefficients, np.int32, len(coefficients))
        self._solver.addRow(low, high, len(columns), columns, np.fromiter(coefficients.values(), np.float64))

    def solve(self) -> Solved:
        """Solve from scratch.

        Raises:
            SolverError: the solver ended without a bound.
        """
        self._solver.run()
        status, info = self._solver.getModelStatus(), self._solver.getInfo()
        if status in IMPOSSIBLE:
            return Solved(None, np.inf)
        if status not in BOUNDED:
            raise SolverError(f"HiGHS gave up on an integer program of {self._columns} columns: "
                              f"{self._solver.modelStatusToString(status)}. Nothing is certified; ask for other "
                              "constraints or another context.")
        solved = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        values = np.array(self._solver.getSolution().col_value) if solved else None
        if not self._whole:  # a linear program: its optimum is its bound
            return Solved(values, float(info.objective_function_value) if status == Status.kOptimal else -np.inf)
        return Solved(values, float(info.mip_dual_bound))
