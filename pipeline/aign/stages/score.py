"""How well a method did over all contexts.

Axes: B contexts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Score:
    """One method's result.

    Attributes:
        ratio: (B,) U/U*; None where it says nothing, see `ratio_tells`.
        normalised: (B,) normalised returns.
        pooled: sum(U - U_ref) / sum(U* - U_ref): unlike the mean, no context whose reference is nearly optimal can
            dominate it.
        milliseconds: how long one design took.
        utility: (B,) U, where decisions follow each other: the return of an episode, which others have printed.
    """

    ratio: Tensor | None
    normalised: Tensor
    pooled: float
    milliseconds: float
    utility: Tensor | None = None

    @property
    def decisive(self) -> Tensor:
        """(B,) by what methods are ranked and drawn: U/U*, or the normalised return where that says nothing."""
        return self.normalised if self.ratio is None else self.ratio

    def to_json(self) -> dict[str, Any]:
        """Return the summary that goes into metrics.json: the same in every run, so without times."""
        return {**({} if self.ratio is None else {"utility_ratio": summary(self.ratio)}),
                **({} if self.utility is None else {"utility": summary(self.utility)}),
                "normalised_return": summary(self.normalised),
                "normalised_return_pooled": self.pooled}

    def timed(self) -> dict[str, Any]:
        """Return the same with how long a design took, for files that no later run need equal."""
        return {**self.to_json(), "milliseconds_per_design": float(f"{self.milliseconds:.3g}")}


def ratio_tells(reference: Tensor, optimum: Tensor) -> bool:
    """Return whether U/U* says how good a design is: only where utilities count from 0, all optima (B,) and references
    (B,) being above it.
    """
    return bool((optimum > 0).all() and (reference > 0).all())


def summary(values: Tensor) -> dict[str, float]:
    """Return mean with its 95 % interval, 5 % quantile and worst of values (B,)."""
    half = 1.96 * float(values.std()) / len(values) ** 0.5
    mean = float(values.mean())
    return {"mean": mean, "mean_low": mean - half, "mean_high": mean + half, "q05": float(values.quantile(0.05)),
            "worst": float(values.min())}
