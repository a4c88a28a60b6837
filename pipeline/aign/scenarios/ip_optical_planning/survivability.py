"""Which scenarios a design can carry: exact answers, fast enough to explore with.

Five tests, the cheapest first; each is a proof, so the answer never depends on which of them gave it, nor on what was
asked before:
1. cuts: a cut that lacks modules proves that a scenario cannot be carried (closed form, whole batch at once);
2. shortest paths: loads within capacity prove that it can (closed form too);
3. monotonicity: more modules than a design known to carry it carry it as well, fewer than one known to fail fail too
   (stateful checks as in Zhu et al., SIGCOMM 2021, but kept for each context);
4. rerouting: a failed link's load that finds other ways, all else left where it is, proves that it can;
5. a linear program.
The loads of 4 and 5, rounded up, become the next known design: often far below the one asked about.

Axes: B networks, P pairs, L links, S scenarios, M known designs.
"""

from __future__ import annotations

from functools import cached_property

import highspy
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aign.scenarios.core.remembered import Cache
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.rerouting import rerouted
from aign.scenarios.ip_optical_planning.solver.instance import TOLERANCE, Floats
from aign.scenarios.ip_optical_planning.solver.routing import Router, Routing

Modules = NDArray[np.float32]

CONTEXTS = 4_096
"""Contexts remembered, the latest asked about."""
KNOWN = 32
"""Designs remembered of each context, scenario and verdict, the latest."""


class _Known:
    """Designs (M, L) of one context of which is known, by scenario, that they carry it, or that they do not."""

    def __init__(self) -> None:
        self._carrying: dict[int, Modules] = {}
        self._failing: dict[int, Modules] = {}

    def verdict(self, design: Floats, scenario: int) -> bool | None:
        """Return whether a design (L,) carries a scenario, None where that is not known."""
        if scenario in self._carrying and (self._carrying[scenario] <= design).all(1).any():
            return True
        if scenario in self._failing and (self._failing[scenario] >= design).all(1).any():
            return False
        return None

    def add(self, design: Floats, scenario: int, carries: bool) -> None:
        """Remember one more, the oldest forgotten."""
        known, modules = self._carrying if carries else self._failing, design.astype(np.float32)[None]
        known[scenario] = np.vstack([known[scenario], modules])[-KNOWN:] if scenario in known else modules


class Survivability:
    """Answers for one problem; remembers."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._memory: Cache[bytes, _Known] = Cache(CONTEXTS)
        self._normal: tuple[bytes, Routing, highspy.HighsBasis] | None = None

    @property
    def solved(self) -> int:
        """Linear programs solved so far."""
        return self._flows.solved

    @cached_property
    def _flows(self) -> Router:
        instance = self.problem.instance
        return Router(instance.nodes, instance.ends, instance.demand)

    @cached_property
    def _typical(self) -> highspy.HighsBasis:
        """Basis of the shortest-path plan's routing of the published demands: where all else starts."""
        published = torch.tensor(self.problem.topology.demand, dtype=torch.float32)
        plan = self.problem.shortest_path_plan(published[None])[0].numpy()
        self._flows.route(self.problem.traffic(published), 0.75 * self.problem.module * plan)
        return self._flows.basis

    def carried(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return which scenarios designs (B, L) of whole modules carry, (B, S) bool."""
        return self._decide(contexts, designs, everything=True)

    def survive(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return whether designs (B, L) carry every scenario, (B,) bool; faster than asking for each."""
        return self._decide(contexts, designs, everything=False).all(1)

    def route(self, context: Floats, design: Floats, scenario: int) -> Routing:
        """Return the routing with the least overflow of one context (P,) and design (L,) in one scenario.

        The case without failures is routed first, from a basis that is always the same; each failure starts from where
        that ended. So an answer depends on nothing that was asked before.
        """
        traffic, capacity = self.problem.traffic(torch.from_numpy(context)), self.problem.module * design
        key = context.tobytes() + design.tobytes()
        if self._normal is None or self._normal[0] != key:
            self._flows.forget(self._typical)
            self._normal = key, self._flows.route(traffic, capacity), self._flows.basis
        _, normal, basis = self._normal
        if not scenario:
            return normal
        self._flows.forget(basis)
        share = float(self.problem.shares[scenario])
        return self._flows.route(share * traffic, capacity, self.problem.alive[scenario])

    def _decide(self, contexts: Tensor, designs: Tensor, everything: bool) -> Tensor:
        """Return the verdicts (B, S); without `everything`, only whether all of a row hold is right."""
        modules = designs.double()
        possible = self.problem.shortages(contexts, modules) == 0
        verdict = self.problem.routed_by_rule(contexts, modules) & possible
        open_ = possible & ~verdict
        if not everything:
            open_ &= possible.all(1, keepdim=True)
        for row in open_.any(1).nonzero()[:, 0].tolist():
            scenarios = open_[row].nonzero()[:, 0].tolist()
            held = self._look_closer(contexts[row], modules[row].numpy(), scenarios, everything)
            verdict[row, scenarios] = torch.tensor(held)
        return verdict

    def _look_closer(self, context: Tensor, design: Floats, scenarios: list[int], everything: bool) -> list[bool]:
        """Return the verdicts on some scenarios by tests 3 to 5; stops at a failure if one decides."""
        held: list[bool] = []
        for scenario in scenarios:
            known = self._known(context).verdict(design, scenario)
            held.append(self.shortfall(context, design, scenario) is None if known is None else known)
            if not held[-1] and not everything:
                return held + [False] * (len(scenarios) - len(held))
        return held

    def shortfall(self, context: Tensor, design: Floats, scenario: int) -> Routing | None:
        """Return None where a design (L,) carries a scenario of a context (P,), else its routing with least overflow.

        Verdicts are remembered.
        """
        known = self._known(context)
        if known.verdict(design, scenario):
            return None
        demand = context.double().numpy()
        tolerance = TOLERANCE * float(demand.sum()) * float(self.problem.shares[scenario])
        load = self._rerouted(demand, design, scenario, tolerance)
        if load is None:
            routing = self.route(demand, design, scenario)
            if routing.overflow > tolerance:
                known.add(design, scenario, carries=False)
                return routing
            load = routing.load
        used = np.ceil((load - tolerance / len(design)) / self.problem.module)
        known.add(np.minimum(design, used), scenario, carries=True)
        return None

    def _rerouted(self, demand: Floats, design: Floats, scenario: int, tolerance: float) -> Floats | None:
        """Return loads (L,) in the failure of one link that leave all in place but what it carried; None if none do."""
        dead = np.flatnonzero(~self.problem.alive[scenario])
        if len(dead) != 1 or not self._simple:
            return None
        normal = self.route(demand, design, 0)
        if normal.overflow > tolerance:
            return None
        load = normal.load * float(self.problem.shares[scenario])
        return rerouted(self.problem.instance.nodes, self.problem.instance.ends, load, self.problem.module * design,
                        int(dead[0]))

    @cached_property
    def _simple(self) -> bool:
        """Whether no two links join the same nodes."""
        ends = np.sort(self.problem.instance.ends, 1)
        return len(np.unique(ends, axis=0)) == len(ends)

    def _known(self, context: Tensor) -> _Known:
        """Return what is remembered of a context."""
        return self._memory.get(context.float().numpy().tobytes(), _Known)
