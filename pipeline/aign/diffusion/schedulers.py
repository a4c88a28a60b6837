"""Any scheduler of diffusers by its name, told to take our clamped prediction of the clean sample.

Several schedulers ignore `clip_sample`, so clamping is ours: the network's prediction becomes a clean sample, is
clamped, and the scheduler is configured for prediction type "sample".
"""

from __future__ import annotations

from typing import Any, get_args

import diffusers
import torch
from torch import Tensor

from aign.diffusion.fit import check_steps
from aign.diffusion.settings import Scheduler
from aign.errors import ParameterError, unknown_name

SUPPORTED: tuple[str, ...] = get_args(Scheduler)


def build(name: str, trained: Any, steps: int, device: torch.device) -> Any:
    """Return the named scheduler for the noise schedule of `trained`, set to so many steps.

    Raises:
        ParameterError: unknown scheduler, more steps than the model was trained with, or a number of steps that the
            scheduler cannot space evenly.
    """
    if name not in SUPPORTED:
        raise ParameterError(unknown_name("scheduler", name, SUPPORTED))
    check_steps(name, steps, trained.config.num_train_timesteps)
    options = {"prediction_type": "sample", "clip_sample": False, "thresholding": False, "lower_order_final": True}
    scheduler = getattr(diffusers, name).from_config(trained.config, **options)
    scheduler.set_timesteps(steps, device=device)
    return scheduler


def clean_sample(prediction: Tensor, noisy: Tensor, kind: str, alpha_bar: Tensor) -> Tensor:
    """Turn a prediction of the given kind into the clean sample, clamped to [-1, 1].

    With x_t = sqrt(a) x_0 + sqrt(1 - a) e: noise gives (x_t - sqrt(1 - a) e) / sqrt(a); velocity
    v = sqrt(a) e - sqrt(1 - a) x_0 gives sqrt(a) x_t - sqrt(1 - a) v (Salimans and Ho 2022).
    """
    if kind == "epsilon":
        prediction = (noisy - (1 - alpha_bar).sqrt() * prediction) / alpha_bar.sqrt().clamp_min(1e-4)
    elif kind == "v_prediction":
        prediction = alpha_bar.sqrt() * noisy - (1 - alpha_bar).sqrt() * prediction
    return prediction.clamp(-1.0, 1.0)
