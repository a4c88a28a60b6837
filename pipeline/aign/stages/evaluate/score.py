"""How well a method did over all contexts.

Axes: B contexts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from aign.scenarios.core import returns
from aign.trajectories.contexts import Contexts


@dataclass(frozen=True)
class Score:
    """One method's result.

    Attributes:
        contexts: what it designed for.
        utility: (B,) U.
        milliseconds: how long one design took.
        earned: U itself is in the summary: in sequential scenarios it is the return of an episode, which others have
            printed.
    """

    contexts: Contexts
    utility: Tensor
    milliseconds: float
    earned: bool = False

    @property
    def pooled(self) -> Tensor:
        """(B,) pooled returns, by whose mean methods are ranked: see `scenarios.returns`."""
        return returns.pooled_returns(self.utility, self.contexts.reference, self.contexts.optimum)

    @property
    def mean(self) -> float:
        """Mean pooled return; NaN where no context has room."""
        return returns.pooled_return(self.utility, self.contexts.reference, self.contexts.optimum)

    @property
    def ratio(self) -> Tensor | None:
        """(B,) U/U*; None where it says nothing, see `returns.ratio_tells`."""
        tells = returns.ratio_tells(self.contexts.reference, self.contexts.optimum)
        return self.utility / self.contexts.optimum if tells else None

    def to_json(self) -> dict[str, Any]:
        """Return the summary that goes into metrics.json: the same in every run, so without times."""
        return {"normalised_return_pooled": returns.summary(self.utility, self.contexts.reference,
                                                            self.contexts.optimum),
                **({} if self.ratio is None else {"utility_ratio": summary(self.ratio)}),
                **({"utility": summary(self.utility)} if self.earned else {})}

    def timed(self) -> dict[str, Any]:
        """Return the same with how long a design took, for files that no later run need equal."""
        return {**self.to_json(), "milliseconds_per_design": float(f"{self.milliseconds:.3g}")}


def summary(values: Tensor) -> dict[str, float]:
    """Return mean with its 95 % interval, 5 % quantile and worst of values (B,)."""
    half = 1.96 * float(values.std()) / len(values) ** 0.5
    mean = float(values.mean())
    return {"mean": mean, "mean_low": mean - half, "mean_high": mean + half, "q05": float(values.quantile(0.05)),
            "worst": float(values.min())}
