"""Designs as the network makes them, for many requests at once and before any projection.

Requests differ in their labels and thresholds; one batch serves them all, because which constraints a row is shown is a
mask.

Axes: R requests, K candidates of each, N users, C context values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from aign.designs.generation import candidate_masks, sampling_of
from aign.designs.settings import SamplingSettings
from aign.diffusion.pipeline import DesignPipeline
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.power_allocation.scenario import PowerAllocation
from aign.studies.request_sets import Asked

ROWS = 1_024
"""Plans denoised at once, about."""


class Unprojected(PowerAllocation):
    """Power allocation in which constraints change nothing: designs are only rounded to whole levels."""

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return the nearest whole levels, whatever the constraints."""
        return self.admissible(designs)


def unprojected(pipeline: DesignPipeline) -> DesignPipeline:
    """Return the same model, whose designs nothing repairs."""
    bare = pipeline.like(dict(pipeline.config.design))
    bare.scenario = Unprojected(pipeline.scenario.parameters)
    return bare


def raw_designs(pipeline: DesignPipeline, requests: Sequence[Asked], count: int, settings: SamplingSettings,
                seed: int, show: bool = True) -> Tensor:
    """Return the designs (R, K, N) of requests before any projection.

    Args:
        pipeline: a model of power allocation.
        requests: R of them.
        count: K.
        settings: how to sample; target returns and margins are cycled over the candidates as in `generate`.
        seed: of the noise.
        show: whether the network sees the constraints; if not, it is the same model without them.
    """
    bare, generator = unprojected(pipeline), torch.Generator(pipeline.device).manual_seed(seed)
    sampling = replace(sampling_of(settings), projected_steps=0)
    returns, margins = cycled(settings.constrained_target_returns, count), cycled(settings.margins, count)
    size = max(1, ROWS // count)
    found = []
    for start in range(0, len(requests), size):
        part = requests[start:start + size]
        contexts = torch.stack([one.context for one in part]).repeat_interleave(count, dim=0)
        constraints = [constraint for one in part for constraint in one.constraints]
        own = candidate_masks(shown(part) & show, count, settings)
        plans = bare(contexts, returns.repeat(len(part)), constraints, own, sampling, generator,
                     margins.repeat(len(part)))
        found.append(plans.raw_designs.cpu().unflatten(0, (len(part), count)))
    return torch.cat(found)


def shown(requests: Sequence[Asked]) -> Tensor:
    """Return which of all constraints, request by request, are each request's own; (R, all constraints) bool."""
    owners = [row for row, one in enumerate(requests) for _ in one.constraints]
    return torch.arange(len(requests))[:, None] == torch.tensor(owners)[None]


def cycled(values: Sequence[Any], count: int) -> Tensor:
    """Return `count` values (K,), those given over and over."""
    return torch.tensor(values).repeat(-(-count // len(values)))[:count]
