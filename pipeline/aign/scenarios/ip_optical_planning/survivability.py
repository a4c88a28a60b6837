"""Which scenarios a design can carry: exact answers, fast enough to explore with.

Four tests, the cheapest first; each is a proof, so the answer never depends on which of them gave it, nor on what was
asked before:
1. cuts: a cut that lacks modules proves that a scenario cannot be carried (closed form, whole batch at once);
2. shortest paths: loads within capacity prove that it can (closed form too);
3. monotonicity: more modules than a design known to carry it carry it as well, fewer than one known to fail fail too
   (stateful checks as in Zhu et al., SIGCOMM 2021, but kept for each context);
4. a linear program, whose loads, rounded up, become the next known design: often far below the one asked about.

Axes: B networks, L links, S scenarios, M known designs.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import highspy
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.solver.instance import TOLERANCE, Floats
from aign.scenarios.ip_optical_planning.solver.routing import Router, Routing

CONTEXTS = 4_096
"""Contexts remembered, the latest asked about."""
KNOWN = 512
"""Designs remembered of each context and verdict."""


@dataclass
class _Known:
    """Designs with one verdict: (M, L) modules and (M,) their scenarios."""

    modules: Floats
    scenario: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, modules: Floats, scenario: int) -> None:
        """Remember one more, the oldest forgotten."""
        self.modules = np.vstack([self.modules, modules])[-KNOWN:]
        self.scenario = np.append(self.scenario, scenario)[-KNOWN:]


class Survivability:
    """Answers for one problem; remembers."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._memory: OrderedDict[bytes, tuple[_Known, _Known]] = OrderedDict()
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
        """Return the verdicts on some scenarios by monotonicity or routing; stops at a failure if one decides."""
        feasible, infeasible = self._known(context)
        demand, held = context.double().numpy(), []
        passed = set(feasible.scenario[(feasible.modules <= design).all(1)].tolist())
        failed = set(infeasible.scenario[(infeasible.modules >= design).all(1)].tolist())
        for scenario in scenarios:
            if scenario not in passed and scenario not in failed:
                (passed if self._routed(demand, design, scenario, feasible, infeasible) else failed).add(scenario)
            held.append(scenario in passed)
            if scenario in failed and not everything:
                return held + [False] * (len(scenarios) - len(held))
        return held

    def _routed(self, demand: Floats, design: Floats, scenario: int, feasible: _Known, infeasible: _Known) -> bool:
        """Ask the linear program and remember its answer."""
        routing = self.route(demand, design, scenario)
        tolerance = TOLERANCE * float(demand.sum()) * float(self.problem.shares[scenario])
        if routing.overflow > tolerance:
            infeasible.add(design, scenario)
            return False
        used = np.ceil((routing.load - tolerance / len(design)) / self.problem.module)
        feasible.add(np.minimum(design, used), scenario)
        return True

    def _known(self, context: Tensor) -> tuple[_Known, _Known]:
        """Return what is remembered of a context."""
        key = context.float().numpy().tobytes()
        if key not in self._memory:
            self._memory[key] = _Known(np.empty((0, self.problem.links))), _Known(np.empty((0, self.problem.links)))
            if len(self._memory) > CONTEXTS:
                self._memory.popitem(last=False)
        self._memory.move_to_end(key)
        return self._memory[key]
