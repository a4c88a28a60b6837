"""Training the Decision Diffuser: one loop, moving average, held-out evaluations, exact resumption."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aign.diffusion import checkpoint, examples, fit
from aign.diffusion.checkpoint import Progress
from aign.diffusion.conditions import Conditions
from aign.diffusion.examples import Examples
from aign.diffusion.forecasting import ForecastingUNet, scale
from aign.diffusion.inverse_dynamics import ChoiceDynamics, Head, InverseDynamics
from aign.diffusion.model import DesignModel
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.objective import Objective
from aign.diffusion.quality import HeldOut, held_out_quality, merit
from aign.diffusion.ranks import ALONE, Ranks
from aign.diffusion.set_network import SetDenoiser, SharedInverseDynamics
from aign.diffusion.settings import TrainSettings
from aign.diffusion.strategies import strategy_of
from aign.diffusion.unet import TemporalUNet
from aign.errors import ModelError
from aign.scenarios.core.adam import Adam
from aign.scenarios.core.forecasting import columns, forecasting_of
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.reader import TrajectoryStore

HELD_OUT_ROWS = 2_048
"""Validation examples used for the held-out loss."""
LINEAR_FIT_ROWS = 2_048
"""Episodes to which the linear path of the inverse-dynamics head is fitted."""


@dataclass(frozen=True)
class TrainingResult:
    """The best model of a training and its history, one dictionary an evaluation."""

    pipeline: DesignModel
    history: Sequence[Mapping[str, float]]


class Losses(nn.Module):
    """The loss of a batch as a function of all weights, as DistributedDataParallel wants it."""

    def __init__(self, objective: Objective, unet: Any, inverse: Head, forecaster: ForecastingUNet | None) -> None:
        super().__init__()
        self.objective, self.unet, self.inverse, self.forecaster = objective, unet, inverse, forecaster

    def forward(self, data: Examples, rows: Tensor) -> Tensor:
        """Return the loss of all networks on rows of the data."""
        loss = self.objective.denoising(self.unet, data, rows) + self.objective.inverse(self.inverse, data, rows)
        return loss if self.forecaster is None else loss + self.objective.forecasting(self.forecaster, data, rows)


class Trainer:
    """Everything a training consists of, built the same way for a fresh start and for a resumption.

    Args:
        stores: trajectory datasets; several of one family need a network of kind "set".
        settings: all numbers of the training.
        seed: makes weights, batches and noise reproducible.
        device: where to train.
        held_out: for each dataset, validation contexts on which design quality decides which model is kept.
        behaviours: sources to learn from; all where None.
        provenance: JSON values saved with the model.
        rows: for each dataset, training episodes to learn from; those of the behaviours where None.
        ranks: which of several processes this is, each of which builds the same trainer.

    Raises:
        ParameterError: settings that contradict each other or the scenario.
    """

    def __init__(self, stores: Sequence[TrajectoryStore], settings: TrainSettings, seed: int, device: torch.device,
                 held_out: Sequence[HeldOut], behaviours: Sequence[str] | None, provenance: Mapping[str, Any],
                 rows: Sequence[Tensor] | None = None, ranks: Ranks = ALONE) -> None:
        fit.check(stores[0].scenario, settings, len(stores))
        self.settings, self.seed, self.device, self.held_out = settings, seed, device, held_out
        self.scenarios = [store.scenario for store in stores]
        rows = rows if rows is not None else [store.rows("train", behaviours) for store in stores]
        normaliser, conditions = examples.statistics(stores, rows, settings)
        first, parts = self.scenarios[0], []
        for store, episodes in zip(stores, rows, strict=True):
            scaled = normaliser if store is stores[0] else normaliser.at(first, store.scenario)
            splits = ((episodes, settings.windows), (store.rows("validation")[:HELD_OUT_ROWS], HELD_OUT_ROWS))
            parts.append([examples.load(store, chosen, settings.window or first.horizon, scaled, conditions,
                                        settings.window and most, seed, settings.futures_window).to(device)
                          for chosen, most in splits])
        self.train, self.validation = [part[0] for part in parts], [part[1] for part in parts]
        if strategy_of(first).plans_changes:
            normaliser = normaliser.with_changes(self.train[0].states)
        torch.manual_seed(seed)
        self.unet, self.inverse = networks(first, self.train[0], settings)
        if not isinstance(self.inverse, ChoiceDynamics):
            spread = slice(None, None, max(1, len(self.train[0]) // LINEAR_FIT_ROWS))
            self.inverse.fit_linear(self.train[0].states[spread].diff(dim=1).flatten(0, 1).cpu(),
                                    self.train[0].actions[spread].flatten(0, 1).cpu())
        self.unet.to(device), self.inverse.to(device)
        self.average: dict[str, Any] = {name: copy.deepcopy(module) for name, module in self.modules().items()}
        self.best = {name: copy.deepcopy(module) for name, module in self.average.items()}
        self.parameters = [*self.unet.parameters(), *self.inverse.parameters()]
        self.averaged = [weight.data for module in self.average.values() for weight in module.parameters()]
        self.optimiser = Adam(self.parameters, settings.weight_decay)
        self.generator = torch.Generator(device).manual_seed(seed)
        nature, schedule = forecasting_of(first), NoiseSchedule.of(settings.noise_steps, settings.prediction)
        self.objective = Objective(settings, schedule, conditions, self.generator, normaliser, ranks,
                                   None if nature is None else scale(normaliser, nature))
        self.design = describe(stores, settings, normaliser, conditions, behaviours, provenance)
        self.progress = Progress()

    def modules(self) -> dict[str, nn.Module]:
        """Return the networks being trained, by name."""
        return {"unet": self.unet, "inverse": self.inverse}

    def all_modules(self) -> dict[str, nn.Module]:
        """Return all weights a checkpoint holds: current, averaged, best."""
        return {**self.modules(), **{f"average.{name}": module for name, module in self.average.items()},
                **{f"best.{name}": module for name, module in self.best.items()}}

    def run(self, checkpoint_path: Path, on_progress: Callable[[int], None]) -> TrainingResult:
        """Train from the checkpoint, or from the start, to the last step; return the best model."""
        settings = self.settings
        if checkpoint_path.exists():
            self.progress = checkpoint.load(checkpoint_path, self.all_modules(), self.optimiser, self.generator,
                                            self.device)
        self.unet.train(), self.inverse.train()
        compiled = torch.compile(self.unet) if settings.compile else self.unet
        losses = self.losses(compiled)
        while self.progress.step < settings.steps:
            self.one_step(losses)
            self.progress.step += 1
            step = self.progress.step
            if not self.objective.ranks.leads:
                continue
            if step % settings.evaluate_every == 0 or step == settings.steps:
                self.evaluate()
            if step % settings.checkpoint_every == 0 or step == settings.steps:
                checkpoint.save(checkpoint_path, self.all_modules(), self.optimiser, self.generator, self.progress)
            on_progress(step)
        return TrainingResult(self.pipeline(self.best), self.progress.history)

    def losses(self, unet: Any) -> nn.Module:
        """Return what computes the loss of a batch; among several processes, their gradients become the mean."""
        forecaster = self.unet if isinstance(self.unet, ForecastingUNet) else None
        losses = Losses(self.objective, unet, self.inverse, forecaster)
        return losses if self.objective.ranks.world == 1 else nn.parallel.DistributedDataParallel(losses)

    def one_step(self, losses: nn.Module) -> None:
        """Take one gradient step on a random batch and move the average."""
        settings = self.settings
        data = self.train[self.progress.step % len(self.train)]
        rows = torch.randint(len(data), (settings.batch_size,), generator=self.generator, device=self.device)
        self.optimiser.forget()
        with self.autocast():
            loss = losses(data, rows)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, settings.gradient_clip)
        step = self.progress.step
        self.optimiser.descend(learning_rate(settings, step))
        # Not diffusers' EMAModel: it copies the weights at the first step, which would move every model.
        decay = min(settings.ema_decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.averaged, self.optimiser.values, 1 - decay)

    def autocast(self) -> torch.autocast:
        """Return the precision context: bfloat16 where asked for, or by default on a GPU."""
        precision = self.settings.precision
        wanted = precision == "bfloat16" or (precision == "auto" and self.device.type == "cuda")
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Append held-out losses and design quality to the history; keep the averaged model if its designs are best."""
        for module in self.average.values():
            module.eval()
        each = [self._evaluation(place) for place in range(len(self.train))]
        entry = {"step": float(self.progress.step),
                 **{name: sum(figures[name] for figures in each) / len(each) for name in each[0]
                    if all(name in figures for figures in each)}}
        if len(each) > 1:
            entry |= {f"normalised_return_pooled_{place}": figures["normalised_return_pooled"]
                      for place, figures in enumerate(each) if "normalised_return_pooled" in figures}
        if not math.isfinite(entry["held_out_loss"]):
            raise ModelError(f"Training diverged: at step {self.progress.step} the held-out loss is "
                             f"{entry['held_out_loss']}. Lower train.learning_rate (given "
                             f"{self.settings.learning_rate:g}) or train.gradient_clip, then run the stage again.")
        self.progress.history.append(entry)
        if merit(entry) > self.progress.score:
            self.progress.score = merit(entry)
            for name, module in self.average.items():
                self.best[name].load_state_dict(module.state_dict())

    def _evaluation(self, place: int) -> dict[str, float]:
        """Return held-out losses and design quality on one of the datasets."""
        # A generator of its own, so that evaluating more or less often does not change the training.
        generator = torch.Generator(self.device).manual_seed(self.seed + 1)
        objective = dataclasses.replace(self.objective, generator=generator, ranks=ALONE)
        data = self.validation[place]
        rows = torch.arange(len(data), device=self.device)
        pipeline = self.pipeline(self.average)
        pipeline = pipeline if place == 0 else pipeline.at(self.scenarios[place])
        unet = self.average["unet"]
        losses = {"held_out_loss": float(objective.denoising(unet, data, rows)),
                  "held_out_inverse_loss": float(objective.inverse(self.average["inverse"], data, rows))}
        if isinstance(unet, ForecastingUNet):
            losses["held_out_forecast_loss"] = float(objective.forecasting(unet, data, rows))
        return {**losses, **held_out_quality(pipeline, self.held_out[place], self.seed, self.settings.target_return)}

    def pipeline(self, modules: Mapping[str, nn.Module]) -> DesignModel:
        """Return a model of the given networks."""
        return DesignModel(modules["unet"].eval(), modules["inverse"].eval(), self.objective.schedule, self.design)


