"""Whole-number programs over cut rows, solved by HiGHS.

Axes: C values of a plan, R rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance
from aign.scenarios.ip_optical_planning.solver.relaxation import add_rows


@dataclass(frozen=True, eq=False)
class Solved:
    """Whole plans (K, C), each better than the one before it; the best is last, and none where K is 0.

    `bound` is a lower bound on the cost of any plan that meets the rows, infinite where there is none.
    """

    plans: Floats
    bound: float


def least_cost(instance: Instance, low: Floats, matrix: Floats, *, floor: Floats | None = None,
               ceiling: Floats | None = None, start: Floats | None = None, below: float = np.inf,
               gap: float = 0.0, nodes: int = 20_000, totals: bool = False) -> Solved:
    """Minimise prices @ y over whole y with matrix @ y >= low.

    Args:
        instance: prices and bounds.
        low: (R,).
        matrix: (R, C).
        floor: (C,) tighter lower bounds on y.
        ceiling: (C,) tighter upper bounds on y.
        start: (C,) a plan that meets the rows, from which the search starts.
        below: cost above which a plan is of no use.
        gap: relative gap at which the search stops.
        nodes: branch-and-bound nodes after which it stops: a limit in seconds would make results depend on the machine.
        totals: branch on the number of all lightpaths and on that of all fibre pairs too. Where many lightpaths can
            stand in for one another, that proves in hundreds of nodes what branching on each does not in thousands.
    """
    solver = highspy.Highs()
    options = {"output_flag": False, "threads": 1, "mip_rel_gap": gap, "mip_max_nodes": nodes, "random_seed": 0,
               "mip_improving_solution_save": True}
    for option, value in options.items():
        solver.setOptionValue(option, value)
    lower = instance.lower if floor is None else floor
    upper = instance.upper if ceiling is None else ceiling
    empty, columns = np.empty(0, np.int32), instance.columns
    unit = float(instance.prices.mean())  # absolute tolerances of the solver mean nothing at prices of millions
    solver.addCols(columns, instance.prices / unit, lower.astype(np.float64), upper.astype(np.float64), 0, empty, empty,
                   np.empty(0))
    add_rows(solver, *instance.structure())
    add_rows(solver, low, matrix)
    summed = _summed(instance) if totals else np.empty((0, columns))
    for row in summed:
        places = np.append(np.flatnonzero(row), solver.getNumCol()).astype(np.int32)
        solver.addCol(0.0, 0.0, highspy.kHighsInf, 0, empty, np.empty(0))
        solver.addRow(0.0, 0.0, len(places), places, np.where(places < columns, 1.0, -1.0))
    whole = np.arange(columns + len(summed), dtype=np.int32)
    solver.changeColsIntegrality(len(whole), whole, np.full(len(whole), highspy.HighsVarType.kInteger))
    if below < np.inf:
        add_rows(solver, np.array([-below / unit]), -instance.prices[None] / unit)
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = np.append(start, summed @ start).tolist()
        solver.setSolution(solution)
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return Solved(np.empty((0, columns)), np.inf)
    plans = [np.array(saved.col_value)[:columns].round() for saved in solver.getSavedMipSolutions()]
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        plans.append(np.array(solver.getSolution().col_value)[:columns].round())
    return Solved(np.array(plans).reshape(len(plans), columns), unit * float(info.mip_dual_bound))


def _summed(instance: Instance) -> Floats:
    """Return which values of a plan (T, C) are added up in columns of their own: all links, and all fibre pairs."""
    layer = np.repeat([0, 1, 2], [instance.links, instance.routes, instance.droppable])
    layers: Floats = (layer == np.arange(2)[:, None]).astype(np.float64)
    return layers[layers.any(1)]
