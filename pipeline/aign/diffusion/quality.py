"""Held-out design quality: what the model's designs are worth in the simulator, on contexts it never trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.model import DesignModel
from aign.scenarios.core.returns import pooled_return

TARGET_RETURN = 0.998
"""The return asked for when one design has to do: within the dense part of good data, tuned on validation contexts."""


@dataclass(frozen=True)
class HeldOut:
    """Validation contexts (B, C) with the utilities (B,) of their reference and certified optimum."""

    contexts: Tensor
    reference: Tensor
    optimum: Tensor


def held_out_quality(model: DesignModel, held_out: HeldOut, seed: int,
                     wanted: float = TARGET_RETURN) -> dict[str, float]:
    """Return how good single designs are: the pooled return and the mean utility ratio, each where it is defined."""
    plans = model(held_out.contexts, torch.full((len(held_out.contexts),), wanted),
                  sampling=model.strategy.evaluation_sampling(model.sampling, model.schedule.steps),
                  generator=torch.Generator(model.device).manual_seed(seed))
    utility = model.scenario.outcome(held_out.contexts, plans.final.cpu())[0]
    quality = {"normalised_return_pooled": pooled_return(utility, held_out.reference, held_out.optimum),
               "utility_ratio_mean": float((utility / held_out.optimum).mean())}
    return {name: value for name, value in quality.items() if math.isfinite(value)}


def merit(entry: Mapping[str, float]) -> float:
    """Return by what an evaluation of a training is ranked, the greater the better; the best one's model is kept.

    It is the pooled return of its designs, or, where no held-out context has room, the held-out loss, negative.
    """
    return float(entry.get("normalised_return_pooled", -entry["held_out_loss"]))
