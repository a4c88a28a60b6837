"""IP-over-optical network planning (AIGN paper, use case 2 and Fig. 2; semantics after Zhu et al., SIGCOMM 2021).

The papers publish neither topologies nor modules nor prices. Topologies and demands here are those of SNDlib; modules,
load limit and spectrum are proposals.

Axes: B networks, P demands, L links, n nodes, S scenarios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from aign.errors import ParameterError
from aign.scenarios.core import DesignScenario, Feature, Heuristic, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label, satisfied
from aign.scenarios.ip_optical_planning.certificate import Plan, Planner
from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.heuristics import Rules
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.repair import Repair
from aign.scenarios.ip_optical_planning.requirements import Requirements
from aign.scenarios.ip_optical_planning.single_layer import unit_of
from aign.scenarios.ip_optical_planning.survivability import Survivability
from aign.scenarios.ip_optical_planning.topology import Topology, load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCALE, SPREAD = (0.5, 1.5), (0.8, 1.2)
"""Factors on the published demands: one for all of them, and one for each."""
SHOWN_CUTS = 64
"""Cuts whose needs an agent sees, those with the fewest links."""

LABELS = (
    Label("cost", "km*unit", "lower", "Price of all modules and lit fibres.",
          ("cost", "total cost", "price", "spend", "spending", "cheap")),
    Label("ip", "1", "higher", "IP layer: 1 where all demands can be routed while all links work, else 0.",
          ("IP layer", "demands routed", "all demands routed>=1", "all traffic routed>=1", "every demand routed>=1")),
    Label("optical", "channel", "higher", "Optical layer: spare channels of the fullest fibre; below 0 it overflows.",
          ("spare channels on the fullest fibre", "spare channels", "spare channels on every fibre", "optical layer",
           "not overflow>=0", "no overflow>=0")),
    Label("reliability", "1", "higher", "Share of the link failures in which all protected demands can be routed.",
          ("reliability", "reliable", "lambda>=?", "reliability lambda>=?", "link failures survived", "link failures",
           "survive link failures", "survive", "N-1 secure>=1", "N-1 reliable>=1", "N-1>=1",
           "survive every link failure>=1", "survive any link failure>=1", "survive each link failure>=1",
           "survive all link failures>=1", "survive any single link failure>=1", "survive every single link failure>=1",
           "survive each single link failure>=1", "survive a single link failure>=1", "all link failures survived>=1",
           "every link failure survived>=1", "any link failure survived>=1",
           "all traffic routed when a link fails>=1"), (("%", 0.01),)),
    Label("links_used", "1", "lower", "Links with at least one module.",
          ("links used", "used links", "links in use", "links")),
    Label("max_modules", "1", "lower", "Modules, that is channels, on the fullest fibre.",
          ("modules on the fullest fibre", "modules on any fibre", "modules per fibre", "modules per link",
           "modules on each fibre", "modules on every fibre", "modules", "fibre<=", "any fibre<=", "each fibre<=")),
)


class IpOpticalPlanningParameters(ScenarioParameters):
    """Parameters of a planning variant."""

    topology: str = "polska"
    """A network of SNDlib with up to forty nodes."""
    unit: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Capacity of a module, in the unit of the demands. None: 622 for polska, 40 for nobel-germany, 400 for nobel-us,
    otherwise a sixteenth of the total demand."""
    load_factor: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of a module's capacity that may be filled."""
    most_modules: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Modules a link can have."""
    failures: Literal["links", "none"] = "links"
    """Whether every single link may fail."""
    protected: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of each demand that must survive a failure."""
    spectrum: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Channels of a fibre; each module takes one. Physical fibres carry 80 or more; so few make requests bind."""
    fibre_cost: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    """Cost of lighting a fibre at all [km x units]."""


class IpOpticalPlanning(DesignScenario[IpOpticalPlanningParameters]):
    """Choose whole capacity modules for each of L links of a backbone, so that demands survive every link failure.

    | observation | meaning | low | high | unit |
    |---|---|---|---|---|
    | 0..L-1 | modules of link l | 0 | most_modules | 1 |
    | L..2L-1 | load of link l under shortest paths, worst scenario, over 8 modules | 0 | 100 | 8 modules |
    | next min(K, 64) | modules needed across a cut (under failure), over 8 | 0 | 1000 | 8 modules |
    | last | time t/T | 0 | 1 | 1 |

    Action l in [-1, 1] changes link l's modules by round(most_modules/8 a_l), within 0..most_modules. Reward: gain in
    utility; see `economics` for the utility: 2 less cost, in units of the shortest-path plan, where everything
    survives, and less what fails otherwise. Start: no modules. Episodes end after T = 8 steps. Context: the demand of
    each pair of nodes, the same in both directions; SNDlib's times U(0.5, 1.5), each times U(0.8, 1.2).

    Routing may split flows freely (multi-commodity flow). IP links and fibres coincide. Unconstrained, any admissible
    plan is an answer, and one that does not survive is worth little; the request for a network that certainly
    survives is `reliability>=1` and `ip>=1`, and `project` then mends every plan.
    """

    name: ClassVar[str] = "ip-optical-planning"
    summary: ClassVar[str] = "Capacity modules on a real backbone so that every link failure is survived at least cost"
    Parameters: ClassVar[Any] = IpOpticalPlanningParameters
    published: ClassVar[str] = (
        "The AIGN paper describes this use case in Fig. 2 and prints no numbers for it. NeuroPlan (Zhu et al., SIGCOMM "
        "2021), whose semantics are used here, prints plans up to 17 % cheaper than hand-tuned heuristics, on "
        "production topologies that are not released and with its own second integer-programming stage; on the public "
        "SNDlib topologies here plans are measured against the optimum, so the two figures are not comparable.")

    horizon = 8
    integer_actions = True
    labels = LABELS
    integer_labels = frozenset({"ip", "optical", "links_used", "max_modules"})

    def __init__(self, parameters: IpOpticalPlanningParameters) -> None:
        super().__init__(parameters)
        self.topology = _checked(parameters)
        unit = parameters.unit or unit_of(self.topology)
        self.problem = Problem(self.topology, unit * parameters.load_factor, parameters.failures == "links",
                               parameters.protected, parameters.most_modules)
        self.economics = Economics(self.problem, unit, parameters.fibre_cost)
        links, cuts = self.topology.links, min(SHOWN_CUTS, len(self.problem.cuts))
        self.action_size, self.step_size = links, float(max(1, -(-parameters.most_modules // self.horizon)))
        largest = 1.8 * float(self.topology.demand.max())
        self.context_features = (Feature("demand", "unit", 0.0, largest, len(self.topology.pairs),
                                         "demand of a pair of nodes in either direction"),)
        self.state_features = (Feature("modules", "1", 0.0, float(parameters.most_modules), links),)
        self.observation_features = (*self.state_features, Feature("shortest_path_load", "8 modules", 0, 100, links),
                                     Feature("needed", "8 modules", 0, 1000, cuts), Feature("time", "1", 0, 1))
        self.presets = {"published": torch.tensor(self.topology.demand, dtype=torch.float32)}

    @cached_property
    def survivability(self) -> Survivability:
        """Exact answers on what a plan carries; remembers what it was asked."""
        return Survivability(self.problem)

    @cached_property
    def planner(self) -> Planner:
        """Finds certified plans."""
        return Planner(self.economics, self.survivability)

    @cached_property
    def repair(self) -> Repair:
        """Mends plans."""
        return Repair(self.economics, self.survivability)

    @cached_property
    def heuristics(self) -> Mapping[str, Heuristic]:  # type: ignore[override]
        """Baselines by name."""
        rules = Rules(self.economics, self.repair)
        return {"shortest_path": rules.shortest_path, "reverse_delete": rules.reverse_delete,
                "round_up": rules.round_up}

    # --- contexts --------------------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the published demands times a common factor and one for each, uniform in `SCALE` and `SPREAD`."""
        def factor(bounds: tuple[float, float], size: int) -> Tensor:
            return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, size, generator=generator)
        return self.presets["published"] * factor(SCALE, 1) * factor(SPREAD, len(self.topology.pairs))

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
        needed = self.problem.needed(contexts)[:, int(self.problem.failures), :SHOWN_CUTS]
        return (torch.cat([load, needed], dim=1) / 8).float()

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return the observation with modules in eights, so that everything is of order 1; (B, 1, D)."""
        seen = self.observe(contexts, states, time)
        return torch.cat([seen[:, :self.action_size] / 8, seen[:, self.action_size:]], dim=1)[:, None]

    # --- designs ---------------------------------------------------------------------------------------------------
    def admissible(self, designs: Tensor) -> Tensor:
        """Return whole modules within 0..most_modules."""
        return designs.round().clamp(0, self.parameters.most_modules)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,); see `economics`."""
        return self._on_cpu(lambda c, x: self.economics.utility(c, x, self.survivability), contexts, designs)

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels, the truth about routing included; see `LABELS`."""
        contexts, modules = contexts.cpu(), designs.double().cpu()
        carried = self.survivability.carried(contexts, modules).double()
        fullest, failures = modules.amax(1), carried[:, 1:]
        values = {"cost": self.economics.cost(modules), "ip": carried[:, 0],
                  "optical": self.parameters.spectrum - fullest,
                  "reliability": failures.sum(1) / failures.shape[1] if failures.shape[1] else carried[:, 0] * 0 + 1,
                  "links_used": (modules > 0).sum(1).double(), "max_modules": fullest}
        return {name: value.to(designs.device) for name, value in values.items()}

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each link's modules, and the modules shortest paths would need on it."""
        return {"modules [1]": designs.double(),
                "shortest-path load [modules]": 8 * self.fixed_observation(contexts)[:, :self.action_size].double()}

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility of the shortest-path plan: 1, by the unit of utility."""
        return torch.ones(len(contexts), dtype=torch.float64, device=contexts.device)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum of the integer problem, one context after the other; see `certificate`."""
        limits, demands = self._limits(constraints), contexts.cpu()
        plans = [self.planner.best(context, limits) for context in demands]
        design = self._designs(demands, plans)
        known = torch.tensor([plan.modules is not None for plan in plans])
        feasible = known & satisfied(constraints, self.measure(demands, design), len(design))
        bound = torch.tensor([plan.bound for plan in plans], dtype=torch.float64)
        impossible = bound == -torch.inf
        ignored = f"; it ignores {', '.join(map(str, limits.rest))}" if limits.rest else ""
        device = contexts.device
        return Certificate(bound.where(bound.isfinite(), torch.nan).to(device), design.to(device), feasible.to(device),
                           CertificateKind.UPPER_BOUND, self._statement() + ignored + ".",
                           impossible=impossible.to(device))

    def _statement(self) -> str:
        return ("The bound of a mixed-integer program over cuts and metric inequalities of all scenarios: relative gap "
                f"{self.planner.gap:g} for survivable plans, 1 % where a request admits none")

    def _designs(self, contexts: Tensor, plans: Sequence[Plan]) -> Tensor:
        """Return the plans found (B, L); the shortest-path plan where there is none."""
        spare = self.heuristics["shortest_path"](contexts).float()
        return torch.stack([other if plan.modules is None else torch.tensor(plan.modules, dtype=torch.float32)
                            for plan, other in zip(plans, spare, strict=True)])

    def _limits(self, constraints: Sequence[Constraint]) -> Limits:
        return Limits.of(constraints, self.problem, self.parameters.spectrum)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return whole modules near the given ones that meet the constraints wherever any do; see `requirements`."""
        rounded = self.admissible(designs)
        if not constraints:
            return rounded
        meet = Requirements(self.planner, self.repair, self.measure, constraints, self._limits(constraints))
        return self._on_cpu(meet, contexts, rounded).to(designs.dtype)

    @staticmethod
    def _on_cpu(function: Any, *tensors: Tensor) -> Tensor:
        """Return a function's result on the device of its arguments; it works on the CPU, where the solver is."""
        result: Tensor = function(*(tensor.cpu() for tensor in tensors))
        return result.to(tensors[0].device)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the map: width is modules, colour worst-case utilisation, dashed links are not lit."""
        from aign.scenarios.ip_optical_planning.picture import draw
        return draw(self.problem, self.survivability, context.cpu(), path.cpu(), title)


def _checked(parameters: IpOpticalPlanningParameters) -> Topology:
    """Return the topology.

    Raises:
        ParameterError: an unknown topology, or one that a link failure takes apart.
    """
    topology = load(parameters.topology)
    bridges = topology.bridges() if parameters.failures == "links" else []
    if bridges:
        raise ParameterError(f"Topology {topology.name!r} falls apart when {topology.link_name(bridges[0])} fails, so "
                             "no plan survives every link failure. Choose another topology, or failures: none.")
    return topology
