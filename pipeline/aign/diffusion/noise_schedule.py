"""The forward process: how a clean plan becomes noise in so many steps (Nichol and Dhariwal 2021).

The share of the clean plan that is left after step t is cos^2 of ((t + 1) / T + 0.008) / 1.008 * pi / 2; the last step
is pure noise, so sampling may start there. Numbers and files are those of diffusers' DDPMScheduler, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

CONFIG: Mapping[str, Any] = {
    "_class_name": "DDPMScheduler", "beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2", "beta_start": 0.0001,
    "clip_sample": False, "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 100,
    "prediction_type": "sample", "rescale_betas_zero_snr": False, "sample_max_value": 1.0, "steps_offset": 0,
    "thresholding": False, "timestep_spacing": "trailing", "trained_betas": None, "variance_type": "fixed_small"}
"""What a model folder says of its schedule, in diffusers' words; only the two numbers below differ between ours."""
STEPS, PREDICTION = "num_train_timesteps", "prediction_type"
GREATEST_BETA = 0.999


class NoiseSchedule:
    """The forward process a denoiser is trained with.

    Attributes:
        config: as `CONFIG`.
        steps: T.
        prediction: what the network predicts, "sample", "epsilon" or "v_prediction".
        alphas_cumprod: (T,) float32, the share of the clean plan's variance left after each step.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take a schedule from a model folder; one that is not ours is computed by diffusers."""
        named = {name: value for name, value in config.items() if not name.startswith("_")}
        self.config = {"_class_name": CONFIG["_class_name"], **named}
        self.steps, self.prediction = int(config[STEPS]), str(config[PREDICTION])
        self.standard = {**self.config, STEPS: 0, PREDICTION: ""} == {**CONFIG, STEPS: 0, PREDICTION: ""}
        self.alphas_cumprod: Tensor = _remaining(self.steps) if self.standard else _by_diffusers(self.config)

    @classmethod
    def of(cls, steps: int, prediction: str) -> NoiseSchedule:
        """Return our schedule with so many steps."""
        return cls({**CONFIG, STEPS: steps, PREDICTION: prediction})

    def add_noise(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Return plans (B, L, S) after the steps (B,) of the forward process."""
        kept, added = self._weights(clean, step)
        return kept * clean + added * noise

    def velocity(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Return sqrt(a) e - sqrt(1 - a) x_0 (Salimans and Ho 2022) for plans (B, L, S)."""
        kept, added = self._weights(clean, step)
        return kept * noise - added * clean

    def _weights(self, like: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        self.alphas_cumprod = self.alphas_cumprod.to(like.device)
        share = self.alphas_cumprod.to(like.dtype)[step].reshape(-1, *[1] * (like.ndim - 1))
        return share ** 0.5, (1 - share) ** 0.5


def _remaining(steps: int) -> Tensor:
    """Return the squared-cosine schedule (steps,), float32."""
    def share(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - share((step + 1) / steps) / share(step / steps), GREATEST_BETA) for step in range(steps)]
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float32), dim=0)


def _by_diffusers(config: Mapping[str, Any]) -> Tensor:
    from diffusers import DDPMScheduler

    alphas: Tensor = DDPMScheduler.from_config(dict(config)).alphas_cumprod
    return alphas
