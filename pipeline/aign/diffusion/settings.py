"""Every number of the diffuser and its training, with bounds and reasons. Light to import: no torch here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aign.settings import Count, Positive, Rate, Settings

Share = Annotated[float, Field(ge=0, lt=1)]
Scheduler = Literal["DDIMScheduler", "DDPMScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler",
                    "DPMSolverSinglestepScheduler", "EulerDiscreteScheduler", "UniPCMultistepScheduler"]
"""Schedulers of diffusers that accept a prediction of the clean sample."""


class NetworkSettings(Settings):
    """Kind and size of the denoiser."""

    kind: Literal["temporal", "set"] = "temporal"
    """temporal: a U-Net along time, for any scenario. set: for scenarios whose decision makers are exchangeable;
    one model then serves any number of them."""
    depth: Annotated[int, Field(ge=1, le=1_000)] = 4
    """Blocks of the set network."""
    channels: Annotated[int, Field(ge=8, le=16_384, multiple_of=8)] = 64
    """Channels at the top level; width of a token of the set network."""
    futures_channels: Annotated[int | None, Field(ge=8, le=16_384, multiple_of=8,
                                                  exclude_if=lambda count: count is None)] = None
    """temporal: channels of the network of futures, where there is one. None: as many as that of plans, and unsaid in
    files."""
    multipliers: Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(min_length=1, max_length=6)] = (1, 2)
    """temporal: channels of each level, as multiples; each level after the first halves the length."""
    kernel: Literal[1, 3, 5, 7, 9] = 3
    """temporal: length of the convolutions."""
    embedding: Annotated[int, Field(ge=16, le=16_384, multiple_of=2)] = 256
    """Width of the time, context and condition embeddings."""
    groups: Literal[1, 2, 4, 8] = 8
    """temporal: groups of the group normalisation; they divide every width, a multiple of 8."""
    activation: Literal["silu", "mish"] = "silu"
    """The non-linearity. Equally good; on a CPU Mish takes ten times as long."""


class DenoisingSettings(Settings):
    """How designs are denoised unless a request says otherwise; travels with the model."""

    steps: Positive = 10
    """Denoising steps; advisable are the fewest that are as good as ten on validation contexts, see the report's
    curve."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Standard deviation of the initial noise: less is more accurate, more is more diverse; with few steps more costs
    nothing."""
    futures: Annotated[int, Field(ge=0, le=4096, exclude_if=lambda futures: futures == 64)] = 64
    """Where the scenario forecasts what nature decides: futures by which each decision is made; 64 goes unsaid in
    files."""


class TrainSettings(Settings):
    """Stage train."""

    network: NetworkSettings = NetworkSettings()
    stride: Positive = 2
    """The diffuser plans every stride-th state (jump steps, Lu et al. 2025); states between are interpolated."""
    window: Positive | None = None
    """Steps of a plan in sequential scenarios, a multiple of the stride: the model learns from every run of so many
    steps, and in use plans so far ahead at each step. None: the whole episode."""
    futures_window: Annotated[int | None, Field(gt=0, exclude_if=lambda steps: steps is None)] = None
    """Steps of a future, none of them jumped, where the scenario forecasts what nature decides. None: as many as those
    of a plan, and unsaid in files."""
    windows: Positive = 100_000
    """Windows held in memory where `window` is set: evenly drawn, once, where the episodes have more."""
    steps: Positive = 3_000
    """Gradient steps."""
    ablation_steps: Positive = 1_500
    """Gradient steps of the model trained on SAC's trajectories only."""
    batch_size: Positive = 128
    learning_rate: Rate = 1e-3
    """Peak of a linear warm-up followed by a cosine to zero."""
    warmup: Count = 100
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    ema_decay: Share = 0.999
    """Final decay of the moving average of the weights; it warms up as (1 + step) / (10 + step)."""
    noise_steps: Annotated[int, Field(ge=2, le=100_000)] = 100
    """Steps of the forward process (squared-cosine schedule)."""
    prediction: Literal["sample", "epsilon", "v_prediction"] = "sample"
    """What the network predicts: the clean trajectory, the noise, or the velocity."""
    return_dropout: Share = 0.1
    """How often the return is masked."""
    label_dropout: Share = 0.75
    """How often each label is masked, independently of all others."""
    condition: Literal["achieved", "hindsight", "one_hot"] = "achieved"
    """What a label's input holds in training. achieved: the value the design has, so that a request asks for the value
    at its threshold. hindsight: a threshold the design meets. one_hot: on which side of a fixed threshold it lies."""
    one_at_a_time: bool = False
    """Show at most one label of a trajectory, as composition by eq. 9 of Ajay et al. (2023) presumes."""
    never_together: tuple[tuple[str, str], ...] = ()
    """Pairs of labels of which one is always masked: combinations held out of training."""
    return_weighting: Annotated[float, Field(ge=0)] = 0.0
    """w of the loss weight exp(w * (normalised return - 1)), return clipped to [-1, 1]; 0: all trajectories alike."""
    inverse_hidden: Annotated[int, Field(ge=1, le=16_384)] = 128
    """Hidden width of the inverse-dynamics head."""
    evaluate_every: Positive = 250
    """Gradient steps between held-out evaluations; the best model by design quality is kept."""
    evaluate_contexts: Positive = 64
    """Validation contexts of such an evaluation; few where each asks for a whole episode of plans."""
    target_return: Annotated[float, Field(ge=-2, le=1)] = 0.998
    """Return asked for in held-out evaluations: within the dense part of good data. The default was tuned on validation
    contexts of power allocation."""
    denoising: DenoisingSettings = DenoisingSettings()
    """How designs are denoised, in held-out evaluations and wherever the model is used."""
    checkpoint_every: Positive = 500
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 on a GPU, float32 on a CPU."""
    compile: bool = False
    """torch.compile the network; pays on a GPU and in long runs."""
    processes: Annotated[int, Field(ge=1, le=1_024, exclude_if=lambda count: count == 1)] = 1
    """Processes of one machine that share each batch, which their number divides; on GPUs one each. Another number
    rounds otherwise; 1 goes unsaid in files."""

    @model_validator(mode="after")
    def batch_is_shared_evenly(self) -> Self:
        """Refuse a batch that the processes cannot share evenly."""
        if self.batch_size % self.processes:
            raise ValueError(f"batch_size = {self.batch_size} cannot be shared by processes = {self.processes}: give a "
                             "multiple")
        return self
