"""How a generator arrives at a design: one plan that ends in it, or an episode decided step by step and planned anew.

`strategy_of` chooses by the scenario, once for each model; nothing else asks how a scenario generates. Light to import:
no diffusers here.

Axes: B plans, C context values, L planned states, S observed state values, X design values, T horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor

from aign.diffusion.conditions import ConditionInput
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.plans import Plans, Sampling
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.forecasting import Forecasting, forecasting_of
from aign.scenarios.core.scenario import Generation, Scenario

QUICK_STEPS = 4
"""Denoising steps of evaluations during training, at most, where each decision of an episode needs a plan."""
QUICK_FUTURES = 16
"""Futures behind a decision in evaluations during training."""

HINDSIGHT = """
## One run, and the best of several

This is a sequential scenario. `diffuser_single` is the model as an online policy: one run, in which each decision
rests on what was observed by then, as with the agents and rules it is compared with. The best of several runs is
hindsight: the simulator, which knows what comes, plays them all and keeps the best, so it says what the model can
propose, not what it earns online.
"""


class Planner(Protocol):
    """What a strategy needs of a model; `DesignModel` is one."""

    @property
    def scenario(self) -> Scenario[Any]:
        """The scenario that designs are made for."""

    @property
    def normaliser(self) -> Normaliser:
        """Between raw units and those of the network."""

    @property
    def stride(self) -> int:
        """Steps between planned states."""

    @property
    def forecasts(self) -> bool:
        """Whether it generates futures of what nature decides."""

    def plan(self, contexts: Tensor, states: Tensor, conditions: ConditionInput, sampling: Sampling,
             generator: torch.Generator | None, project: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return waypoints (B, L+1, S) from the states (B, S) observed now."""

    def forecast(self, states: Tensor, sampling: Sampling, generator: torch.Generator | None) -> Tensor:
        """Return futures (B, F, H, E) of what nature decides from the states (B, S) observed now."""

    def act(self, contexts: Tensor, states: Tensor, next_states: Tensor, action_mask: Tensor | None = None) -> Tensor:
        """Return the actions (B, A) that lead from states (B, S) to the next ones."""


class Strategy(Protocol):
    """How designs are generated and executed, and what follows from that elsewhere.

    Attributes:
        online: whether a design is the record of an episode, in which each decision rests on what was observed by then.
        allows_windows: whether a plan may be shorter than the episode.
        plans_changes: whether the network generates changes from the state observed now, not states.
        scales_returns: whether returns are encoded on the scale of those in the data, and asked for up to the best of
            them: in sequential scenarios no policy may come near the bound that counts as 1, and asking for what no
            data shows leads the network astray.
        hindsight: a paragraph for reports on what the best of several designs says; empty where nothing is to be said.
    """

    online: bool
    allows_windows: bool
    plans_changes: bool
    scales_returns: bool
    hindsight: str

    def evaluation_sampling(self, usual: Sampling, noise_steps: int) -> Sampling:
        """Return how to sample in evaluations during training, of a model with so many noise steps that usually samples
        in the given way.
        """

    def generate(self, planner: Planner, contexts: Tensor, constraints: Sequence[Constraint],
                 conditions: ConditionInput, sampling: Sampling, generator: torch.Generator | None,
                 project: bool) -> Plans:
        """Return one plan a row for checked contexts (B, C); see `DesignModel.__call__`."""

    def execute(self, planner: Planner, contexts: Tensor, plans: Plans) -> tuple[Tensor, Tensor]:
        """Return the states (B, T+1, S) passed in executing plans, and whether (B,) they end exactly at the design."""


