"""Multi-commodity flow: can traffic be routed, in any way, over given capacities?

Flows are aggregated by source; sources are a vertex cover of the pairs with traffic, so that each pair is carried from
one end. The program minimises the overflow, load beyond capacity: always feasible, and its dual prices are lengths mu
with sum of mu * capacity >= sum of traffic * distance under mu, which all capacities that suffice meet (Iri 1971; Onaga
and Kakusho 1971). Traffic and capacities stand in bounds only, so that one program serves all scenarios.

Axes: n nodes, L links, C columns (flows by source, link and direction, then overflows).
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csc_matrix

from aign.errors import SolverError
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Integers

LINEAR: dict[str, bool | int | str] = {"output_flag": False, "threads": 1, "presolve": "off", "random_seed": 0}
"""Options of linear programs: each is solved again and again from its last basis, which presolve would throw away."""
STEEPEST_EDGE = 2
"""HiGHS's number of the pricing rule that takes a fifth less time here than its default."""


@dataclass(frozen=True, eq=False)
class Routing:
    """The routing with the least overflow.

    Attributes:
        overflow: sum of load beyond capacity.
        prices: (L,) overflow saved by one more unit of capacity: the lengths that prove the overflow necessary.
        load: (L,) both directions together, which is each direction's where traffic is the same both ways.
    """

    overflow: float
    prices: Floats
    load: Floats


class Router:
    """Routes over one network; each solve starts from the basis of the one before, or from `basis` where it is set.

    Args:
        nodes: n.
        ends: (L, 2) nodes that a link joins; parallel links are allowed.
        traffic: (n, n) symmetric; only pairs that have traffic here may have any later.
    """

    def __init__(self, nodes: int, ends: Integers, traffic: Floats) -> None:
        self.nodes, self.ends, self.links = nodes, ends, len(ends)
        self.sources = np.array(vertex_cover(traffic), np.int64)
        self._balance = len(self.sources) * nodes
        self._solver = self._program()
        self.solved = 0
        """Programs solved so far."""

    @property
    def basis(self) -> highspy.HighsBasis:
        """Where the next solve starts."""
        return self._solver.getBasis()

    @basis.setter
    def basis(self, basis: highspy.HighsBasis) -> None:
        self._solver.setBasis(basis)

    def forget(self, basis: highspy.HighsBasis) -> None:
        """Start the next solve from a basis and nothing else, so that its answer depends on nothing asked before."""
        self._solver.clearSolver()
        self._solver.setBasis(basis)

    def route(self, traffic: Floats, capacity: Floats, alive: Flags | None = None) -> Routing:
        """Return the routing of traffic (n, n) over capacities (L,) with the least overflow; only `alive` links carry.

        Raises:
            SolverError: the solver gave up, though there is always a least overflow.
        """
        working = np.ones(self.links, bool) if alive is None else alive
        low, high = self._bounds(traffic, np.where(working, capacity, 0.0))
        self._solver.changeRowsBounds(  # type: ignore[attr-defined]  # missing in its stubs
            len(low), np.arange(len(low), dtype=np.int32), low, high)
        first = self._solver.getNumCol() - self.links
        limit = np.where(working, highspy.kHighsInf, 0.0)
        self._solver.changeColsBounds(self.links, np.arange(first, first + self.links, dtype=np.int32),
                                      np.zeros(self.links), limit)
        self._solver.run()
        self.solved += 1
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS gave up on routing traffic over {self.links} links: "
                              f"{self._solver.modelStatusToString(status)}. Whether it can be routed is unknown; ask "
                              "for another network or other traffic.")
        solution = self._solver.getSolution()
        prices: Floats = np.maximum(0.0, -np.array(solution.row_dual[self._balance:]))
        load = np.array(solution.row_value[self._balance:]) + np.array(solution.col_value[-self.links:])
        return Routing(float(self._solver.getInfo().objective_function_value), np.where(working, prices, 0.0), load)

    def _program(self) -> highspy.Highs:
        """Return the program; rows are balances by source and node, then capacities by link."""
        count, links = len(self.sources), self.links
        flows = count * links * 2
        column = np.arange(flows)
        source, link, way = np.unravel_index(column, (count, links, 2))
        tail, head = (self.ends[link, np.where(way == end, 0, 1)] for end in (0, 1))
        over = np.arange(links)
        rows = np.concatenate([source * self.nodes + tail, source * self.nodes + head, self._balance + link,
                               self._balance + over])
        columns = np.concatenate([column, column, column, flows + over])
        values = np.concatenate([np.full(flows, -1.0), np.ones(2 * flows), np.full(links, -1.0)])
        matrix = csc_matrix((values, (rows, columns)), shape=(self._balance + links, flows + links))
        program = highspy.HighsLp()
        program.num_row_, program.num_col_ = matrix.shape
        program.col_cost_ = np.repeat([0.0, 1.0], [flows, links])
        program.col_lower_, program.col_upper_ = np.zeros(flows + links), np.full(flows + links, highspy.kHighsInf)
        program.row_lower_ = program.row_upper_ = np.zeros(self._balance + links)
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_, program.a_matrix_.index_, program.a_matrix_.value_ = (
            matrix.indptr, matrix.indices, matrix.data)
        solver = highspy.Highs()
        for option, value in {**LINEAR, "simplex_dual_edge_weight_strategy": STEEPEST_EDGE}.items():
            solver.setOptionValue(option, value)
        solver.passModel(program)
        return solver

    def _bounds(self, traffic: Floats, capacity: Floats) -> tuple[Floats, Floats]:
        """Return the row bounds: what each node takes from each source, then what each link holds."""
        taken, done = np.zeros((len(self.sources), self.nodes)), np.zeros(self.nodes, bool)
        for row, source in enumerate(self.sources):
            taken[row] = np.where(done, 0.0, traffic[source])
            taken[row, source] = 0.0
            done[source] = True
        low = np.concatenate([taken.ravel(), np.full(self.links, -highspy.kHighsInf)])
        high = np.concatenate([taken.ravel(), capacity])
        sent = np.arange(len(self.sources)) * self.nodes + self.sources  # what a source sends is free
        low[sent], high[sent] = -highspy.kHighsInf, highspy.kHighsInf
        return low, high


def vertex_cover(demand: Floats) -> list[int]:
    """Return nodes such that every pair with traffic has an end among them: greedily those with most pairs left."""
    left, cover = demand > 0, []
    while left.any():
        node = int(left.sum(1).argmax())
        cover.append(node)
        left[node] = left[:, node] = False
    return cover
