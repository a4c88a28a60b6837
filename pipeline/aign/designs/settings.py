"""Every number of the stages sample and evaluate, with bounds and reasons. Light to import: no torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from aign.diffusion.settings import Scheduler
from aign.settings import Positive, Settings

Return = Annotated[float, Field(ge=-1, le=1)]
Margins = Annotated[tuple[Annotated[float, Field(ge=0, le=4)], ...], Field(min_length=1)]
Targets = Annotated[tuple[Return, ...], Field(min_length=1)]


class SamplingSettings(Settings):
    """How designs are generated."""

    scheduler: Scheduler = "DDIMScheduler"
    """Which of the schedulers of diffusers denoises."""
    steps: Positive | None = None
    """Denoising steps; the model's own (train.denoising) where None."""
    guidance: Annotated[float, Field(ge=0, le=10)] = 2.0
    """Weight of classifier-free guidance on the labels asked for; 1 is the plain conditional model. This, `margins` and
    `constrained_target_returns` are among the best on validation contexts in the study of constraints."""
    compositional_guidance: bool = True
    """Guide by each label alone and add the changes; otherwise by all labels at once, which is the better way for
    models trained long enough to know what labels ask for together (constraints.json of the study, `choices`)."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Standard deviation of the initial noise: less is more accurate, more is more diverse; the model's own where
    None."""
    projected_steps: Annotated[int, Field(ge=0)] = 0
    """Last denoising steps in which the design is projected on the constraints; 0 leaves it to the end, which is as
    good where the closed form decides, and several times faster where a search has to."""
    mask_actions: Annotated[bool, Field(exclude_if=lambda kept: kept)] = True
    """In sequential scenarios: keep to choices that do no harm at once, such as a provider with room, while there are
    any. false shows what the network would do alone."""
    futures: Annotated[int | None, Field(ge=0, le=4096, exclude_if=lambda futures: futures is None)] = None
    """Where the scenario forecasts what nature decides, such as throughput: futures by which each decision is made. 0
    decides by plans; the model's own number where None."""
    target_returns: Targets = (0.998, 0.999, 0.9985, 0.9992, 0.997, 0.9995, 0.99, 0.98)
    """Normalised returns asked for, cycled over the candidates of a request without constraints: just below the best in
    the data."""
    margins: Margins = (0.05, 0.1, 0.2, 0.35, 0.6)
    """How much tighter than a threshold the network is asked for, in scores of the label (standard normal in training);
    cycled over the candidates, so that some keep clear of the threshold and others use it up."""
    unconditioned_fraction: Annotated[float, Field(ge=0, le=1)] = 0.125
    """Share of the candidates, the first ones, that are not conditioned on the constraints and only projected: they
    save a request whose combination the model has never seen."""
    constrained_target_returns: Targets = (0.98, 0.9, 0.7, 0.4, 0.0, -0.4, -0.8, -1.0)
    """As `target_returns`, where constraints hold: they cost an unknown share of the return and may press the best
    possible design below the cheap unconstrained reference, so the targets are spread."""


class RequestSettings(Settings):
    """One request of the stage sample."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Names the files of the answer."""
    preset: str | None = None
    """A context the scenario knows by name."""
    context: Path | None = None
    """A JSON or YAML file with the context."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the context drawn where neither preset nor file is given."""
    where: tuple[str, ...] = ()
    """Constraints such as total_power<=300."""
    count: Positive = 16
    start: Annotated[Path | None, Field(exclude_if=lambda start: start is None)] = None
    """A JSON or YAML file with the design that is deployed, or a saved answer; the answer then lists changes."""
    objective: Annotated[tuple[str, ...], Field(exclude_if=lambda objective: not objective)] = ()
    """What is wanted most, such as cost, min cost or max min_rate; none: the utility; several: the front."""
    spread: Annotated[Positive | None, Field(exclude_if=lambda spread: spread is None)] = None
    """Keep only so many good designs, as different as possible."""
    event: Annotated[tuple[str, ...], Field(exclude_if=lambda event: not event)] = ()
    """What goes wrong in the deployed design, such as "demand +20%"; the designs are for the situation after it."""


class SampleSettings(Settings):
    """Stage sample."""

    sampling: SamplingSettings = SamplingSettings()
    requests: tuple[RequestSettings, ...] = (RequestSettings(name="free"),)

    @field_validator("requests")
    @classmethod
    def names_differ(cls, requests: tuple[RequestSettings, ...]) -> tuple[RequestSettings, ...]:
        """Refuse two requests of one name: the second answer would take the place of the first."""
        names = [request.name for request in requests]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"duplicate name {repeated[0]!r}; every request needs its own")
        return requests


class EvaluateSettings(Settings):
    """Stage evaluate."""

    contexts: Annotated[int, Field(ge=2)] = 256
    """Test contexts; the stage uses as many as the dataset has, at most these."""
    candidates: Positive = 16
    """Designs generated for each context when the best one counts; in sequential scenarios each is a whole episode, so
    few are advisable."""
    constrained_contexts: Positive = 8
    """Test contexts in which the constrained requests are asked that the stage derives, at most those of `contexts`."""
    constrained_requests: Positive = 12
    """Requests derived: first each label bounded alone, then pairs of labels."""
    denoising_steps: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2, 5, 10)
    """Numbers of denoising steps compared on validation contexts; those that do not divide the model's noise steps are
    left out."""
    steps_contexts: Positive = 32
    """Validation contexts of that comparison; few where each asks for a whole episode of plans."""