def networks(scenario: Scenario[Any], data: Examples, settings: TrainSettings,
             ) -> tuple[TemporalUNet | ForecastingUNet | SetDenoiser,
                        InverseDynamics | SharedInverseDynamics | ChoiceDynamics]:
    """Build denoiser and inverse-dynamics head for the sizes of a scenario and its data."""
    shape, conditions = settings.network, data.conditions.shape[1]
    if shape.kind == "set":
        states = fit.entity_widths(scenario, scenario.state_features)
        fixed, resources = fit.entity_widths(scenario, scenario.fixed_features), fit.resource_place(scenario)
        return (SetDenoiser(scenario.horizon // settings.stride, states, fixed, conditions, shape.channels, shape.depth,
                            shape.embedding, shape.activation, resources),
                SharedInverseDynamics(states, fixed, scenario.action_size // scenario.agents, settings.inverse_hidden,
                                      shape.activation, resources))
    state, known = data.states.shape[2], data.known.shape[1]
    layers = (shape.channels, list(shape.multipliers), shape.kernel, shape.embedding, shape.groups, shape.activation)
    unet: TemporalUNet | ForecastingUNet
    if (nature := forecasting_of(scenario)) is not None:
        series = columns(nature.state_features, nature.exogenous)
        history = columns(nature.state_features, (*nature.exogenous, *nature.history))
        unet = ForecastingUNet(state, known, conditions, series, history, *layers, unseen=len(nature.unseen),
                               futures_channels=shape.futures_channels)
    else:
        unet = TemporalUNet(state, known, conditions, *layers)
    kind = InverseDynamics if scenario.choices is None else ChoiceDynamics
    head = kind(data.states.shape[2], data.fixed.shape[1], data.actions.shape[2], settings.inverse_hidden,
                shape.activation)
    return unet, head


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Return the rate at a step: linear warm-up, then half a cosine down to zero."""
    # Not diffusers' get_cosine_schedule_with_warmup: its first step has rate 0, which would move every model.
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    share = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def describe(stores: Sequence[TrajectoryStore], settings: TrainSettings, normaliser: Normaliser, conditions: Conditions,
             behaviours: Sequence[str] | None, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what travels with the model as JSON: scenario, steps of a plan, normaliser, conditions, provenance."""
    first = stores[0].scenario
    others = {"trained_on": [store.scenario.spec() for store in stores]} if len(stores) > 1 else {}
    futures = {} if settings.futures_window is None else {"futures": settings.futures_window}
    return {"scenario": first.spec(), **others, "horizon": settings.window or first.horizon, **futures,
            "stride": settings.stride,
            "normaliser": normaliser.to_json(), "conditions": conditions.to_json(),
            "behaviours": list(behaviours) if behaviours is not None else "all",
            "settings": settings.model_dump(mode="json"), "provenance": dict(provenance)}
