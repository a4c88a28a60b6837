"""A small mixed-integer program that grows: a thin layer over HiGHS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = NDArray[np.int32]
INFINITE = highspy.kHighsInf
NODES = 20_000
"""Branch-and-bound nodes of one solve: a limit in time would make results depend on the machine."""


@dataclass(frozen=True, eq=False)
class Solved:
    """Values of the best point, None where there is none; a lower bound on the objective, infinite if impossible."""

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
        self._columns = 0

    def columns(self, cost: Floats, low: float, high: float, whole: bool) -> Columns:
        """Add columns with common bounds and return their numbers."""
        count = len(cost)
        added = np.arange(self._columns, self._columns + count, dtype=np.int32)
        empty = np.empty(0, np.int32)
        self._solver.addCols(count, cost, np.full(count, low), np.full(count, high), 0, empty, empty,
                             np.empty(0))
        if whole:
            for column in added:
                self._solver.changeColIntegrality(int(column), highspy.HighsVarType.kInteger)
        self._columns += count
        return added

    def row(self, low: float, coefficients: Mapping[int, float], high: float = INFINITE) -> None:
        """Add low <= sum of coefficients times columns <= high."""
        columns = np.fromiter(coefficients, np.int32, len(coefficients))
        self._solver.addRow(low, high, len(columns), columns, np.fromiter(coefficients.values(), np.float64))

    def rows(self, low: Floats, matrix: Floats, columns: Columns) -> None:
        """Add low <= matrix @ columns, (R,) and (R, len(columns))."""
        if not len(low):
            return
        places, entries = np.nonzero(matrix)
        starts = np.searchsorted(places, np.arange(len(matrix))).astype(np.int32)
        self._solver.addRows(len(matrix), low, np.full(len(matrix), INFINITE), len(entries), starts,
                             columns[entries], matrix[places, entries])

    def solve(self) -> Solved:
        """Solve from scratch."""
        self._solver.run()
        status, info = self._solver.getModelStatus(), self._solver.getInfo()
        if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            return Solved(None, np.inf)
        found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        values = np.array(self._solver.getSolution().col_value) if found else None
        return Solved(values, float(info.mip_dual_bound))
