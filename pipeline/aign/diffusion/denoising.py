"""The reverse process: from noise to a clean plan, guided towards the labels asked for.

Axes: B plans, L planned states, S state values, K known values, Q conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from aign.diffusion import opening, schedulers
from aign.diffusion.conditions import ConditionInput
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.plans import Sampling


def denoise(unet: nn.Module, scheduler: Any, trained: NoiseSchedule, noise: Tensor, known: Tensor,
            conditions: ConditionInput, sampling: Sampling, generator: torch.Generator | None,
            project: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Return clean waypoints (B, L, S), normalised.

    Args:
        unet: the denoiser.
        scheduler: set to its number of steps; see `schedulers.build`.
        trained: the forward process the denoiser was trained with.
        noise: (B, L, S) to start from.
        known: (B, K).
        conditions: what is asked for.
        sampling: guidance and projected steps.
        generator: of schedulers that add noise.
        project: applied to the clean waypoints of the last `projected_steps`; nothing is where None.
    """
    alphas = trained.alphas_cumprod.to(noise.device)
    noisy: Tensor = noise * scheduler.init_noise_sigma
    clean = noisy
    chance = {"generator": generator} if "generator" in signature(scheduler.step).parameters else {}
    for number, step in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(noisy, step)
        prediction = guided_prediction(unet, scaled, step, known, conditions, sampling)
        clean = schedulers.clean_sample(prediction, scaled, trained.prediction, alphas[step.long()])
        if project is not None and number >= len(scheduler.timesteps) - sampling.projected_steps:
            clean = project(clean)
        noisy = scheduler.step(clean, step, noisy, **chance).prev_sample
    return clean


def guided_prediction(unet: nn.Module, noisy: Tensor, step: Tensor, known: Tensor, conditions: ConditionInput,
                      sampling: Sampling) -> Tensor:
    """Return the network's prediction (B, L, S), guided in one batch where labels are asked for.

    The network gets and gives values in its own precision; time steps stay exact.
    """
    times, kind, mask = step.expand(len(noisy)), opening.precision(unet), conditions.mask
    inputs = [noisy.to(kind), times, known.to(kind), conditions.values.to(kind)]
    unguided = sampling.guidance == 1.0 and not sampling.compositional_guidance
    if unguided or not bool(mask[:, 1:].any()):
        prediction: Tensor = unet(*inputs, mask)
        return prediction.float()
    without_labels = mask.clone()
    without_labels[:, 1:] = False
    masks = [*(_each_alone(mask, without_labels) if sampling.compositional_guidance else [mask]), without_labels]
    repeated = [torch.cat([value] * len(masks)) for value in inputs]
    *conditional, unconditional = unet(*repeated, torch.cat(masks)).float().chunk(len(masks))
    guided: Tensor = unconditional + sampling.guidance * sum(part - unconditional for part in conditional)
    return guided


def _each_alone(mask: Tensor, without_labels: Tensor) -> list[Tensor]:
    """Return one mask (B, Q) for each label that any row asks for, in which it is the only label."""
    masks = []
    for column in (mask[:, 1:].any(dim=0).nonzero()[:, 0] + 1).tolist():
        masks.append(without_labels.clone())
        masks[-1][:, column] = mask[:, column]
    return masks
