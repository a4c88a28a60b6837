"""What planning in one layer and in two have in common: demands, steps, repair, certificates.

Axes: B networks, P demands, L links or lightpaths whose modules are chosen, S scenarios.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from aign.errors import ParameterError
from aign.scenarios.core import DesignScenario, Feature
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.topology import Topology, load
from aign.scenarios.ip_optical_planning.certificate import Planner
from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.parameters import IpOpticalPlanningParameters
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.repair import Repair
from aign.scenarios.ip_optical_planning.requirements import Requirements
from aign.scenarios.ip_optical_planning.speech import BackboneSpeech
from aign.scenarios.ip_optical_planning.survivability import Survivability
from aign.scenarios.ip_optical_planning.tradeoff import Plan

SCALE, SPREAD = (0.5, 1.5), (0.8, 1.2)
"""Factors on the published demands: one for all of them, and one for each."""
SHOWN_CUTS = 64
"""Cuts whose needs an agent sees, those with the fewest links."""


class BackbonePlanning(BackboneSpeech, DesignScenario[IpOpticalPlanningParameters]):
    """Choose whole modules for the links of a backbone; see `IpOpticalPlanning` and `TwoLayerPlanning`."""

    name: ClassVar[str] = "ip-optical-planning"
    summary: ClassVar[str] = "Capacity modules on a real backbone so that every link failure is survived at least cost"
    purposes = ("plan network", "plan backbone", "design backbone", "backbone", "backbone network")
    certified_together: ClassVar[int] = 1
    Parameters: ClassVar[Any] = IpOpticalPlanningParameters
    published: ClassVar[str] = (
        "The AIGN paper describes this use case in Fig. 2 and prints no numbers for it. NeuroPlan (Zhu et al., SIGCOMM "
        "2021), whose semantics are used here, prints plans up to 17 % cheaper than hand-tuned heuristics, on "
        "production topologies that are not released and with its own second integer-programming stage; on the public "
        "SNDlib topologies here plans are measured against a proven bound, so the two figures are not comparable.")
    horizon = 8
    integer_actions = True
    problem: Problem
    economics: Economics
    channels: int
    """What a fibre route has, of which `optical` says how much is spare: channels, or fibre pairs."""

    def _describe(self, modules: str) -> None:
        """Say what states and observations hold; the values of a state are called `modules`."""
        topology, parameters = self.problem.topology, self.parameters
        cuts, links = min(SHOWN_CUTS, len(self.problem.small_cuts)), self.problem.links
        self.action_size, self.step_size = links, float(max(1, -(-parameters.most_modules // self.horizon)))
        self.context_features = (Feature("demand", "unit", 0.0, 1.8 * float(topology.demand.max()),
                                         len(topology.pairs), "demand of a pair of nodes in either direction"),)
        self.state_features = (Feature(modules, "1", 0.0, float(parameters.most_modules), links),)
        self.observation_features = (*self.state_features,
                                     Feature("shortest_path_load", "8 modules", 0, 100, topology.links),
                                     Feature("needed", "8 modules", 0, 1000, cuts), Feature("time", "1", 0, 1))
        self.presets = {"published": torch.tensor(topology.demand, dtype=torch.float32)}

    @cached_property
    def survivability(self) -> Survivability:
        """Exact answers on what a plan carries; remembers what it was asked."""
        return Survivability(self.problem)

    @cached_property
    def planner(self) -> Planner:
        """Finds certified plans."""
        return Planner(self.economics, self.survivability)

    @cached_property
    def mender(self) -> Repair:
        """Mends plans."""
        return Repair(self.economics, self.survivability)

    # --- contexts --------------------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the published demands times a common factor and one for each, uniform in `SCALE` and `SPREAD`."""
        def factor(bounds: tuple[float, float], size: int) -> Tensor:
            return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, size, generator=generator)
        return self.presets["published"] * factor(SCALE, 1) * factor(SPREAD, len(self.problem.topology.pairs))

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return no modules, or each link's uniform up to twice what shortest paths need."""
        if generator is None:
            return torch.zeros(len(contexts), self.action_size, device=contexts.device)
        share = 2 * torch.rand(len(contexts), self.action_size, generator=generator).to(contexts.device)
        return self.admissible(share * self._on_cpu(self.problem.shortest_path_plan, contexts).float())

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return loads of shortest paths and needs of the smallest cuts, in eights of modules."""
        return self._on_cpu(self._seen, contexts)

    def _seen(self, contexts: Tensor) -> Tensor:
        load = self.problem.loads(contexts).amax(1) / self.problem.module
        needed = self.problem.needed(contexts, self.problem.small_cuts)[:, int(self.problem.failures), :SHOWN_CUTS]
        return (torch.cat([load, needed], dim=1) / 8).float()

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return the observation with modules in eights, so that everything is of order 1; (B, 1, D)."""
        seen = self.observe(contexts, states, time)
        return torch.cat([seen[:, :self.action_size] / 8, seen[:, self.action_size:]], dim=1)[:, None]

    def with_lost(self, lost: Tensor) -> Self:
        """Return this network planned without some links, or lightpaths, besides those that are closed already."""
        other = copy.copy(self)
        closed = {*self.problem.closed, *lost.nonzero()[:, 0].tolist()}
        other.problem = replace(self.problem, closed=tuple(sorted(closed)))
        other.economics = replace(self.economics, problem=other.problem)
        for derived in ("planner", "mender", "heuristics"):
            vars(other).pop(derived, None)
        return other

    # --- designs ---------------------------------------------------------------------------------------------------
    def admissible(self, designs: Tensor) -> Tensor:
        """Return whole modules within 0..most_modules."""
        return designs.round().clamp_min(0).minimum(self.problem.largest.to(designs))

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,); see `economics`."""
        return self._on_cpu(lambda c, x: self.economics.utility(c, x, self.survivability), contexts, designs)

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels, the truth about routing included; see `labels`."""
        contexts, modules = contexts.cpu(), designs.double().cpu()
        carried = self.survivability.carried(contexts, modules).double()
        failures = carried[:, 1:]
        values = {"cost": self.economics.cost(modules), "ip": carried[:, 0],
                  "reliability": failures.sum(1) / failures.shape[1] if failures.shape[1] else carried[:, 0] * 0 + 1,
                  **self._counted(modules)}
        return {label.name: values[label.name].to(designs.device) for label in self.labels}

    @abstractmethod
    def _counted(self, modules: Tensor) -> dict[str, Tensor]:
        """Return the labels of plans (B, L) that are only counted, each (B,)."""

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility of the shortest-path plan: 1, by the unit of utility."""
        return torch.ones(len(contexts), dtype=torch.float64, device=contexts.device)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the bound and plan of the integer problem, one context after the other; see `certificate`."""
        limits, demands = self._limits(constraints), contexts.cpu()
        plans: list[Plan] = []
        for context in demands:
            plans.append(self.planner.best(context, limits))
            self.on_certified(len(plans), len(demands))
        design = self._designs(demands, plans)
        known = torch.tensor([plan.modules is not None for plan in plans])
        feasible = known & satisfied(constraints, self.measure(demands, design), len(design))
        bound = torch.tensor([plan.bound for plan in plans], dtype=torch.float64)
        impossible = bound == -torch.inf
        ignored = f"; it ignores {', '.join(map(str, limits.rest))}" if limits.rest else ""
        device = contexts.device
        return Certificate(bound.where(bound.isfinite(), torch.nan).to(device), design.to(device), feasible.to(device),
                           CertificateKind.UPPER_BOUND, self._statement(plans) + ignored + ".",
                           impossible=impossible.to(device))

    def _statement(self, plans: Sequence[Plan]) -> str:
        others = "gap up to 1 %" if self.problem.traded else "a bound that leaves out what is lost"
        gaps = [plan.gap for plan in plans if plan.gap is not None]
        reached = (f"relative gap in cost {sum(gaps) / len(gaps):.2%} on average and {max(gaps):.2%} at most over the "
                   f"{len(gaps)} survivable plans here" if gaps else "no survivable plan here")
        return ("The bound of a mixed-integer program over cuts and metric inequalities of all scenarios: "
                f"{reached}; {others} where a request admits none")

    def _designs(self, contexts: Tensor, plans: Sequence[Plan]) -> Tensor:
        """Return the plans found (B, L); the shortest-path plan where there is none."""
        spare = self.problem.shortest_path_plan(contexts).minimum(self.problem.largest).float()
        return torch.stack([other if plan.modules is None else torch.tensor(plan.modules, dtype=torch.float32)
                            for plan, other in zip(plans, spare, strict=True)])

    def _limits(self, constraints: Sequence[Constraint]) -> Limits:
        return Limits.of(constraints, self.problem, self.channels)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return whole modules near the given ones that meet the constraints wherever any do; see `requirements`."""
        rounded = self.admissible(designs)
        if constraints:
            meet = Requirements(self.planner, self.mender, self.measure, constraints, self._limits(constraints))
            return self._on_cpu(meet, contexts, rounded).to(designs.dtype)
        if self.parameters.repair:
            return self._on_cpu(self.mender.survivable, contexts, rounded).to(designs.dtype)
        return rounded

    @staticmethod
    def _on_cpu(function: Any, *tensors: Tensor) -> Tensor:
        """Return a function's result on the device of its arguments; it works on the CPU, where the solver is."""
        result: Tensor = function(*(tensor.cpu() for tensor in tensors))
        return result.to(tensors[0].device)


def checked_topology(parameters: IpOpticalPlanningParameters) -> tuple[Topology, tuple[int, ...]]:
    """Return the topology, and the links exempt from failing.

    Raises:
        ParameterError: an unknown topology, or one that a link failure takes apart.
    """
    topology = load(parameters.topology)
    bridges = topology.bridges() if parameters.failures == "links" else []
    if bridges and not parameters.exempt_bridges:
        raise ParameterError(f"Topology {topology.name!r} falls apart when {topology.link_name(bridges[0])} fails, so "
                             "no plan survives every link failure. Choose another topology, failures: none, or "
                             "exempt_bridges: true.")
    return topology, tuple(bridges)
