"""Designs of requests as the network makes them, before any projection.

Axes: R requests, K designs of an answer, N users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from aign.designs.generation import candidate_masks, cycled, sampling_of
from aign.designs.settings import SamplingSettings
from aign.diffusion.model import DesignModel
from studies.request_sets import StudyRequest

ROWS = 1_024
"""Plans denoised at once, about."""


def raw_designs(pipeline: DesignModel, requests: Sequence[StudyRequest], count: int, settings: SamplingSettings,
                seed: int, conditioned: bool = True) -> Tensor:
    """Return the designs (R, K, N) of requests before any projection, only rounded to whole levels; K is `count`. One
    batch serves requests that differ in labels and thresholds: which constraints a row is conditioned on is a mask.

    Target returns and margins are cycled over the candidates as in `generate`. If not `conditioned`, the network is not
    given the constraints: the same model without them.
    """
    generator = torch.Generator(pipeline.device).manual_seed(seed)
    sampling = replace(sampling_of(settings, pipeline.sampling), projected_steps=0)
    returns, margins = cycled(settings.constrained_target_returns, count), cycled(settings.margins, count)
    parts, size = [], max(1, ROWS // count)
    for part in (requests[start:start + size] for start in range(0, len(requests), size)):
        contexts = torch.stack([request.context for request in part]).repeat_interleave(count, dim=0)
        constraints = [constraint for request in part for constraint in request.constraints]
        mask = candidate_masks(condition_mask(part) & conditioned, count, settings)
        plans = pipeline(contexts, returns.repeat(len(part)), constraints, mask, sampling, generator,
                         margins.repeat(len(part)), project=False)
        parts.append(plans.designs.cpu().unflatten(0, (len(part), count)))
    return torch.cat(parts)


def condition_mask(requests: Sequence[StudyRequest]) -> Tensor:
    """Return which of all constraints, request by request, belong to each request; (R, all constraints) bool."""
    owners = [row for row, request in enumerate(requests) for _ in request.constraints]
    return torch.arange(len(requests))[:, None] == torch.tensor(owners)[None]