class WholePlan:
    """A single plan over the whole episode; its last state is the design."""

    online = allows_windows = plans_changes = scales_returns = False
    hindsight = ""

    def evaluation_sampling(self, usual: Sampling, noise_steps: int) -> Sampling:
        """Return the usual sampling: one plan a context is cheap."""
        return usual

    def generate(self, planner: Planner, contexts: Tensor, constraints: Sequence[Constraint],
                 conditions: ConditionInput, sampling: Sampling, generator: torch.Generator | None,
                 project: bool) -> Plans:
        """Plan in canonical order, and project the last state on the constraints where that is wanted."""
        scenario, normaliser = planner.scenario, planner.normaliser
        ordered, index = scenario.canonical_order(contexts)

        def project_last(clean: Tensor) -> Tensor:
            last = scenario.project(ordered, normaliser.raw_states(clean[:, -1]), constraints)
            return torch.cat([clean[:, :-1], normaliser.states(last)[:, None]], dim=1)

        waypoints = planner.plan(ordered, scenario.initial_state(ordered), conditions, sampling, generator,
                                 project_last if project else None)
        raw = scenario.project(ordered, waypoints[:, -1])
        last = scenario.project(ordered, waypoints[:, -1], constraints) if project else raw
        states = interpolated(torch.cat([waypoints[:, :-1], last[:, None]], dim=1), planner.stride)
        back = index.argsort(dim=1)
        designs = last.gather(1, back)
        return Plans(states.gather(2, back[:, None].expand(states.shape)),
                     raw.gather(1, back) if project else designs, designs, designs)

    def execute(self, planner: Planner, contexts: Tensor, plans: Plans) -> tuple[Tensor, Tensor]:
        """Follow the plans in the simulator, closed loop: at each step the inverse-dynamics head is asked for the
        action that leads from where the network really is to the plan's next state.
        """
        scenario = planner.scenario
        ordered, index = scenario.canonical_order(contexts.to(plans.states.device))
        planned = plans.states.gather(2, index[:, None].expand(plans.states.shape))
        states = [planned[:, 0]]
        for time in range(1, planned.shape[1]):
            states.append(scenario.step(ordered, states[-1], planner.act(ordered, states[-1], planned[:, time]))[0])
        path = torch.stack(states, dim=1)
        path = path.gather(2, index.argsort(dim=1)[:, None].expand(path.shape))
        return path, (scenario.design_of(path[:, -1]) == plans.designs).all(dim=1)


class RecedingHorizon:
    """A model as a policy: plan ahead, take the first action, observe, plan again; the decisions are the design.

    Model-predictive control with a generative model (Janner et al. 2022, section 4; Ajay et al. 2023, algorithm 1).
    Contexts are known to the simulator; the model sees of them what is observed. Nothing is projected: a constraint on
    a whole episode has no closed form.
    """

    online = allows_windows = plans_changes = scales_returns = True
    hindsight = HINDSIGHT

    def evaluation_sampling(self, usual: Sampling, noise_steps: int) -> Sampling:
        """Return sampling in few steps: every decision of every episode needs a plan."""
        most = min(QUICK_STEPS, usual.steps)
        return replace(usual, steps=max(steps for steps in range(1, most + 1) if noise_steps % steps == 0))

    def generate(self, planner: Planner, contexts: Tensor, constraints: Sequence[Constraint],
                 conditions: ConditionInput, sampling: Sampling, generator: torch.Generator | None,
                 project: bool) -> Plans:
        """Act in whole episodes, one a row; each decision rests on what is observed then, and on nothing later."""
        scenario = planner.scenario
        states = scenario.initial_state(contexts)
        observed = [states[:, :scenario.state_size].float()]
        for _ in range(scenario.horizon):
            now = observed[-1]
            plan = planner.plan(contexts, now, conditions, sampling, generator)
            following = plan[:, 0] + (plan[:, 1] - plan[:, 0]) / planner.stride
            mask = scenario.action_mask(contexts, now) if sampling.mask_actions else None
            states, _ = scenario.step(contexts, states, planner.act(contexts, now, following, mask))
            observed.append(states[:, :scenario.state_size].float())
        designs = scenario.design_of(states)
        return Plans(torch.stack(observed, dim=1), designs, designs, states)

    def execute(self, planner: Planner, contexts: Tensor, plans: Plans) -> tuple[Tensor, Tensor]:
        """Return what was observed: the episodes were executed as they were generated."""
        return plans.states, torch.ones(len(plans.states), dtype=torch.bool)


