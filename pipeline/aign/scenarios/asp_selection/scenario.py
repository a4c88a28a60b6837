"""Selection of service providers for AI-generated content (ASP selection) as a sequence of decisions.

Axes: B networks, J providers, T tasks, C = 4 J + 2 T context values, S = J + 1 observed values, K totals,
Z state values, X = T decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.asp_selection.certificate import Certifier
from aign.scenarios.asp_selection.critic import Moment, Tasks, gap_share, mean_worth
from aign.scenarios.asp_selection.labels import LABELS
from aign.scenarios.asp_selection.prices import steady_prices
from aign.scenarios.asp_selection.providers import (
    CURVE_BOUNDS,
    CURVES,
    DEMANDS,
    LEAST_CAPACITY,
    Fleet,
    Workload,
    drawn_fleets,
    drawn_tasks,
)
from aign.scenarios.asp_selection.rules import RULES, Policy, View
from aign.scenarios.asp_selection.simulation import RecentTasks, Schedule, loss
from aign.scenarios.core import Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, tightest
from aign.scenarios.core.forecasting import Forecasting
from aign.scenarios.core.sequential import Rule, SequentialScenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEEDED = (("crashes", True), ("lost_tasks", True), ("finished_rate", False), ("max_occupancy", True))
"""Labels, and whether limits are upper ones, that decisions by forecasts heed."""
SUMS = ("utility", "crashes", "lost_tasks", "max_occupancy")
"""Totals of a whole network; behind them stand those of each provider."""


class AspParameters(ScenarioParameters):
    """Providers J, tasks T, the range of capacities, and which fleet.

    `fleet` is the seed of one fleet, the same in every context, whose utility curves are hidden; or "drawn": every
    context has a fleet of its own, and its curves are observed.
    """

    providers: int = Field(20, ge=2, le=64)
    tasks: int = Field(1000, ge=2, le=4000)
    capacities: Literal["400-900", "400-1500"] = "400-900"
    fleet: int | Literal["drawn"] = 0


class AspSelection(SequentialScenario[AspParameters], Forecasting):
    """Assign tasks of AI-generated content, as they arrive, to service providers; an overloaded provider crashes.

    J providers have limited capacities. T tasks arrive one by one; each occupies its demand of the chosen provider's
    capacity while it runs. Each provider's quality rises with the demand of the task, by a curve that is hidden where
    all contexts share one fleet. The design is the whole sequence of T choices.

    | | |
    |---|---|
    | context | per provider: capacity c_j [1], curve (lower demand, upper demand, height) [1]; |
    | | per task: arrival [s], demand d_i in 100, 110, ..., 250 [1]; C = 4J + 2T values |
    | state | free share of each capacity (J) and demand / 250 of the task to be assigned (0 after the last); behind |
    | | them, not generated: totals, number of tasks assigned, all choices |
    | observation | the state; capacities / largest (J); the curves where each context has its own fleet (3J); t/T |
    | action | J scores; the largest chooses the provider |
    | reward | with room: u_j(d_i), at once; without: the provider crashes, the task and all that run there are lost, |
    | | and the reward is -2 (1 + sum over the interrupted tasks of the share of their runtime left) |
    | start | every provider idle, the first task waiting at time 0 |
    | end | after T choices; one step is one arrival |
    | design | the T choices; utility: the sum of rewards |

    **Equations.** Quality u_j(d) = height_j clip((d - lower_j) / (upper_j - lower_j), 0, 1). Runtime in seconds
    60 (0.001 d^2 + 2.5 d - 14). Arrivals: a Poisson process of 0.001 tasks/s.

    **Labels.** crashes; lost_tasks; finished_rate (share of tasks not lost); max_occupancy (largest share of a capacity
    in use); jain_load (Jain's index of demand x runtime over providers); utility_per_task.

    **Parameters.** providers J (20), tasks T (1000), capacities ("400-900" or "400-1500"), fleet (seed of the one fleet
    of all contexts, or "drawn": one for each context).

    **Certificate.** Upper bound by weak duality of the linear relaxation (fractional assignment, all arrivals known),
    with an allowance for what crashes can gain: it holds under any constraints. Its prices come from HiGHS for small
    networks and from descent on the dual for large ones. The design is the best of several assignments.

    **Rules.** random, round_robin, crash_avoid (most capacity free; also the zero of the normalised return); with the
    curves known: greedy (highest quality, room or not), prophet (highest quality with room), threshold (as prophet,
    but a quarter of the capacity is kept free).

    **Forecasts.** Demands and the times between arrivals are what nature decides. A model's futures of them are judged
    by short rollouts that know the curves, as `prophet` does; limits on crashes, lost tasks and occupancy are heeded,
    others are asked of its plans.

    **Source.** Du et al., Diffusion-based reinforcement learning for edge-enabled AI-generated content services, 2024,
    and the ranges of its published code.
    """

    name = "asp-selection"
    summary = "Assign each arriving task to one of many content providers without overloading any"
    purposes = ("select providers", "select service providers", "choose providers",
                "choose a service provider for each task", "assign tasks", "assign tasks to providers")
    published = (
        "The paper (V.A, Fig. 9) states that learning agents beat overloading avoidance, round-robin and random "
        "choice, with fewer crashes, and come near to an omniscient policy; rewards stand in a figure only, so no "
        "number here can be put beside them. Its text gives capacities of 600 to 1500 and 0.288 requests an hour for "
        "288 hours, which makes 83 tasks and not the 1000 it names; here stand the constants of the published code "
        "(3.6 an hour). Its omniscient policy takes the largest utility with room and is no bound: it is `prophet` "
        "here, some 5 to 7 % below the bound of the linear program.")
    Parameters = AspParameters
    generation = "forecasts"
    exogenous = ("demand",)
    unseen = (Feature("gap_share", "1", 0.0, 1.0),)
    labels = LABELS
    integer_labels = frozenset({"crashes", "lost_tasks"})

    def __init__(self, parameters: AspParameters) -> None:
        super().__init__(parameters)
        size, tasks = parameters.providers, parameters.tasks
        self.size, self.horizon, self.action_size, self.choices = size, tasks, size, size
        self.largest = float(parameters.capacities.split("-")[1])
        self.totals = (*SUMS, *(f"work_{j}" for j in range(size)), *(f"crashed_{j}" for j in range(size)))
        curves = tuple(Feature(name, "1", low, high, size)
                       for name, (low, high) in zip(CURVES, CURVE_BOUNDS, strict=True))
        self.context_features = (Feature("capacity", "1", LEAST_CAPACITY, self.largest, size), *curves,
                                 Feature("arrival", "s", 0.0, 1e4 * tasks, tasks),
                                 Feature("demand", "1", *DEMANDS, tasks))
        self.state_features = (Feature("free_share", "1", 0.0, 1.0, size), Feature("demand", "1/250", 0.0, 1.0))
        curves_observed = tuple(Feature(name, "of largest", 0.0, 1.0, size) for name in CURVES) if self.drawn else ()
        self.observation_features = (*self.state_features, Feature("capacity", "of largest", 0.0, 1.0, size),
                                     *curves_observed, Feature("time", "1", 0.0, 1.0))
        self.rules = {name: self._rule(policy) for name, policy in RULES.items()}
        self.presets = {"first": self.draw_contexts(1, torch.Generator().manual_seed(0))[0]}
        self._certifier = Certifier(size, self._simulate)
        self._priced: tuple[Tensor, Tensor] | None = None

    @property
    def drawn(self) -> bool:
        """Whether every context has a fleet of its own."""
        return self.parameters.fleet == "drawn"

    # --- what nature decides -------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw arrivals and demands, and fleets unless there is one for all."""
        if isinstance(self.parameters.fleet, int):
            common = drawn_fleets(1, self.size, self.largest, torch.Generator().manual_seed(self.parameters.fleet))
            fleet = common.rows().expand(count, -1)
        else:
            fleet = drawn_fleets(count, self.size, self.largest, generator).rows()
        return torch.cat([fleet, *drawn_tasks(count, self.horizon, generator)], dim=1)

    def check_contexts(self, contexts: Tensor) -> Tensor:
        """Return contexts as float32 (B, C) after checking size, finiteness, bounds and the order of arrivals.

        Raises:
            ContextError: naming the first value at fault, with what is allowed.
        """
        contexts = super().check_contexts(contexts)
        early = self.workload(contexts).arrivals.diff(dim=1) < 0
        if bool(early.any()):
            row, place = map(int, early.nonzero()[0])
            raise ContextError(f"Context {row}: arrival[{place + 1}] lies before arrival[{place}]; allowed: times [s] "
                               "that never decrease.")
        return contexts

    def perturbed_contexts(self, contexts: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """Return contexts with other demands and ordered arrivals, and other fleets where each context has its own."""
        moved = super().perturbed_contexts(contexts, scale, generator)
        tasks, fleet = self.workload(moved), (moved if self.drawn else contexts)[:, :4 * self.size]
        return torch.cat([fleet, tasks.arrivals.sort(dim=1).values, tasks.demands], dim=1)

    def workload(self, contexts: Tensor) -> Workload:
        """Return providers and tasks of contexts (B, C)."""
        return Workload.read(contexts, self.size)

    # --- dynamics ------------------------------------------------------------------------------------------------
    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Return all capacity free and the first demand (B, S), and the first totals (B, K)."""
        idle = torch.ones(len(contexts), self.size, dtype=torch.float64, device=contexts.device)
        first = self.workload(contexts).demands[:, :1].double() / DEMANDS[1]
        nothing = idle.new_zeros(len(contexts), len(SUMS) + self.size)
        return torch.cat([idle, first], dim=1), torch.cat([nothing, -idle], dim=1)

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Assign one task in each network; see the class and `SequentialScenario.decide`."""
        workload, place = self.workload(contexts), time[:, None]
        provider = decision.long()
        tasks = RecentTasks.of(workload, past[:, :, 0].scatter(1, place, decision.to(past.dtype)), time + 1)
        sums, work, crashed = totals.double().split([len(SUMS), self.size, self.size], dim=1)
        before = tasks.running(tasks.start[:, 0], crashed, time)
        demand, capacity = tasks.demand[:, :1], workload.fleet.capacity.gather(1, provider)
        needed = before.used(self.size).gather(1, provider) + demand
        fits = needed <= capacity
        interrupted = before.runs & (before.provider == provider) & ~fits
        rewards = torch.where(fits[:, 0], workload.fleet.utility(demand[:, 0]).gather(1, provider)[:, 0],
                              -loss(interrupted, before.left))
        sums = torch.cat([sums[:, :1] + rewards[:, None], sums[:, 1:2] + ~fits,
                          sums[:, 2:3] + ~fits + interrupted.sum(1, keepdim=True),
                          sums[:, 3:].maximum(fits * needed / capacity)], dim=1)
        work = work.scatter_add(1, provider, fits * demand * tasks.duration[:, :1])
        crashed = crashed.scatter(1, provider, torch.where(fits, crashed.gather(1, provider), place.double()))
        return self._observed(workload, tasks, time + 1, crashed), torch.cat([sums, work, crashed], dim=1), rewards

    def _observed(self, workload: Workload, tasks: RecentTasks, count: Tensor, crashed: Tensor) -> Tensor:
        """Return what is observed (B, S) when `count` tasks (B,) were assigned and the next one arrives.

        After the last task the clock stands still, and no capacity is asked for.
        """
        place = count.clamp_max(self.horizon - 1)[:, None]
        busy = tasks.running(workload.arrivals.gather(1, place)[:, 0].double(), crashed, count)
        demand = (count[:, None] < self.horizon) * workload.demands.gather(1, place).double() / DEMANDS[1]
        return torch.cat([1.0 - busy.used(self.size) / workload.fleet.capacity, demand], dim=1)

    # --- forecasts -----------------------------------------------------------------------------------------------
    def unseen_values(self, contexts: Tensor) -> Tensor:
        """Return the time to the next arrival after each task (B, T, 1) as `gap_share`; 0 after the last."""
        arrivals = self.workload(contexts).arrivals.double()
        return gap_share(torch.cat([arrivals, arrivals[:, -1:]], dim=1).diff(dim=1))[:, :, None]

    def judges(self, constraints: Sequence[Constraint]) -> bool:
        """Return whether constraints only limit crashes, lost tasks and occupancy, which rollouts avoid."""
        return all((constraint.label, constraint.upper) in HEEDED for constraint in constraints)

    def judge(self, contexts: Tensor, states: Tensor, futures: Tensor, constraints: Sequence[Constraint]) -> Tensor:
        """Return what each provider (B, J) is worth over futures (B, F, H, 2); see `critic`."""
        time = int(self.parts(states)[2][0])
        coming = self.horizon - 1 - time
        share = max(0.0, tightest(constraints, ("max_occupancy", "<="), 1.0))
        ending = futures.shape[2] >= coming
        tasks = Tasks.read(futures[:, :, :max(1, coming)])
        return mean_worth(self.moment(contexts, states, share), tasks, ending)

    def moment(self, contexts: Tensor, states: Tensor, share: float = 1.0) -> Moment:
        """Return what is known in states (B, Z) when tasks wait, where only a share of a capacity may be used."""
        _, totals, time, past = self.parts(states)
        workload, view = self.workload(contexts), self.view(contexts, states)
        before = RecentTasks.of(workload, past[:, :, 0], time.clamp_min(1))
        now = workload.arrivals.gather(1, time[:, None])[:, 0].double()
        running = before.running(now, totals[:, -self.size:].double(), time)
        room = view.free - (1.0 - share) * view.capacity - (0.0 if share == 1.0 else 1e-6)
        return Moment(workload.fleet, self._prices(workload.fleet), room, view.demand, before.provider, running.demand,
                      (before.start + before.duration - now[:, None]).clamp_min(0.0))

    def _prices(self, fleet: Fleet) -> Tensor:
        """Return the steady prices (B, J) of fleets; those of the last fleets are kept."""
        rows = fleet.rows()
        if self._priced is None or not torch.equal(self._priced[0], rows):
            self._priced = rows, steady_prices(fleet)
        return self._priced[1]

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return the capacities, and the curves where every context has its own, each relative to its largest."""
        fleet = self.workload(contexts).fleet
        curves = [fleet.lower / CURVE_BOUNDS[0][1], fleet.upper / CURVE_BOUNDS[1][1], fleet.height / CURVE_BOUNDS[2][1]]
        return torch.cat([fleet.capacity / self.largest, *(curves if self.drawn else [])], dim=1).float()

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return the observation, and where curves are observed the utility of the task at each provider."""
        observations = super().agent_observations(contexts, states, time)
        if not self.drawn:
            return observations
        return torch.cat([observations, self.view(contexts, states).utility.float()[:, None]], dim=2)

    # --- episodes ------------------------------------------------------------------------------------------------
    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,)."""
        sums, work = totals.double()[:, :len(SUMS)], totals.double()[:, len(SUMS):len(SUMS) + self.size]
        utility, crashes, lost, occupancy = sums.unbind(1)
        fairness = work.sum(1)**2 / (self.size * (work**2).sum(1)).clamp_min(1e-9)
        return utility, {"crashes": crashes, "lost_tasks": lost, "finished_rate": 1.0 - lost / self.horizon,
                         "max_occupancy": occupancy, "jain_load": fairness,
                         "utility_per_task": utility / self.horizon}

    def action_mask(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return who has room for the task to be assigned (B, J): everybody else would crash."""
        return self._free(contexts, observed) >= (observed[:, self.size:].double() * DEMANDS[1]).round(decimals=3)

    def _free(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the capacity not in use (B, J), rounded so that no task is kept out by the last digit of a share."""
        return (observed[:, :self.size].double() * self.workload(contexts).fleet.capacity).round(decimals=3)

    def view(self, contexts: Tensor, states: Tensor) -> View:
        """Return what rules look at in states (B, Z)."""
        observed, _, time, _ = self.parts(states)
        workload, place = self.workload(contexts), time.clamp_max(self.horizon - 1)[:, None]
        demand = workload.demands.gather(1, place)[:, 0].double()
        return View(workload.fleet.capacity, self._free(contexts, observed), demand, workload.fleet.utility(demand),
                    time, workload.arrivals.gather(1, place)[:, 0])

    def _rule(self, policy: Policy) -> Rule:
        return lambda contexts, states: policy(self.view(contexts, states))

    def _simulate(self, policy: Policy, contexts: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        states = self.rollout(self._rule(policy), contexts)
        return self.design_of(states).float(), *self.outcome(contexts, states)

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return the work (demand x runtime) that each provider was assigned."""
        totals = self.parts(self.replay(contexts, designs))[1].double()
        return {"work [s]": totals[:, len(SUMS):len(SUMS) + self.size]}

    def entity_names(self, count: int) -> list[str]:
        """Return "provider 1", "provider 2", ..."""
        return [f"provider {number + 1}" for number in range(count)]

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility (B,) of choosing whoever has most capacity free."""
        return self.outcome(contexts, self.rollout(self.rules["crash_avoid"], contexts))[0]

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the bound of the linear relaxation and the best of several assignments; see `certificate`."""
        return self._certifier.certify(contexts, constraints)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw who ran what and how full each provider was; see `picture`."""
        from aign.scenarios.asp_selection.picture import draw
        return draw(self.schedule(context, path), title)

    def schedule(self, context: Tensor, path: Tensor) -> Schedule:
        """Return what states (t+1, Z), or only their observed part (t+1, S), tell of an episode in one context (C,)."""
        context, path, decisions, crashed = context.cpu(), path.cpu(), None, None
        if path.shape[1] > self.state_size:
            _, totals, time, past = self.parts(path)
            decisions, crashed = past[-1, :int(time[-1]), 0].long(), totals[:, -self.size:]
        return Schedule(self.workload(context[None]), self.largest, path[:, :self.size], decisions, crashed)
