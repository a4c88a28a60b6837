"""From requests to ranked, verified designs: draft, ladder of target returns, projection, verification, ranking.

Axes: B contexts, K candidates of each, C context values, X design values, T horizon, S state values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.designs import receding_horizon
from aign.designs.settings import SamplingSettings
from aign.designs.verification import Verified, verify
from aign.diffusion.pipeline import DesignPipeline, Sampling
from aign.diffusion.quality import TARGET_RETURN
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.sequential import is_sequential

ROWS = 4_096
"""Plans denoised at once: bounds memory."""
CYCLED = {"ladder", "constrained_ladder", "margins", "hidden"}
"""Settings that differ between the candidates of a request."""


@dataclass(frozen=True)
class Candidates:
    """K verified designs for each of B contexts, the best first: feasible before infeasible, then by utility.

    Attributes:
        designs: (B, K, X); utility: (B, K); labels: name -> (B, K).
        feasible, raw_feasible, reached: (B, K) bool; see `Verified`.
        paths: (B, K, T+1, S).
        target_returns: (B, K) what each candidate was asked for.
    """

    designs: Tensor
    utility: Tensor
    labels: Mapping[str, Tensor]
    feasible: Tensor
    raw_feasible: Tensor
    reached: Tensor
    paths: Tensor
    target_returns: Tensor


def generate(pipeline: DesignPipeline, contexts: Tensor, constraints: Sequence[Constraint] = (), count: int = 16,
             settings: SamplingSettings | None = None, seed: int = 0) -> Candidates:
    """Generate, verify and rank `count` designs for each context (B, C)."""
    settings = settings or SamplingSettings()
    generator = torch.Generator(pipeline.device).manual_seed(seed)
    sampling = sampling_of(settings)
    chunk = max(1, ROWS // count)
    parts = []
    for part in torch.split(contexts, chunk):
        shown = binding(pipeline, part, constraints, sampling, generator)
        targets = settings.constrained_ladder if constraints else settings.ladder
        ladder = torch.tensor(targets if count > 1 else targets[:1])
        returns = ladder.repeat(-(-count // len(ladder)))[:count].repeat(len(part))
        margins = torch.tensor(settings.margins).repeat(count)[:count].repeat(len(part))
        repeated = part.repeat_interleave(count, dim=0)
        verified = designed(pipeline, repeated, returns, constraints, seen(shown, count, settings), sampling, generator,
                            margins)
        fields = {**vars(verified), **{f"label:{name}": value for name, value in verified.labels.items()},
                  "target_returns": returns}
        parts.append(ranked({name: value.unflatten(0, (len(part), count)) for name, value in fields.items()
                             if isinstance(value, Tensor)}))
    merged = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    labels = {name.removeprefix("label:"): merged.pop(name) for name in list(merged) if name.startswith("label:")}
    return Candidates(labels=labels, **merged)


def sampling_of(settings: SamplingSettings) -> Sampling:
    """Return how to denoise by settings; where they do not name a scheduler, one put into the pipeline is heeded."""
    unsaid = {"scheduler"} - settings.model_fields_set
    return Sampling(**settings.model_dump(exclude=CYCLED | unsaid))


def designed(pipeline: DesignPipeline, contexts: Tensor, returns: Tensor, constraints: Sequence[Constraint],
             shown: Tensor | None, sampling: Sampling, generator: torch.Generator, margins: Tensor | None) -> Verified:
    """Return one verified design a row: the end of a plan, or where decisions follow each other a whole episode."""
    asked = (contexts, returns, constraints, shown, sampling, generator, margins)
    if is_sequential(pipeline.scenario):
        return receding_horizon.run(pipeline, *asked)
    return verify(pipeline, contexts, pipeline(*asked), constraints)


def binding(pipeline: DesignPipeline, contexts: Tensor, constraints: Sequence[Constraint], sampling: Sampling,
            generator: torch.Generator) -> Tensor:
    """Return which constraints to show the network in each context, (B, number of constraints) bool.

    A label's threshold is shown only where an unconstrained draft breaks it: shown where it is slack, it would pin the
    label to a value nobody asked for.
    """
    if not constraints:
        return torch.zeros(len(contexts), 0, dtype=torch.bool)
    returns = torch.full((len(contexts),), TARGET_RETURN)
    if is_sequential(pipeline.scenario):
        values = receding_horizon.run(pipeline, contexts, returns, sampling=sampling, generator=generator).labels
    else:
        draft = pipeline(contexts, returns, sampling=sampling, generator=generator).designs.cpu()
        values = pipeline.scenario.measure(contexts.cpu(), draft)
    return torch.stack([~constraint.holds(values[constraint.label]) for constraint in constraints], dim=1)


def seen(shown: Tensor, count: int, settings: SamplingSettings) -> Tensor:
    """Return which constraints each of `count` candidates is shown, (B * count, Q), given its context's own (B, Q)."""
    candidates = shown[:, None].repeat(1, count, 1)
    candidates[:, :int(settings.hidden * count)] = False
    return candidates.flatten(0, 1)


def ranked(fields: dict[str, Tensor]) -> dict[str, Tensor]:
    """Sort every field (B, K, ...) by feasibility, then utility, the best first."""
    by_utility = fields["utility"].argsort(dim=1, descending=True, stable=True)
    first = fields["feasible"].gather(1, by_utility).int().argsort(dim=1, descending=True, stable=True)
    order = by_utility.gather(1, first)

    def sort(value: Tensor) -> Tensor:
        index = order.reshape(*order.shape, *[1] * (value.ndim - 2)).expand_as(value)
        return value.gather(1, index)

    return {name: sort(value) for name, value in fields.items()}
