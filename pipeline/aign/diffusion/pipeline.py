"""The design pipeline: from contexts, wanted returns and constraints to designs.

Axes: B plans, C context values, L planned states, S state values, A action values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, DiffusionPipeline
from torch import Tensor, nn

from aign.diffusion import fit, opening, schedulers, set_network
from aign.diffusion.conditions import ConditionInput, Conditions
from aign.diffusion.denoising import denoise
from aign.diffusion.forecasting import ForecastingUNet, unconditioned
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.plans import Plans, Sampling
from aign.diffusion.strategies import Strategy, interpolated, strategy_of
from aign.errors import ParameterError
from aign.files import manifest
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario
from aign.trust import Trust


class DesignPipeline(DiffusionPipeline):
    """A trained Decision Diffuser with all it needs: network, inverse dynamics, schedule, scenario, normaliser.

    `DesignPipeline.from_pretrained(folder)` opens a model folder without network access and without pickle, and imports
    no code that the folder names. As in diffusers, `pipeline.scheduler = ...` chooses how plans are denoised, and
    `torch_dtype` or `.to(dtype)` what the networks compute in; everything around them is float32.

    Args:
        unet: the denoiser, a `TemporalUNet`, a `SetDenoiser`, or a `ForecastingUNet`.
        inverse: the inverse-dynamics head, an `InverseDynamics`, a `SharedInverseDynamics` or a `ChoiceDynamics`.
        scheduler: the forward process the denoiser was trained with.
        design: JSON values: scenario, horizon, stride, normaliser, conditions, provenance.

    Attributes:
        trained_with: the forward process the denoiser was trained with, whatever scheduler was put in since.
    """

    def __init__(self, unet: nn.Module, inverse: nn.Module, scheduler: DDPMScheduler,
                 design: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.register_modules(unet=unet, inverse=inverse, scheduler=scheduler)
        # One put in before, as `from_pipe` hands it on, is no forward process; its noise schedule is the trained one's.
        self.trained_with: DDPMScheduler = scheduler if isinstance(scheduler, DDPMScheduler) else \
            DDPMScheduler.from_config(scheduler.config)
        self.register_to_config(design=design or {})

    @classmethod
    def from_pretrained(cls, folder: str | Path, trust_code: Trust = False, **options: Any) -> DesignPipeline:
        """Open a model folder; weights that are not safetensors are refused, where diffusers would unpickle them.

        Args:
            folder: of a model on this machine; nothing is fetched by a name.
            trust_code: True where the code that the model's scenario names, such as the module of somebody's
                environment, may be imported; or the one scenario whose code is trusted, by its specification.
            options: of diffusers: torch_dtype, scheduler, unet, inverse, low_cpu_mem_usage. Others are refused.

        Raises:
            ModelError: no such folder, or it names or holds code that is not ours.
            TrustError: its scenario names code that is not trusted.
            ParameterError: an option that has no effect here.
            OSError: a file is missing, or the weights are in another format.
        """
        folder, kinds, scheduler = Path(folder), opening.precisions(options), options.pop("scheduler", None)
        opening.check_options(options)
        opening.check_index(folder)
        opening.check_code(folder, trust_code)
        always = {"use_safetensors": True, "local_files_only": True}
        opened: DesignPipeline = super().from_pretrained(folder, **{"low_cpu_mem_usage": False, **options, **always})
        for name, kind in kinds.items():
            nn.Module.to(getattr(opened, name), kind)  # diffusers' own warns of parts kept in float32: there are none
        if scheduler is not None:
            opened.scheduler = scheduler
        return opened

    def save_pretrained(self, save_directory: str | Path, safe_serialization: bool = True, **options: Any) -> None:
        """Write a model folder with its manifest, which `store.load` and `aign design --model` open.

        Raises:
            ParameterError: an option of diffusers that has no effect here, or a scheduler that was put in: a folder
                keeps the one that the model was trained with.
        """
        opening.check_saving({**options, **({} if safe_serialization else {"safe_serialization": "False"})})
        if self.scheduler is not self.trained_with:
            raise ParameterError(f"save_pretrained: {type(self.scheduler).__name__} was put in as pipeline.scheduler, "
                                 "and a model folder keeps the one that the model was trained with. Put that back "
                                 "first (pipeline.scheduler = pipeline.trained_with), and name the other where you "
                                 "sample.")
        super().save_pretrained(save_directory, safe_serialization=True)
        manifest.build(Path(save_directory))

    @cached_property
    def scenario(self) -> Scenario[Any]:
        """The scenario the model was trained on."""
        return registry.create(**self.config.design["scenario"])

    @cached_property
    def normaliser(self) -> Normaliser:
        """The normaliser of the training data."""
        return Normaliser(**self.config.design["normaliser"])

    @cached_property
    def conditions(self) -> Conditions:
        """Names and statistics of the conditions."""
        return Conditions.from_json(self.config.design["conditions"])

    @cached_property
    def strategy(self) -> Strategy:
        """How this model arrives at designs."""
        return strategy_of(self.scenario)

    @property
    def stride(self) -> int:
        """Steps between planned states."""
        return int(self.config.design["stride"])

    def at(self, scenario: Scenario[Any]) -> DesignPipeline:
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
        return self.like({**self.config.design, "scenario": scenario.spec(), "normaliser": normaliser})

    def like(self, design: dict[str, Any]) -> DesignPipeline:
        """Return this model with another description of its scenario, normaliser and conditions."""
        other = DesignPipeline(self.unet, self.inverse, self.trained_with, design)
        other.scheduler = self.scheduler
        other.set_progress_bar_config(disable=True)
        return other

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
            sampling: how to denoise.
            generator: on this pipeline's device; makes the plans reproducible.
            margins: (B,) how much tighter than a threshold the network is asked for, in scores of the label.
            project: False returns designs as the network makes them, only made admissible.

        Raises:
            ContextError: a context the scenario does not have.
            ParameterError: a scheduler that is unknown or does not suit the model, a wrong number of steps, or networks
                in a precision that nothing can be computed in.
        """
        contexts = self.scenario.check_contexts(contexts).to(self.device)
        conditions = self.conditions.request(returns.to(self.device), constraints, condition_mask, margins)
        return self.strategy.generate(self, contexts, constraints, conditions, sampling or Sampling(), generator,
                                      project)

    @torch.no_grad()
    def plan(self, contexts: Tensor, states: Tensor, conditions: ConditionInput, sampling: Sampling,
             generator: torch.Generator | None = None, project: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return waypoints (B, L+1, S) from what is observed now, in raw units; the first are the states given.

        Contexts (B, C) are checked, in canonical order and on this pipeline's device; states (B, S) are those observed
        now; `project` is what `Sampling.projected_steps` does to normalised waypoints (B, L, S), nothing where None.
        """
        normaliser, first = self.normaliser, self.normaliser.states(states)
        known = torch.cat([normaliser.fixed(self.scenario.fixed_observation(contexts)), first], dim=1)
        shape = (len(contexts), self.config.design["horizon"] // self.stride, self.scenario.state_size)
        noise = torch.randn(shape, generator=generator, device=self.device) * sampling.temperature
        scheduler = self._sampler(sampling)
        clean = denoise(self.unet, scheduler, self.trained_with, noise, known, conditions, sampling, generator, project)
        return torch.cat([states[:, None].float(), normaliser.raw_states(normaliser.planned(clean, first))], dim=1)

    @torch.no_grad()
    def forecast(self, states: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
        """Return futures (B, F, H, E) of what nature decides, in raw units, from the states (B, S) observed now.

        F is `sampling.futures`, H the steps of a plan. Futures are drawn as likely as they are: the noise has its full
        spread whatever the temperature.

        Raises:
            ParameterError: the model forecasts nothing.
        """
        unet = self.unet
        if not isinstance(unet, ForecastingUNet):
            raise ParameterError(f"A model of {self.scenario.name} forecasts nothing; only those of scenarios with the "
                                 "generation forecasts do.")
        first = self.normaliser.states(states).repeat_interleave(sampling.futures, dim=0)
        steps, size = self.config.design["horizon"] // self.stride, len(unet.config.series)
        noise = torch.randn((len(first), steps, size), generator=generator, device=self.device)
        clean = denoise(unet.futures, self._sampler(sampling), self.trained_with, noise, unet.known(first),
                        unconditioned(len(first), first), sampling, generator, None)
        plans = torch.zeros(len(first), steps, first.shape[1], device=self.device)
        plans[:, :, list(unet.config.series)] = clean
        planned = torch.cat([first[:, None], self.normaliser.planned(plans, first)], dim=1)
        following = interpolated(self.normaliser.raw_states(planned), self.stride)[:, 1:]
        futures: Tensor = unet.series(following)
        return futures.unflatten(0, (len(states), sampling.futures))

    def _sampler(self, sampling: Sampling) -> Any:
        """Return the scheduler that denoises: the one named, one that was put in, or the usual one."""
        put_in = self.scheduler if self.scheduler is not self.trained_with else schedulers.DEFAULT
        return schedulers.build(sampling.scheduler or put_in, self.trained_with, sampling.steps, self.device)

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
