"""DDIM without chance (Song et al. 2021, eta = 0), which denoises where nobody says otherwise.

Bit for bit what diffusers' DDIMScheduler does with our schedule and a prediction of the clean sample, with its
coefficients computed once for each number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aign.diffusion.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class Denoised:
    """A plan (B, L, S) after a step, as diffusers' schedulers return it."""

    prev_sample: Tensor


class DDIM:
    """A scheduler as those of diffusers are used: `timesteps` from the noisiest on, and `step` from each to the next.

    Steps are spaced so that the first one is the last of the forward process ("trailing").
    """

    init_noise_sigma = 1.0

    def __init__(self, schedule: NoiseSchedule, steps: int, device: torch.device) -> None:
        spaced = np.round(np.arange(schedule.steps, 0, -schedule.steps / steps)).astype(np.int64) - 1
        self.timesteps = torch.from_numpy(spaced).to(device)
        remaining = schedule.alphas_cumprod.cpu()
        share = remaining[torch.from_numpy(spaced)]
        following = torch.tensor([*(remaining[time - schedule.steps // steps] for time in spaced[:-1]), 1.0])
        roots = (share ** 0.5, (1 - share) ** 0.5, following ** 0.5, (1 - following) ** 0.5)
        self.weights = dict(zip(spaced.tolist(), zip(*(root.tolist() for root in roots), strict=True), strict=True))

    def scale_model_input(self, noisy: Tensor, step: Tensor) -> Tensor:
        """Return what the network gets, which is the noisy plan itself."""
        return noisy

    def step(self, clean: Tensor, step: Tensor, noisy: Tensor) -> Denoised:
        """Return the plan at the next step from the clean plan predicted at this one, each (B, L, S)."""
        kept, added, kept_next, added_next = self.weights[int(step)]
        return Denoised(kept_next * clean + added_next * ((noisy - kept * clean) / added))
