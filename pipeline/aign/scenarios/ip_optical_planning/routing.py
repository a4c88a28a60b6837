"""Exact multi-commodity flow: can the demands be routed, in any way, over given capacities? A linear program by HiGHS.

The program asks for the least overflow: sum over links of load beyond capacity, flows aggregated by source. It is
always feasible, and demands and capacities stand on its right-hand side only, so that every solve starts from one
stored basis and takes few steps. The capacities' prices are a metric: for lengths mu, sum mu y >= sum d dist_mu is
necessary for routing (Onaga and Kakusho 1971; Iri 1971), and the least overflow is the most violated one.

Axes: P pairs, L links.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from aign.errors import SolverError
from aign.scenarios.ip_optical_planning.topology import Topology

TOLERANCE = 1e-6
"""Overflow that counts as none, as a share of the total demand; the cuts use the same."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Routing:
    """The best routing of a demand.

    Attributes:
        overflow: sum of load beyond capacity; within `TOLERANCE` of the total demand it is none.
        prices: (L,) overflow saved by one more unit of capacity: the metric that proves the overflow necessary.
        load: (L,) both directions together, which is each direction's where demands are the same both ways.
    """

    overflow: float
    prices: Floats
    load: Floats


class Router:
    """Routes demands in one scenario: all links work, or one has failed.

    Args:
        topology: the network.
        failed: the link that carries nothing.
        typical: (L,) capacities that just about carry the published demands: every solve starts from their basis.
    """

    def __init__(self, topology: Topology, failed: int | None, typical: Floats) -> None:
        self.links = [link for link in range(topology.links) if link != failed]
        self._topology = topology
        sources = sorted(set(topology.pairs[:, 0].tolist()))
        self._row_of_pair = np.array([sources.index(i) * topology.size + j for i, j in topology.pairs.tolist()])
        self._source_rows = np.array([place * topology.size + source for place, source in enumerate(sources)])
        self._balance_rows = len(sources) * topology.size
        self._solver = self._program(len(sources))
        self._rows = np.arange(self._balance_rows + len(self.links), dtype=np.int32)
        self._solve(topology.demand, typical)
        self._basis = self._solver.getBasis()

    def _program(self, sources: int) -> highspy.Highs:
        """Build the program: columns are flows by source and arc, then overflows; rows are balances, then links."""
        nodes, links = self._topology.size, len(self.links)
        entries: list[tuple[int, int, float]] = []
        for column, (source, link, way) in enumerate(np.ndindex(sources, links, 2)):
            a, b = self._topology.ends[self.links[link]][::1 if way == 0 else -1].tolist()
            entries += [(source * nodes + a, column, -1.0), (source * nodes + b, column, 1.0),
                        (self._balance_rows + link, column, 1.0)]
        flows = sources * links * 2
        entries += [(self._balance_rows + link, flows + link, -1.0) for link in range(links)]
        rows, columns, values = zip(*entries, strict=True)
        matrix = csc_matrix((values, (rows, columns)), shape=(self._balance_rows + links, flows + links))
        program = highspy.HighsLp()
        program.num_row_, program.num_col_ = matrix.shape
        program.col_cost_ = np.repeat([0.0, 1.0], [flows, links])
        program.col_lower_, program.col_upper_ = np.zeros(flows + links), np.full(flows + links, highspy.kHighsInf)
        program.row_lower_ = program.row_upper_ = np.zeros(self._balance_rows + links)
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_, program.a_matrix_.index_, program.a_matrix_.value_ = (
            matrix.indptr, matrix.indices, matrix.data)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("presolve", "off")
        solver.passModel(program)
        return solver

    def route(self, demand: Floats, capacity: Floats) -> Routing:
        """Return the routing of demands (P,) over capacities (L,) with the least overflow.

        The start is always the same, so the result depends on nothing that was asked before.

        Raises:
            SolverError: the solver gave up, though there is always a least overflow.
        """
        self._solver.clearSolver()
        self._solver.setBasis(self._basis)
        self._solve(demand, capacity)
        solution = self._solver.getSolution()
        prices, load = np.zeros(self._topology.links), np.zeros(self._topology.links)
        first = self._balance_rows
        prices[self.links] = np.maximum(0.0, -np.array(solution.row_dual[first:]))
        over = np.array(solution.col_value[-len(self.links):])
        load[self.links] = np.array(solution.row_value[first:]) + over
        return Routing(float(over.sum()), prices, load)

    def _solve(self, demand: Floats, capacity: Floats) -> None:
        balance = np.bincount(self._row_of_pair, demand, self._balance_rows)
        low = np.concatenate([balance, np.full(len(self.links), -highspy.kHighsInf)])
        high = np.concatenate([balance, capacity[self.links]])
        low[self._source_rows], high[self._source_rows] = -highspy.kHighsInf, highspy.kHighsInf
        self._solver.changeRowsBounds(  # type: ignore[attr-defined]  # missing in its stubs
            len(self._rows), self._rows, low, high)
        self._solver.run()
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS gave up on routing the demands of {self._topology.name}: "
                              f"{self._solver.modelStatusToString(status)}. Whether a plan carries them is unknown; "
                              "ask for another context.")
