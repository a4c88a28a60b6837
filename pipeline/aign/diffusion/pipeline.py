"""The design pipeline: from contexts, wanted returns and constraints to planned trajectories and their last designs.

Axes: B plans, C context values, L planned states, S state values, X design values, T horizon, Q conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, DiffusionPipeline
from torch import Tensor, nn

from aign.diffusion import fit, opening, schedulers, set_network
from aign.diffusion.conditions import Conditions
from aign.diffusion.normaliser import Normaliser
from aign.errors import ParameterError
from aign.files import manifest
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.sequential import is_sequential
from aign.trust import Trust


@dataclass(frozen=True)
class Plans:
    """What the diffuser proposes, users in the order given.

    Attributes:
        states: (B, T+1, S) planned states in raw units; the first is given, the last holds the design.
        raw_designs: (B, X) the last state as generated, only rounded to an admissible design.
        designs: (B, X) after the exact projection on the request's constraints.
    """

    states: Tensor
    raw_designs: Tensor
    designs: Tensor


@dataclass(frozen=True)
class Sampling:
    """How to denoise.

    Attributes:
        scheduler: any name in `schedulers.SUPPORTED`; None: the one that was put in as `pipeline.scheduler`, where one
            was, else DDIM.
        steps: denoising steps.
        guidance: weight of classifier-free guidance on the shown labels; 1 is the plain conditional model. The return
            is never amplified: that asks for designs no data supports.
        temperature: standard deviation of the initial noise.
        composed: guide by each shown label alone and add the changes (Ajay et al. 2023, eq. 9): n labels, n + 1 passes.
        projected_steps: how many of the last steps project the design on the constraints; 0 leaves it to the end.
        harmless: where decisions follow each other, keep to choices that do no harm at once, while there are any; see
            `SequentialScenario.action_mask`.
    """

    scheduler: str | None = None
    steps: int = 10
    guidance: float = 2.0
    temperature: float = 0.7
    composed: bool = True
    projected_steps: int = 0
    harmless: bool = True


class DesignPipeline(DiffusionPipeline):
    """A trained Decision Diffuser with all it needs: network, inverse dynamics, schedule, scenario, normaliser.

    `DesignPipeline.from_pretrained(folder)` opens a model folder without network access and without pickle, and imports
    no code that the folder names. As in diffusers, `pipeline.scheduler = ...` chooses how plans are denoised, and
    `torch_dtype` or `.to(dtype)` what the networks compute in; everything around them is float32.

    Args:
        unet: the denoiser, a `TemporalUNet` or a `SetDenoiser`.
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
        return Normaliser.from_json(self.config.design["normaliser"])

    @cached_property
    def conditions(self) -> Conditions:
        """Names and statistics of the conditions."""
        return Conditions.from_json(self.config.design["conditions"])

    def at(self, scenario: Scenario[Any]) -> DesignPipeline:
        """Return this model for another scenario of its family, such as another number of users.

        Raises:
            ParameterError: the model is not of the set kind, or the scenario is of another family.
        """
        design, trained = dict(self.config.design), self.scenario
        if not isinstance(self.unet, set_network.SetDenoiser):
            raise ParameterError(f"A temporal model of {trained.spec()} serves no other scenario. Train one with "
                                 "train.network.kind: set.")
        layouts = [(one.name, one.horizon, [label.name for label in one.labels],
                    fit.user_widths(one, one.state_features), fit.user_widths(one, one.fixed_features))
                   for one in (trained, scenario)]
        if layouts[0] != layouts[1]:
            raise ParameterError(f"The model was trained on {trained.spec()}, which differs from {scenario.spec()} in "
                                 "more than the number of users.")
        design["scenario"] = scenario.spec()
        design["normaliser"] = self.normaliser.at(trained, scenario).to_json()
        return self.like(design)

    def like(self, design: dict[str, Any]) -> DesignPipeline:
        """Return this model with another description of its scenario, normaliser and conditions."""
        other = DesignPipeline(self.unet, self.inverse, self.trained_with, design)
        other.scheduler = self.scheduler
        other.set_progress_bar_config(disable=True)
        return other

    @torch.no_grad()
    def __call__(self, contexts: Tensor, returns: Tensor, constraints: Sequence[Constraint] = (),
                 shown: Tensor | None = None, sampling: Sampling | None = None,
                 generator: torch.Generator | None = None, margins: Tensor | None = None,
                 project: bool = True) -> Plans:
        """Generate one plan a row.

        Args:
            contexts: (B, C), users in any order.
            returns: (B,) wanted normalised returns; NaN hides the return from the network.
            constraints: what every design has to meet; those with a closed form are enforced by projection.
            shown: (B, number of constraints) bool, those the network is conditioned on; all of them where None.
            sampling: how to denoise.
            generator: on this pipeline's device; makes the plans reproducible.
            margins: (B,) how much tighter than a threshold the network is asked for, in scores of the label.
            project: whether designs are projected on the constraints; if not, they are only made admissible.

        Raises:
            ContextError: a context the scenario does not have.
            ParameterError: a scheduler that is unknown or does not suit the model, a wrong number of steps, or networks
                in a precision that nothing can be computed in; or decisions follow each other in the
                scenario, so that no single plan holds a design: see `receding_horizon.follow`.
        """
        sampling, design = sampling or Sampling(), self.config.design
        scenario = self.scenario
        if is_sequential(scenario):
            raise ParameterError(f"In {scenario.name} decisions follow each other, so no single plan holds a design. "
                                 "Use aign.diffusion.receding_horizon.follow, or aign.designs.generation.generate.")
        contexts, index = scenario.canonical_order(scenario.check_contexts(contexts).to(self.device))
        first = scenario.initial_state(contexts)

        def projected(clean: Tensor) -> Tensor:
            last = scenario.project(contexts, self.normaliser.raw_states(clean[:, -1]), constraints)
            return torch.cat([clean[:, :-1], self.normaliser.states(last)[:, None]], dim=1)

        waypoints = self.plan(contexts, first, returns, constraints, shown, sampling, generator, margins,
                              projected if project else None)
        raw = scenario.project(contexts, waypoints[:, -1])
        final = scenario.project(contexts, waypoints[:, -1], constraints) if project else raw
        waypoints = torch.cat([waypoints[:, :-1], final[:, None]], dim=1)
        back = index.argsort(dim=1)
        states = interpolated(waypoints, design["stride"])
        return Plans(states.gather(2, back[:, None].expand(states.shape)), raw.gather(1, back), final.gather(1, back))

    @torch.no_grad()
    def plan(self, contexts: Tensor, states: Tensor, returns: Tensor, constraints: Sequence[Constraint] = (),
             shown: Tensor | None = None, sampling: Sampling | None = None, generator: torch.Generator | None = None,
             margins: Tensor | None = None, project: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return waypoints (B, L+1, S) from what is observed now, in raw units; the first are the states given.

        Contexts (B, C) are checked, in canonical order and on this pipeline's device; states (B, S) are those observed
        now; `project` is what `Sampling.projected_steps` does to normalised waypoints (B, L, S), nothing where None.
        Everything else is as in `__call__`.
        """
        sampling, design = sampling or Sampling(), self.config.design
        normaliser, first = self.normaliser, self.normaliser.states(states)
        known = torch.cat([normaliser.fixed(self.scenario.fixed_observation(contexts)), first], dim=1)
        wanted, visible = self.conditions.request(returns.to(self.device), constraints, shown, margins)
        shape = (len(contexts), design["horizon"] // design["stride"], self.scenario.state_size)
        start = torch.randn(shape, generator=generator, device=self.device) * sampling.temperature
        clean = self._denoise(start, known, wanted, visible, sampling, project, generator)
        return torch.cat([states[:, None].float(), normaliser.raw_states(normaliser.planned(clean, first))], dim=1)

    def _denoise(self, noisy: Tensor, known: Tensor, wanted: Tensor, visible: Tensor, sampling: Sampling,
                 project: Callable[[Tensor], Tensor] | None, generator: torch.Generator | None) -> Tensor:
        """Run the reverse process and return the clean waypoints (B, L, S)."""
        trained = self.trained_with
        chosen = sampling.scheduler or (self.scheduler if self.scheduler is not trained else schedulers.DEFAULT)
        scheduler = schedulers.build(chosen, trained, sampling.steps, self.device)
        alphas = trained.alphas_cumprod.to(self.device)
        noisy = noisy * scheduler.init_noise_sigma
        clean = noisy
        chance = {"generator": generator} if "generator" in signature(scheduler.step).parameters else {}
        for number, step in enumerate(scheduler.timesteps):
            scaled = scheduler.scale_model_input(noisy, step)
            prediction = self._predict(scaled, step, known, wanted, visible, sampling)
            clean = schedulers.clean_sample(prediction, scaled, trained.config.prediction_type, alphas[step.long()])
            if project is not None and number >= len(scheduler.timesteps) - sampling.projected_steps:
                clean = project(clean)
            noisy = scheduler.step(clean, step, noisy, **chance).prev_sample
        return clean

    def _predict(self, noisy: Tensor, step: Tensor, known: Tensor, wanted: Tensor, visible: Tensor,
                 sampling: Sampling) -> Tensor:
        """Return the network's prediction, guided in one batch where labels are shown and guidance asks for it.

        The network gets and gives values in its own precision; time steps stay exact.
        """
        times, kind = step.expand(len(noisy)), opening.precision(self.unet)
        noisy, known, wanted = noisy.to(kind), known.to(kind), wanted.to(kind)
        plain_enough = sampling.guidance == 1.0 and not sampling.composed
        if plain_enough or not bool(visible[:, 1:].any()):
            plain: Tensor = self.unet(noisy, times, known, wanted, visible)
            return plain.float()
        hidden = visible.clone()
        hidden[:, 1:] = False
        views = [*(_alone(visible, hidden) if sampling.composed else [visible]), hidden]
        many = [torch.cat([value] * len(views)) for value in (noisy, times, known, wanted)]
        *with_labels, without = self.unet(*many, torch.cat(views)).float().chunk(len(views))
        guided: Tensor = without + sampling.guidance * sum(one - without for one in with_labels)
        return guided

    @torch.no_grad()
    def act(self, contexts: Tensor, states: Tensor, next_states: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Return the actions (B, A) that lead from raw states (B, S) to the next ones, users in canonical order.

        Where a choice is made, of those allowed (B, A) bool; of all where None, or where none is.
        """
        fixed = self.normaliser.fixed(self.scenario.fixed_observation(contexts))
        parts = self.normaliser.states(states), self.normaliser.states(next_states), fixed
        transition = [part.to(opening.precision(self.inverse)) for part in parts]
        if allowed is None:
            actions: Tensor = self.inverse(*transition)
            return actions.float()
        kept = allowed | ~allowed.any(dim=1, keepdim=True)
        scores: Tensor = self.inverse.scores(*transition).float().masked_fill(~kept, -torch.inf)
        return nn.functional.one_hot(scores.argmax(dim=1), scores.shape[1]).to(states.dtype)


def _alone(visible: Tensor, hidden: Tensor) -> list[Tensor]:
    """Return one view for each label that is shown to anyone, in which it is the only one shown."""
    views = []
    for column in (visible[:, 1:].any(dim=0).nonzero()[:, 0] + 1).tolist():
        view = hidden.clone()
        view[:, column] = visible[:, column]
        views.append(view)
    return views


def interpolated(waypoints: Tensor, stride: int) -> Tensor:
    """Fill in the states between waypoints (B, L+1, S) linearly; returns (B, L*stride + 1, S)."""
    share = torch.arange(stride, device=waypoints.device)[None, None, :, None] / stride
    between = waypoints[:, :-1, None] * (1 - share) + waypoints[:, 1:, None] * share
    return torch.cat([between.flatten(1, 2), waypoints[:, -1:]], dim=1)
