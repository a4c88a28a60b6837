"""A trained Decision Diffuser: from contexts, wanted returns and constraints to plans. Light to open: no diffusers.

Axes: B plans, C context values, L planned states, S state values, A action values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor, nn

from aign.diffusion import fit, opening, schedulers, set_network
from aign.diffusion.conditions import ConditionInput, Conditions
from aign.diffusion.denoising import denoise
from aign.diffusion.forecasting import ForecastingUNet, scale, unconditioned
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.plans import Plans, Sampling
from aign.diffusion.strategies import Strategy, strategy_of
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.forecasting import forecasting_of
from aign.scenarios.core.scenario import Scenario


class DesignModel:
    """A trained model with all it needs: networks, forward process, scenario, normaliser, conditions.

    `aign.diffusion.store.load` opens one. `aign.diffusion.pipeline.DesignPipeline` is the same as a pipeline of
    diffusers, in which the scheduler can be exchanged.

    Attributes:
        unet: the denoiser, a `TemporalUNet`, a `SetDenoiser` or a `ForecastingUNet`.
        inverse: the inverse-dynamics head, an `InverseDynamics`, a `SharedInverseDynamics` or a `ChoiceDynamics`.
        schedule: the forward process the denoiser was trained with.
        design: JSON values: scenario, horizon, stride, normaliser, conditions, settings, provenance.
    """

    def __init__(self, unet: nn.Module, inverse: nn.Module, schedule: NoiseSchedule, design: Mapping[str, Any]) -> None:
        self.unet: Any = unet
        self.inverse: Any = inverse
        self.schedule, self.design = schedule, dict(design)

    @property
    def device(self) -> torch.device:
        """Where the networks lie."""
        where: torch.device = next(self.unet.parameters()).device
        return where

    def to(self, target: torch.device | torch.dtype) -> Self:
        """Move the networks to a device, or let them compute in another precision; returns this model."""
        self.unet.to(target), self.inverse.to(target)
        return self

    @cached_property
    def scenario(self) -> Scenario[Any]:
        """The scenario the model was trained on."""
        return registry.create(**self.design["scenario"])

    @cached_property
    def normaliser(self) -> Normaliser:
        """The normaliser of the training data."""
        return Normaliser(**self.design["normaliser"])

    @cached_property
    def conditions(self) -> Conditions:
        """Names and statistics of the conditions."""
        return Conditions.from_json(self.design["conditions"])

    @cached_property
    def strategy(self) -> Strategy:
        """How this model arrives at designs."""
        return strategy_of(self.scenario)

    @cached_property
    def sampling(self) -> Sampling:
        """How this model denoises unless a request says otherwise; see `TrainSettings.denoising`."""
        return Sampling(**self.design.get("settings", {}).get("denoising", {}))

    @property
    def stride(self) -> int:
        """Steps between planned states."""
        return int(self.design["stride"])

    @property
    def forecasts(self) -> bool:
        """Whether this model generates futures of what nature decides."""
        return isinstance(self.unet, ForecastingUNet)

    @property
    def usual_scheduler(self) -> Any:
        """What denoises unless a request says otherwise: the name of a scheduler, or one of diffusers."""
        return schedulers.DEFAULT

    def at(self, scenario: Scenario[Any]) -> Self:
        """Return this model for another scenario of its family, such as another number of decision makers.

        Raises:
            ParameterError: the model is not of the set kind, or the scenario is of another family.
        """
        trained = self.scenario
        if not isinstance(self.unet, set_network.SetDenoiser):
            raise ParameterError(f"A temporal model of {trained.spec()} serves no other scenario. Train one with "
                                 "train.network.kind: set.")
        layouts = [(member.name, member.horizon, [label.name for label in member.labels],
                    fit.entity_widths(member, member.state_features), fit.entity_widths(member, member.fixed_features))
                   for member in (trained, scenario)]
        if layouts[0] != layouts[1]:
            raise ParameterError(f"The model was trained on {trained.spec()}, which differs from {scenario.spec()} in "
                                 "more than the number of decision makers.")
        normaliser = self.normaliser.at(trained, scenario).to_json()
        return self.like({**self.design, "scenario": scenario.spec(), "normaliser": normaliser})

    def like(self, design: Mapping[str, Any]) -> Self:
        """Return this model with another description of its scenario, normaliser and conditions."""
        return type(self)(self.unet, self.inverse, self.schedule, design)

    @torch.no_grad()
    def __call__(self, contexts: Tensor, returns: Tensor, constraints: Sequence[Constraint] = (),
                 condition_mask: Tensor | None = None, sampling: Sampling | None = None,
                 generator: torch.Generator | None = None, margins: Tensor | None = None,
                 project: bool = True) -> Plans:
        """Generate one plan a row, by the scenario's strategy.

        Args:
            contexts: (B, C), entities in any order.
            returns: (B,) wanted normalised returns; NaN hides the return from the network.
            constraints: what every design has to meet; those with a closed form are enforced by projection. Without
                it they may be those of many requests, of which `condition_mask` gives each row its own.
            condition_mask: (B, number of constraints) bool, those the network is conditioned on; all where None.
            sampling: how to denoise; as the model is used best where None.
            generator: on this model's device; makes the plans reproducible.
            margins: (B,) how much tighter than a threshold the network is asked for, in scores of the label.
            project: False returns designs as the network makes them, only made admissible.

        Raises:
            ContextError: a context the scenario does not have.
            ParameterError: a scheduler that is unknown or does not suit the model, a wrong number of steps, or networks
                in a precision that nothing can be computed in.
        """
        contexts = self.scenario.check_contexts(contexts).to(self.device)
        conditions = self.conditions.request(returns.to(self.device), constraints, condition_mask, margins)
        return self.strategy.generate(self, contexts, constraints, conditions, sampling or self.sampling,
                                      generator, project)

    @torch.no_grad()
    def plan(self, contexts: Tensor, states: Tensor, conditions: ConditionInput, sampling: Sampling,
             generator: torch.Generator | None = None, project: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return waypoints (B, L+1, S) from what is observed now, in raw units; the first are the states given.

        Contexts (B, C) are checked, in canonical order and on this model's device; states (B, S) are those observed
        now; `project` is what `Sampling.projected_steps` does to normalised waypoints (B, L, S), nothing where None.
        """
        normaliser, first = self.normaliser, self.normaliser.states(states)
        known = torch.cat([normaliser.fixed(self.scenario.fixed_observation(contexts)), first], dim=1)
        shape = (len(contexts), self.design["horizon"] // self.stride, self.scenario.state_size)
        noise = torch.randn(shape, generator=generator, device=self.device) * sampling.temperature
        clean = denoise(self.unet, self._scheduler(sampling), self.schedule, noise, known, conditions, sampling,
                        generator, project)
        return torch.cat([states[:, None].float(), normaliser.raw_states(normaliser.planned(clean, first))], dim=1)

    @torch.no_grad()
    def forecast(self, states: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
        """Return futures (B, F, H, E) of what nature decides, in raw units, from the states (B, S) observed now.

        F is `sampling.futures`, H the steps of a future. Futures are as likely as they are: the noise has its full
        spread whatever the temperature.

        Raises:
            ParameterError: the model forecasts nothing.
        """
        unet, scenario = self.unet, forecasting_of(self.scenario)
        if not isinstance(unet, ForecastingUNet) or scenario is None:
            raise ParameterError(f"This model of {self.scenario.name} forecasts nothing; only those trained for "
                                 "scenarios with the generation forecasts do.")
        first = self.normaliser.states(states).repeat_interleave(sampling.futures, dim=0)
        begin, nature = unet.begin(first), scale(self.normaliser, scenario)
        steps = self.design.get("futures", self.design["horizon"])
        noise = torch.randn((len(first), steps, begin.shape[1]), generator=generator, device=self.device)
        clean = denoise(unet.futures, self._scheduler(sampling), self.schedule, noise, unet.known(first),
                        unconditioned(len(first), first), sampling, generator, None)
        futures: Tensor = nature.raw_states(nature.planned(clean, begin)).unflatten(0, (len(states), sampling.futures))
        return futures

    def _scheduler(self, sampling: Sampling) -> Any:
        chosen = sampling.scheduler or self.usual_scheduler
        return schedulers.build(chosen, self.schedule, sampling.steps, self.device)

    @torch.no_grad()
    def act(self, contexts: Tensor, states: Tensor, next_states: Tensor, action_mask: Tensor | None = None) -> Tensor:
        """Return the actions (B, A) that lead from raw states (B, S) to the next ones, entities in canonical order.

        A choice is made among those that the mask (B, A) allows; among all where it is None or allows none.
        """
        fixed = self.normaliser.fixed(self.scenario.fixed_observation(contexts))
        parts = self.normaliser.states(states), self.normaliser.states(next_states), fixed
        transition = [part.to(opening.precision(self.inverse)) for part in parts]
        if action_mask is None:
            actions: Tensor = self.inverse(*transition)
            return actions.float()
        allowed = action_mask | ~action_mask.any(dim=1, keepdim=True)
        scores: Tensor = self.inverse.scores(*transition).float().masked_fill(~allowed, -torch.inf)
        return nn.functional.one_hot(scores.argmax(dim=1), scores.shape[1]).to(states.dtype)
