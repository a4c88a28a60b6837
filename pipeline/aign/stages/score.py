"""How well a method did over all contexts.

Axes: B contexts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Score:
    """One method's result: U/U* (B,), normalised returns (B,), their pooled value, and how long one design took.

    The pooled return is sum(U - U_ref) / sum(U* - U_ref): unlike the mean, no context whose reference is nearly
    optimal can dominate it.
    """

    ratio: Tensor
    normalised: Tensor
    pooled: float
    milliseconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the summary that goes into metrics.json."""
        return {"utility_ratio": summary(self.ratio), "normalised_return": summary(self.normalised),
                "normalised_return_pooled": self.pooled,
                "milliseconds_per_design": float(f"{self.milliseconds:.3g}")}


def summary(values: Tensor) -> dict[str, float]:
    """Return mean with its 95 % interval, 5 % quantile and worst of values (B,)."""
    half = 1.96 * float(values.std()) / len(values) ** 0.5
    mean = float(values.mean())
    return {"mean": mean, "mean_low": mean - half, "mean_high": mean + half, "q05": float(values.quantile(0.05)),
            "worst": float(values.min())}
