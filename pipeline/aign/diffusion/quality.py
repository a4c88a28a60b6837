"""Held-out design quality: what the model's designs are worth in the simulator, on contexts it never trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.pipeline import DesignPipeline, Sampling
from aign.diffusion.receding_horizon import follow
from aign.scenarios.base import normalised_return
from aign.scenarios.sequential import is_sequential

TARGET_RETURN = 0.998
"""The return asked for when one design has to do: within the dense part of good data, tuned on validation contexts."""
QUICK_STEPS = 4
"""Denoising steps, at most, where a plan is made for each decision of an episode."""


@dataclass(frozen=True)
class HeldOut:
    """Validation contexts (B, C) with the utilities (B,) of their reference and certified optimum."""

    contexts: Tensor
    reference: Tensor
    optimum: Tensor


def held_out_quality(pipeline: DesignPipeline, held_out: HeldOut, seed: int,
                     wanted: float = TARGET_RETURN) -> dict[str, float]:
    """Return how good single designs are: normalised return (mean, 5 % quantile, worst, pooled) and utility ratio.

    The pooled return is sum(U - U_ref) / sum(U* - U_ref). It decides which model is kept, because a single context
    whose reference is nearly optimal can dominate the mean.
    """
    generator = torch.Generator(pipeline.device).manual_seed(seed)
    utility = achieved(pipeline, held_out.contexts, torch.full((len(held_out.contexts),), wanted), generator)
    score = normalised_return(utility, held_out.reference, held_out.optimum)
    ratio = float((utility / held_out.optimum).mean())
    return {"normalised_return_mean": float(score.mean()), "normalised_return_q05": float(score.quantile(0.05)),
            "normalised_return_worst": float(score.min()), "normalised_return_pooled": pooled(utility, held_out),
            **({"utility_ratio_mean": ratio} if math.isfinite(ratio) else {})}


def achieved(pipeline: DesignPipeline, contexts: Tensor, wanted: Tensor, generator: torch.Generator) -> Tensor:
    """Return the utility (B,) of one design for each context (B, C) under wanted returns (B,).

    Where decisions follow each other, plans are made with few denoising steps, for there are many.
    """
    scenario = pipeline.scenario
    if not is_sequential(scenario):
        return scenario.utility(contexts, pipeline(contexts, wanted, generator=generator).designs.cpu())
    trained = pipeline.trained_with.config.num_train_timesteps
    steps = max(number for number in range(1, QUICK_STEPS + 1) if trained % number == 0)
    done = follow(pipeline, contexts, wanted, sampling=Sampling(steps=steps), generator=generator)
    return scenario.outcome(contexts, done.final.cpu())[0]


def pooled(utility: Tensor, held_out: HeldOut) -> float:
    """Return sum(U - U_ref) / sum(U* - U_ref) over the held-out contexts; see `normalised_return`."""
    return float(normalised_return(utility.sum(), held_out.reference.sum(), held_out.optimum.sum()))
