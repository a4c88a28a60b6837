"""Any scheduler of diffusers by its name, told to take our clamped prediction of the clean sample; DDIM is our own.

Diffusers, which takes seconds to import, is imported only where another scheduler is asked for.

Several schedulers ignore `clip_sample`, so clamping is ours: the network's prediction becomes a clean sample, is
clamped, and the scheduler is configured for prediction type "sample".
"""

from __future__ import annotations

from inspect import signature
from typing import Any, get_args

import torch
from torch import Tensor

from aign.diffusion.ddim import DDIM
from aign.diffusion.fit import check_steps
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.settings import Scheduler
from aign.errors import ParameterError, unknown_name

SUPPORTED: tuple[str, ...] = get_args(Scheduler)
DEFAULT = "DDIMScheduler"
"""What denoises where nobody says otherwise."""
NEEDED = {"thresholding": False, "use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False,
          "use_flow_sigmas": False, "use_lu_lambdas": False, "timestep_type": "discrete", "clip_sample_range": 1.0}
"""What a scheduler of the user's has to say where it knows the option: the model knows the noise levels it was trained
with alone, and its prediction is clamped and no more."""


def build(chosen: Any, trained: NoiseSchedule, steps: int, device: torch.device) -> Any:
    """Return a scheduler for the noise schedule of `trained`, set to so many steps.

    Args:
        chosen: a name in SUPPORTED, or a scheduler of these classes, whose own options are kept.
        trained: the forward process the model was trained with.
        steps: denoising steps.
        device: of the time steps.

    Raises:
        ParameterError: unknown scheduler, one of the user's that does not suit the model, more steps than the model was
            trained with, or a number of steps that the scheduler cannot space evenly.
    """
    if isinstance(chosen, str):
        if chosen not in SUPPORTED:
            raise ParameterError(unknown_name("scheduler", chosen, SUPPORTED))
        check_steps(chosen, steps, trained.steps)
        if chosen == DEFAULT and trained.standard:
            return DDIM(trained, steps, device)
    else:
        check_suits(chosen, trained)
        check_steps(_supported(type(chosen)), steps, trained.steps)
    return _of_diffusers(chosen, trained, steps, device)


def _of_diffusers(chosen: Any, trained: NoiseSchedule, steps: int, device: torch.device) -> Any:
    """Return as `build` does, by diffusers."""
    import diffusers

    options = {"prediction_type": "sample", "clip_sample": False, "thresholding": False}
    if isinstance(chosen, str):
        kind, config = getattr(diffusers, chosen), trained.config
        options["lower_order_final"] = True
    else:
        kind, config = type(chosen), chosen.config
    scheduler = kind.from_config(config, **options)
    scheduler.set_timesteps(steps, device=device)
    return scheduler


def check_suits(scheduler: Any, trained: NoiseSchedule) -> None:
    """Check that a scheduler of the user's denoises what the model was trained on.

    Raises:
        ParameterError: it is of a kind that is not supported, for another noise schedule or prediction, or has an
            option that the model cannot heed.
    """
    name = type(scheduler).__name__
    if not _supported(type(scheduler)):
        raise ParameterError(f"pipeline.scheduler: {unknown_name('scheduler', name, SUPPORTED)}")
    remedy = f"Make it with {name}.from_config(pipeline.scheduler.config), of the scheduler the model came with."
    if not torch.equal(scheduler.alphas_cumprod.cpu(), trained.alphas_cumprod.cpu()):
        raise ParameterError(f"pipeline.scheduler: this {name} is for another noise schedule than the one the model "
                             f"was trained with. {remedy}")
    known = signature(type(scheduler).__init__).parameters
    for option, value in {"prediction_type": trained.prediction, **NEEDED}.items():
        if option in known and scheduler.config.get(option, value) not in (value, None):
            raise ParameterError(f"pipeline.scheduler: this {name} has {option}={scheduler.config[option]!r}; the "
                                 f"model needs {value!r}. {remedy}")


def _supported(kind: type) -> str:
    """Return the name of the supported scheduler that a class is or derives from; empty where there is none."""
    import diffusers

    return next((name for name in SUPPORTED if issubclass(kind, getattr(diffusers, name))), "")


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
