"""Which sets of users the servers serve: a set-partitioning program, linear or whole, solved by HiGHS.

Rows: each user is served at most once, or exactly once where it may not compute locally; each server serves at most one
set; late users, energy and offloaded users within their limits.

Axes: N users, M servers, P columns (sets).
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import torch
from highspy import HighsModelStatus as Status
from numpy.typing import NDArray

from aign.errors import SolverError
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.member_sets import MemberSets
from aign.scenarios.offloading.sets import Prices, Sets

Floats = NDArray[np.float64]
INFINITE = highspy.kHighsInf
WHOLE = 1e-6
"""How far from a whole number a value of a linear program may lie that counts as whole."""
PENALTY = 10.0
"""Cost of serving nobody who has to be served, in units of the cost of computing everything locally: enters while
columns are generated only."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The least cost, against all computing locally, and how much each column is used (P,); None where no columns meet
    the rows.
    """

    cost: float
    values: Floats | None


class Master:
    """The program of one network; columns are added as they come.

    Args:
        sets: of the network; says which users its columns hold.
        elastic: whether rows may be broken at a high cost, so that there is always a solution.
    """

    def __init__(self, sets: MemberSets, elastic: bool = False) -> None:
        self._sets, network, limits = sets, sets.network, sets.limits
        self.users, self.servers = network.root.shape[1], len(sets.users)
        self._solver = highspy.Highs()
        for option, value in {"output_flag": False, "threads": 1, "mip_rel_gap": 0.0, "mip_abs_gap": 0.0,
                              "random_seed": 0, "dual_feasibility_tolerance": 1e-10,
                              "primal_feasibility_tolerance": 1e-9}.items():
            self._solver.setOptionValue(option, value)
        banned = (network.local_delay[0] > limits.delay).double().numpy()
        spare = _spare(sets, limits)
        low = np.concatenate([banned, np.full(self.servers, -INFINITE), [-INFINITE, -INFINITE, limits.fewest]])
        high = np.concatenate([np.ones(self.users + self.servers), [*spare, limits.most]])
        none = np.empty(0, np.int32)
        self._solver.addRows(len(low), low, high, 0, none, none, np.empty(0))
        self._solver.addCol(0.0, 0.0, 0.0, 0, none, np.empty(0))  # without any column nothing would be checked
        self.columns, self._artificial = 0, 1
        if elastic:
            self._relax(PENALTY * float(network.local_cost.sum()))

    def _relax(self, cost: float) -> None:
        """Add columns that break, at a cost, the rows that sets alone may not meet."""
        rows = [(row, 1.0) for row in range(self.users)]
        first = self.users + self.servers
        rows += [(first, -1.0), (first + 1, -1.0), (first + 2, 1.0)]
        for row, sign in rows:
            self._solver.addCol(cost, 0.0, INFINITE, 1, np.array([row], np.int32), np.array([sign]))
        self._artificial += len(rows)

    def add(self, sets: Sets) -> None:
        """Add a column for each set."""
        count = len(sets)
        sizes = sets.members.sum(1).numpy()
        rows = np.full((count, sets.members.shape[1] + 4), -1, np.int64)
        values = np.ones(rows.shape)
        rows[:, :-4] = torch.where(sets.members, self._sets.users[sets.server], -1).numpy()
        first = self.users + self.servers
        rows[:, -4] = self.users + sets.server.numpy()
        rows[:, -3:] = first + np.arange(3)
        values[:, -3:] = np.stack([sets.late.numpy(), sets.energy.numpy(), sizes], 1)
        used = (rows >= 0) & (values != 0)
        starts = np.concatenate([[0], used.sum(1).cumsum()[:-1]]).astype(np.int32)
        self._solver.addCols(count, sets.cost.numpy(), np.zeros(count), np.full(count, INFINITE), int(used.sum()),
                             starts, rows[used].astype(np.int32), values[used])
        self.columns += count

    def relaxed(self) -> Solution:
        """Return the optimum of the linear program."""
        return self._solve()

    def whole(self) -> Solution:
        """Return the optimum where each set is served or not."""
        solution = self._solve()
        if solution.values is None or (np.abs(solution.values - solution.values.round()) < WHOLE).all():
            return solution
        numbers = np.arange(self._artificial, self._artificial + self.columns, dtype=np.int32)
        kinds = [highspy.HighsVarType.kInteger] * len(numbers)
        self._solver.changeColsIntegrality(len(numbers), numbers, np.array(kinds))
        solution = self._solve()
        kinds = [highspy.HighsVarType.kContinuous] * len(numbers)
        self._solver.changeColsIntegrality(len(numbers), numbers, np.array(kinds))
        return solution

    def prices(self, limit: float) -> Prices:
        """Return the dual values of the linear program solved last."""
        dual = -torch.tensor(self._solver.getSolution().row_dual, dtype=torch.float64)
        user, server, (late, energy, count) = dual.split([self.users, self.servers, 3])
        return Prices(user, server, float(late), float(energy), float(count), limit)

    def _solve(self) -> Solution:
        self._solver.run()
        status = self._solver.getModelStatus()
        if status == Status.kUnknown:  # from the last basis it sometimes comes to no end; from the start it does
            self._solver.clearSolver()
            self._solver.run()
            status = self._solver.getModelStatus()
        if status in (Status.kInfeasible, Status.kUnboundedOrInfeasible):
            return Solution(np.inf, None)
        if status != Status.kOptimal:
            raise SolverError(f"HiGHS gave up on a program of {self.columns} sets: "
                              f"{self._solver.modelStatusToString(status)}. Nothing is certified; ask for other "
                              "constraints or another context.")
        values = np.array(self._solver.getSolution().col_value)[self._artificial:]
        return Solution(float(self._solver.getInfo().objective_function_value), values)


def _spare(sets: MemberSets, limits: Limits) -> tuple[float, float]:
    """Return how many more users may be late, and how much more energy used, than when all compute locally."""
    network = sets.network
    late = float(network.late(network.local_delay[0]).sum())
    # Counts are whole: half a user more keeps rounding out of it.
    return (limits.late - late + 0.5 if limits.late < limits.users else INFINITE,
            limits.energy - float(network.local_energy.sum()) if limits.energy < torch.inf else INFINITE)