class Forecasts(RecedingHorizon):
    """Generate futures of what nature decides, and take the decision that the scenario's critic finds best over them.

    Every second design is planned where the critic does not heed all constraints: decisions that are good on the whole
    meet some of them, plans that are conditioned on them meet others. All are planned where no futures are wanted, or
    where the model generates none, as those that were trained before their scenario forecast anything.
    """

    def evaluation_sampling(self, usual: Sampling, noise_steps: int) -> Sampling:
        """Return sampling in few steps and few futures: every decision of every episode needs them."""
        return replace(super().evaluation_sampling(usual, noise_steps), futures=min(QUICK_FUTURES, usual.futures))

    def generate(self, planner: Planner, contexts: Tensor, constraints: Sequence[Constraint],
                 conditions: ConditionInput, sampling: Sampling, generator: torch.Generator | None,
                 project: bool) -> Plans:
        """Act in whole episodes, one a row; what is asked for by `conditions` beside constraints counts in plans only.

        As constraints need not hold in every row where nothing is projected, plans decide there too.
        """
        nature = forecasting_of(planner.scenario)
        if nature is None or not planner.forecasts or sampling.futures == 0 or (constraints and not project):
            return super().generate(planner, contexts, constraints, conditions, sampling, generator, project)
        heeded = [constraint for constraint in constraints if nature.judges([constraint])]
        if len(heeded) == len(constraints) or len(contexts) == 1:
            return self._judged(planner, nature, contexts, heeded, sampling, generator)
        forecast = self._judged(planner, nature, contexts[::2], heeded, sampling, generator)
        planned = super().generate(planner, contexts[1::2], constraints,
                                   ConditionInput(*(part[1::2] for part in conditions)), sampling, generator, project)
        order = torch.cat([torch.arange(len(contexts))[start::2] for start in (0, 1)]).argsort()
        states, designs, final = (torch.cat(parts)[order] for parts in (
            (forecast.states, planned.states), (forecast.designs, planned.designs), (forecast.final, planned.final)))
        return Plans(states, designs, designs, final)

    def _judged(self, planner: Planner, nature: Forecasting, contexts: Tensor, constraints: Sequence[Constraint],
                sampling: Sampling, generator: torch.Generator | None) -> Plans:
        """Act by the critic alone, which heeds all of these constraints."""
        scenario = planner.scenario
        states = scenario.initial_state(contexts)
        observed = [states[:, :scenario.state_size].float()]
        for _ in range(scenario.horizon):
            futures = planner.forecast(observed[-1], sampling, generator)
            states, _ = scenario.step(contexts, states, nature.judge(contexts, states, futures, constraints))
            observed.append(states[:, :scenario.state_size].float())
        designs = scenario.design_of(states)
        return Plans(torch.stack(observed, dim=1), designs, designs, states)


STRATEGIES: Mapping[Generation, Strategy] = {"whole-plan": WholePlan(), "receding-horizon": RecedingHorizon(),
                                             "forecasts": Forecasts()}


def strategy_of(scenario: Scenario[Any]) -> Strategy:
    """Return the strategy by which designs of a scenario are generated."""
    return STRATEGIES[scenario.generation]


def interpolated(waypoints: Tensor, stride: int) -> Tensor:
    """Fill in the states between waypoints (B, L+1, S) linearly; returns (B, L*stride + 1, S)."""
    share = torch.arange(stride, device=waypoints.device)[None, None, :, None] / stride
    between = waypoints[:, :-1, None] * (1 - share) + waypoints[:, 1:, None] * share
    return torch.cat([between.flatten(1, 2), waypoints[:, -1:]], dim=1)
