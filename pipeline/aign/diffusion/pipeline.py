"""A design model as a pipeline of diffusers, in which its schedulers can be exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from diffusers import DDPMScheduler, DiffusionPipeline
from torch import nn

from aign.diffusion import opening, schedulers, store
from aign.diffusion.model import DesignModel
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.plans import Sampling
from aign.errors import ParameterError
from aign.trust import Trust

__all__ = ["DesignPipeline", "Sampling"]


class DesignPipeline(DiffusionPipeline, DesignModel):
    """A `DesignModel` in diffusers' dress: the same designs, and the ways of diffusers to choose how they are made.

    `DesignPipeline.from_pretrained(folder)` opens a model folder without network access and without pickle, and imports
    no code that the folder names. As in diffusers, `pipeline.scheduler = ...` chooses how plans are denoised, and
    `torch_dtype` or `.to(dtype)` what the networks compute in; everything around them is float32.

    Args:
        unet: the denoiser, a `TemporalUNet`, a `SetDenoiser`, or a `ForecastingUNet`.
        inverse: the inverse-dynamics head, an `InverseDynamics`, a `SharedInverseDynamics` or a `ChoiceDynamics`.
        scheduler: the forward process the denoiser was trained with.
        design: JSON values: scenario, horizon, stride, normaliser, conditions, settings, provenance.

    Attributes:
        trained_with: the forward process the denoiser was trained with, whatever scheduler was put in since.
    """

    def __init__(self, unet: nn.Module, inverse: nn.Module, scheduler: DDPMScheduler,
                 design: Mapping[str, Any] | None = None) -> None:
        self.register_modules(unet=unet, inverse=inverse, scheduler=scheduler)
        # One put in before, as `from_pipe` hands it on, is no forward process; its noise schedule is the trained one's.
        self.trained_with: DDPMScheduler = scheduler if isinstance(scheduler, DDPMScheduler) else \
            DDPMScheduler.from_config(scheduler.config)
        self.register_to_config(design=dict(design or {}))
        DesignModel.__init__(self, unet, inverse, NoiseSchedule(self.trained_with.config), design or {})
        self.set_progress_bar_config(disable=True)

    @classmethod
    def of(cls, model: DesignModel) -> Self:
        """Return a model as a pipeline."""
        return cls(model.unet, model.inverse, DDPMScheduler.from_config(model.schedule.config), model.design)

    @classmethod
    def from_pretrained(cls, folder: str | Path, trust_code: Trust = False, **options: Any) -> Self:
        """Open a model folder; weights that are not safetensors are refused, where diffusers would unpickle them.

        Args:
            folder: of a model on this machine; nothing is fetched by a name.
            trust_code: True where the code that the model's scenario names, such as the module of somebody's
                environment, may be imported; or the one scenario whose code is trusted, by its specification.
            options: of diffusers: torch_dtype, scheduler, unet, inverse. Others are refused.

        Raises:
            ModelError: no such folder, or it names or holds code that is not ours.
            TrustError: its scenario names code that is not trusted.
            ParameterError: an option that has no effect here.
            OSError: a file is missing, or the weights are in another format.
        """
        kinds, scheduler = opening.precisions(options), options.pop("scheduler", None)
        opening.check_options(options)
        opened = cls.of(store.read(Path(folder), trust_code, **{name: options[name] for name in opening.NETWORKS
                                                               if options.get(name) is not None}))
        for name, kind in kinds.items():
            getattr(opened, name).to(kind)
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
        store.write(self, Path(save_directory))

    @property
    def usual_scheduler(self) -> Any:
        """The scheduler that was put in, where one was."""
        return schedulers.DEFAULT if self.scheduler is self.trained_with else self.scheduler

    def like(self, design: Mapping[str, Any]) -> Self:
        """Return this pipeline with another description of its scenario, normaliser and conditions."""
        other = type(self)(self.unet, self.inverse, self.trained_with, design)
        other.scheduler = self.scheduler
        return other
