"""Trajectory quality (TQ): how good the episodes of a dataset are, as one figure.

After Schweighofer et al., "A Dataset Perspective on Offline Reinforcement Learning" (arXiv 2111.04714), who divide the
mean return of a dataset by that of an expert. Here it is the mean pooled return (`scenarios.returns`) of the training
episodes, with an interval and the number of degenerate contexts. Without the dataset's contexts file it is not known.

Earlier programs stated the plain mean of normalised returns, which a few degenerate contexts rule. A quality.json says
by its `version` which of the two it holds: none is the plain mean, 2 the pooled return. A file stays as it was written,
and is verified as such; whoever shows an older one computes the pooled return from the episodes
(`quality.read_quality`).

Axes: E training episodes, B contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.core import returns
from aign.scenarios.core.scenario import finite_or_none
from aign.trajectories.contexts import CONTEXTS, read_contexts
from aign.trajectories.reference_utilities import ReferenceUtilities
from aign.trajectories.shard import Shard
from aign.trajectories.statistics import TRAINING, Values, component

VERSION, PLAIN = 2, 1
"""What quality.json states by `version`, and what it means that it states none."""
CONVENTION = (
    "Pooled return of the training split, sum(U - U_ref) / sum(U* - U_ref) over its episodes: 0 is the cheap "
    "reference, 1 the certified optimum (or bound), negative is worse than the reference. Brackets: 95 % interval by a "
    "bootstrap over contexts. Beside it, where utilities count from 0, the mean U/U*.")
PLAIN_CONVENTION = ("Mean normalised return (U - U_ref) / (U* - U_ref) of the training split: 0 is the cheap "
                    "reference, 1 the certified optimum (or bound); negative is worse than the reference.")


@dataclass(frozen=True, eq=False)
class PooledReturn:
    """Trajectory quality in today's convention.

    Attributes:
        gain: (E,) float64, U - U_ref.
        room: (E,) float64, U* - U_ref.
        context: (E,) int64, number of the context, from 0.
        reference: (B,) float64, of each context.
        optimum: (B,) float64.
    """

    gain: Tensor
    room: Tensor
    context: Tensor
    reference: Tensor
    optimum: Tensor

    @classmethod
    def measured(cls, normalised: Tensor, references: ReferenceUtilities, rows: Tensor) -> PooledReturn:
        """Take normalised returns (E,) and the rows (E,) of their contexts."""
        different, context = rows.unique(return_inverse=True)
        reference, optimum = references.reference[different], references.optimum[different]
        return cls(returns.utility_gain(normalised, reference[context], optimum[context]),
                   returns.room(reference, optimum)[context], context, reference, optimum)

    def overall(self) -> dict[str, Any]:
        """Return value, interval, convention and degenerate contexts."""
        low, high = returns.interval(*(torch.from_numpy(np.bincount(self.context, values)) for values in
                                       (self.gain, self.room)))
        return {"value": self.of(np.ones(len(self.gain), bool)), "low": finite_or_none(low),
                "high": finite_or_none(high), "utility_ratio": self._ratio(), "convention": CONVENTION,
                "degenerate_contexts": returns.degenerate_contexts(self.reference, self.optimum)}

    def _ratio(self) -> float | None:
        if not returns.ratio_tells(self.reference, self.optimum):
            return None
        utility = self.reference[self.context] + self.gain
        return float((utility / self.optimum[self.context]).numpy().mean())

    def of(self, chosen: Values) -> float | None:
        """Return the pooled return of the episodes chosen (E,) bool; None where their contexts have no room."""
        room = float(self.room.numpy()[chosen].sum())
        return float(self.gain.numpy()[chosen].sum()) / room if room else None


@dataclass(frozen=True, eq=False)
class PlainMean:
    """Trajectory quality as earlier programs stated it; only to verify the files they wrote.

    Attributes:
        normalised: (E,) normalised returns.
    """

    normalised: Values

    def overall(self) -> dict[str, Any]:
        """Return value and convention."""
        return {"value": float(self.normalised.mean()), "convention": PLAIN_CONVENTION}

    def of(self, chosen: Values) -> float | None:
        """Return the mean of the episodes chosen (E,) bool."""
        return float(self.normalised[chosen].mean())


class UnknownQuality:
    """A dataset without contexts file: its reference utilities are not known."""

    def overall(self) -> dict[str, Any]:
        """Return that there is no value, and why."""
        return {"value": None, "low": None, "high": None, "utility_ratio": None, "degenerate_contexts": None,
                "convention": f"{CONVENTION} Not known here: the dataset has no {CONTEXTS}."}

    def of(self, chosen: Values) -> None:
        """Return None."""


TrajectoryQuality = PooledReturn | PlainMean | UnknownQuality


def measure(shards: Sequence[Shard], contexts: Path | None) -> PooledReturn | UnknownQuality:
    """Return how good the training episodes are, in today's convention.

    Args:
        shards: the dataset.
        contexts: its contexts file; None where it has none.

    Raises:
        DatasetError: the contexts file cannot be read, or lacks the context of an episode.
    """
    if contexts is None:
        return UnknownQuality()
    references = ReferenceUtilities(read_contexts(contexts)[1])
    rows = torch.cat([references.rows_of(shard)[shard.rows_of(TRAINING)] for shard in shards])
    return PooledReturn.measured(torch.from_numpy(component(shards, "return_normalised")), references, rows)


def quality_text(figures: dict[str, Any]) -> str:
    """Return a trajectory quality in words: value, interval, U/U* where utilities count from 0, degenerate contexts."""
    few = figures["degenerate_contexts"]
    if few is None:
        return "not known"
    pooled = {"mean": figures["value"], "mean_low": figures["low"], "mean_high": figures["high"]}
    ratio = "" if figures["utility_ratio"] is None else f"; mean U/U* {figures['utility_ratio']:.4f}"
    return f"{returns.shown(pooled)}{ratio}; {few['count']:,} of {few['of']:,} contexts are degenerate"
