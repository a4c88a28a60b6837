"""How good designs are, over contexts: the one definition behind every average of returns.

With the utility U of a design, U_ref of the context's cheap reference and its certified optimum U*, the room of a
context is U* - U_ref. Two figures compare a design with both:

- the *normalised return* (U - U_ref) / (U* - U_ref) divides by the context's own room. It is what each episode stores
  and what models are conditioned on. It is not averaged: where the reference is already nearly optimal it divides by
  next to nothing, and a few such contexts rule the mean, whatever happens in all others.
- the *pooled return* 1 - (U* - U) / mean(U* - U_ref) divides by the mean room of all contexts. Its mean is
  sum(U - U_ref) / sum(U* - U_ref). It is what is averaged, ranked and printed.

Both are 0 for the reference, 1 for the optimum, negative below the reference, and the same when all utilities are
shifted by a constant or multiplied by a positive one. The pooled return is not clipped, so a loss counts for what it
is; a context without room counts by the utility lost in it. Clipping the normalised return instead would also keep a
mean from exploding, but a context without room would weigh as much as any other, and whether it counts as 1 or as the
lower end would hang on last digits; how bad the worst designs are would be hidden, and depend on where one clips.

Axes: B contexts, or episodes with the reference utilities of their contexts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

NEGLIGIBLE = 1e-9
"""Room below this share of 1 + |U*| is rounding: the reference is optimal."""
DEGENERATE_SHARE = 0.01
"""A context is degenerate where its room is at most this share of the mean room: its normalised return magnifies a
loss a hundred times or more."""
RESAMPLES = 1_000
"""Bootstrap draws behind an interval."""
LEVEL = 0.95
SEED = 0
DRAWN_AT_ONCE = 1 << 22
"""Numbers a bootstrap holds at once: bounds memory."""

Array = np.ndarray[Any, np.dtype[np.float64]]
Figures = dict[str, float | None]


def normalised_return(utility: Tensor, reference: Tensor, optimum: Tensor) -> Tensor:
    """Return (U - U_ref) / (U* - U_ref) of each design (B,); never average it, see above. The denominator is kept from
    vanishing where the reference is already optimal.
    """
    return (utility - reference) / _spread(reference, optimum)


def utility_gain(normalised: Tensor, reference: Tensor, optimum: Tensor) -> Tensor:
    """Return U - U_ref (B,), float64, from normalised returns (B,): undoes `normalised_return`."""
    return normalised.double() * _spread(reference, optimum)


def room(reference: Tensor, optimum: Tensor) -> Tensor:
    """Return U* - U_ref (B,), float64; 0 where it is negligible."""
    difference = optimum.double() - reference.double()
    return difference.where(difference > NEGLIGIBLE * (1.0 + optimum.abs()), 0.0)


def degenerate(reference: Tensor, optimum: Tensor) -> Tensor:
    """Return (B,) bool, whether a context has no room to speak of: see DEGENERATE_SHARE."""
    every = room(reference, optimum)
    return every <= DEGENERATE_SHARE * every.mean()


def pooled_returns(utility: Tensor, reference: Tensor, optimum: Tensor) -> Tensor:
    """Return 1 - (U* - U) / mean(U* - U_ref) of each design (B,), float64; NaN where no context has room."""
    mean = room(reference, optimum).mean()
    if mean == 0:
        return torch.full_like(mean, math.nan).expand(len(utility)).clone()
    return 1.0 - (optimum.double() - utility.double()) / mean


def pooled_return(utility: Tensor, reference: Tensor, optimum: Tensor) -> float:
    """Return sum(U - U_ref) / sum(U* - U_ref), the mean of `pooled_returns`; NaN where no context has room."""
    below = float(room(reference, optimum).sum())
    return float((utility.double() - reference.double()).sum()) / below if below else math.nan


def interval(gain: Tensor, room_B: Tensor) -> tuple[float, float]:
    """Return the 95 % interval of sum(gain) / sum(room), by a seeded bootstrap over contexts (percentiles).

    Args:
        gain: (B,) U - U_ref, summed over the episodes of a context where there are several.
        room_B: (B,) U* - U_ref, summed alike.

    Returns:
        Lower and upper end; NaN where fewer than two contexts, or none with room, tell nothing of the spread.
    """
    count = len(gain)
    if count < 2 or float(room_B.sum()) == 0:
        return math.nan, math.nan
    above, below = gain.double().numpy(), room_B.double().numpy()
    generator = np.random.default_rng(SEED)
    rows = max(1, DRAWN_AT_ONCE // count)
    ratios = np.concatenate([_resampled(above, below, generator, min(rows, RESAMPLES - done))
                             for done in range(0, RESAMPLES, rows)])
    low, high = np.nanquantile(ratios, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def summary(utility: Tensor, reference: Tensor, optimum: Tensor) -> Figures:
    """Return the pooled return of designs (B,) as JSON values: mean with its 95 % interval, 5 % quantile and worst
    context; None where no context has room.
    """
    values = pooled_returns(utility, reference, optimum)
    ends = interval(utility.double() - reference.double(), room(reference, optimum))
    figures = {"mean": pooled_return(utility, reference, optimum), "mean_low": ends[0], "mean_high": ends[1],
             "q05": float(values.quantile(0.05)), "worst": float(values.min())}
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def degenerate_contexts(reference: Tensor, optimum: Tensor) -> dict[str, Any]:
    """Return how many contexts are degenerate, of how many, and what that means, as JSON values."""
    return {"count": int(degenerate(reference, optimum).sum()), "of": len(reference),
            "meaning": f"The room U* - U_ref of a degenerate context is at most {DEGENERATE_SHARE:.0%} of the mean "
                       "room: the reference is (nearly) optimal there, and a normalised return says nothing."}


def rank(figures: Mapping[str, Any]) -> float:
    """Return by what methods of a report are ranked, from the figures of a method: the mean pooled return, or, where no
    context has room, the mean U/U* if that tells.
    """
    pooled: float | None = figures["normalised_return_pooled"]["mean"]
    return pooled if pooled is not None else float(figures.get("utility_ratio", {"mean": 0.0})["mean"])


def degenerate_shown(contexts: Mapping[str, Any]) -> str:
    """Return in words what `degenerate_contexts` counted."""
    return f"Degenerate are {contexts['count']:,} of {contexts['of']:,} contexts. {contexts['meaning']}"


def ratio_tells(reference: Tensor, optimum: Tensor) -> bool:
    """Return whether U/U* says how good a design is: only where utilities count from 0, all optima (B,) and references
    (B,) being above it.
    """
    return bool((optimum > 0).all() and (reference > 0).all())


def shown(figures: Mapping[str, float | None], digits: int = 4) -> str:
    """Return a mean with its interval, such as 0.9333 [0.9186, 0.9465]; a dash where it is undefined."""
    mean, low, high = (figures[name] for name in ("mean", "mean_low", "mean_high"))
    if mean is None:
        return "-"
    ends = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{mean:.{digits}f}{ends}"


def _spread(reference: Tensor, optimum: Tensor) -> Tensor:
    return (optimum - reference).clamp_min(NEGLIGIBLE * (1.0 + optimum.abs()))


def _resampled(gain: Array, room_B: Array, generator: np.random.Generator, draws: int) -> Array:
    """Return the ratio of sums of some draws, with repeats, of as many contexts; NaN where no room was drawn."""
    chosen = generator.integers(len(gain), size=(draws, len(gain)))
    below = room_B[chosen].sum(axis=1)
    ratio: Array = np.divide(gain[chosen].sum(axis=1), below, out=np.full(draws, np.nan), where=below > 0)
    return ratio
