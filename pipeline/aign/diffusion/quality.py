"""Held-out design quality: what the model's designs are worth in the simulator, on contexts it never trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.pipeline import DesignPipeline
from aign.scenarios.base import normalised_return

TARGET_RETURN = 0.998
"""The return asked for when one design has to do: within the dense part of good data, tuned on validation contexts."""


@dataclass(frozen=True)
class HeldOut:
    """Validation contexts (B, C) with the utilities (B,) of their reference and certified optimum."""

    contexts: Tensor
    reference: Tensor
    optimum: Tensor


def held_out_quality(pipeline: DesignPipeline, held_out: HeldOut, seed: int) -> dict[str, float]:
    """Return how good single designs are: normalised return (mean, 5 % quantile, worst, pooled) and utility ratio.

    The pooled return is sum(U - U_ref) / sum(U* - U_ref). It decides which model is kept, because a single context
    whose reference is nearly optimal can dominate the mean.
    """
    generator = torch.Generator(pipeline.device).manual_seed(seed)
    wanted = torch.full((len(held_out.contexts),), TARGET_RETURN)
    designs = pipeline(held_out.contexts, wanted, generator=generator).designs.cpu()
    utility = pipeline.scenario.utility(held_out.contexts, designs)
    score = normalised_return(utility, held_out.reference, held_out.optimum)
    return {"normalised_return_mean": float(score.mean()), "normalised_return_q05": float(score.quantile(0.05)),
            "normalised_return_worst": float(score.min()), "normalised_return_pooled": pooled(utility, held_out),
            "utility_ratio_mean": float((utility / held_out.optimum).mean())}


def pooled(utility: Tensor, held_out: HeldOut) -> float:
    """Return sum(U - U_ref) / sum(U* - U_ref) over the held-out contexts; see `normalised_return`."""
    return float(normalised_return(utility.sum(), held_out.reference.sum(), held_out.optimum.sum()))
