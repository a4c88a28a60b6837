"""The denoising objective: noise a batch of trajectories, mask some conditions, compare the prediction with its target.

Axes: B batch, L planned states, S state values, Q conditions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aign.diffusion.conditions import ConditionInput, Conditions
from aign.diffusion.examples import Examples
from aign.diffusion.forecasting import ForecastingUNet, unconditioned
from aign.diffusion.inverse_dynamics import Head
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.ranks import ALONE, Ranks
from aign.diffusion.settings import TrainSettings


@dataclass(frozen=True)
class Objective:
    """Draws noise and condition masks with one generator and returns the losses of a batch."""

    settings: TrainSettings
    schedule: NoiseSchedule
    conditions: Conditions
    generator: torch.Generator
    normaliser: Normaliser | None = None
    """Says what plans are made of; states where None."""
    ranks: Ranks = ALONE
    """Which rows of a batch count here; all draws are of the whole batch."""
    nature: Normaliser | None = None
    """Says what futures are made of, where they are forecast."""

    def denoising(self, unet: nn.Module, examples: Examples, rows: Tensor) -> Tensor:
        """Return the weighted mean squared error of the network's prediction on the given examples.

        Among several processes it is their mean that is the loss of the batch.
        """
        settings, device = self.settings, examples.states.device
        clean = examples.states[rows][:, settings.stride::settings.stride]
        if self.normaliser is not None:
            clean = self.normaliser.plan(clean, examples.states[rows, 0])
        step = torch.randint(settings.noise_steps, (len(rows),), generator=self.generator, device=device)
        noise = torch.randn(clean.shape, generator=self.generator, device=device)
        conditions, mask = self.masked_conditions(examples.conditions[rows])
        known = torch.cat([examples.fixed[rows], examples.states[rows, 0]], dim=1)
        part = self.ranks.part
        noisy = self.schedule.add_noise(clean, noise, step)
        predicted = unet(noisy[part], step[part], known[part], conditions[part], mask[part])
        error = (predicted - self.target(clean, noise, step)[part]).float().square().mean(dim=(1, 2))
        weight = torch.exp(settings.return_weighting * (examples.returns[rows].clamp(-1.0, 1.0) - 1.0))
        loss: Tensor = self.ranks.world * (weight[part] * error).sum() / weight.sum()
        return loss

    def forecasting(self, unet: ForecastingUNet, examples: Examples, rows: Tensor) -> Tensor:
        """Return the mean squared error of the prediction of futures on the given examples, all of equal weight."""
        settings, device = self.settings, examples.states.device
        nature = examples.nature[rows]
        clean = nature[:, 1:] if self.nature is None else self.nature.plan(nature[:, 1:], nature[:, 0])
        step = torch.randint(settings.noise_steps, (len(rows),), generator=self.generator, device=device)
        noise = torch.randn(clean.shape, generator=self.generator, device=device)
        part = self.ranks.part
        noisy, known = self.schedule.add_noise(clean, noise, step)[part], unet.known(examples.states[rows, 0])[part]
        predicted = unet.futures(noisy, step[part], known, *unconditioned(len(noisy), known))
        loss: Tensor = (predicted - self.target(clean, noise, step)[part]).float().square().mean()
        return loss

    def masked_conditions(self, conditions_BQ: Tensor) -> ConditionInput:
        """Return the network's conditions from encoded ones (B, Q), and which of them it may see.

        Each condition is masked independently of the others, so that any subset can be asked for (classifier-free
        guidance: Ho and Salimans 2022), except where the settings ask for one label at a time, or for pairs of labels
        that never meet.
        """
        settings, device = self.settings, conditions_BQ.device
        others_BQ = conditions_BQ
        if self.conditions.kind == "hindsight":
            others_BQ = conditions_BQ[torch.randperm(len(conditions_BQ), generator=self.generator, device=device)]
        conditions_BQ = self.conditions.in_training(conditions_BQ, others_BQ)
        drop = torch.full((conditions_BQ.shape[1],), settings.label_dropout, device=device)
        drop[0] = settings.return_dropout
        chance = torch.rand(conditions_BQ.shape, generator=self.generator, device=device)
        mask = chance >= drop
        if settings.one_at_a_time:
            # The label with the greatest draw stays: it is any of them with equal probability.
            mask[:, 1:] &= chance[:, 1:] == chance[:, 1:].amax(dim=1, keepdim=True)
        for pair in settings.never_together:
            first, second = map(self.conditions.column, pair)
            both, keep_first = mask[:, first] & mask[:, second], chance[:, first] > chance[:, second]
            mask[:, first] &= ~(both & ~keep_first)
            mask[:, second] &= ~(both & keep_first)
        return ConditionInput(conditions_BQ, mask)

    def target(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Return what the network should predict, (B, L, S)."""
        if self.settings.prediction == "sample":
            return clean
        if self.settings.prediction == "epsilon":
            return noise
        return self.schedule.velocity(clean, noise, step)

    def inverse(self, head: Head, examples: Examples, rows: Tensor) -> Tensor:
        """Return the loss of the inverse-dynamics head on one random transition of each example."""
        time = torch.randint(examples.actions.shape[1], (len(rows),), generator=self.generator,
                             device=examples.states.device)
        rows, time = rows[self.ranks.part], time[self.ranks.part]
        loss: Tensor = head.loss(examples.states[rows, time], examples.states[rows, time + 1], examples.fixed[rows],
                                 examples.actions[rows, time])
        return loss
