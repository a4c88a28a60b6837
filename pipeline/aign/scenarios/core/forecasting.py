"""What a sequential network says of its chance, so that a model can forecast it and decide by the forecasts; optional.

Axes: B networks, C context values, S observed state values, Z all state values, A action values, F futures of one
moment, H steps ahead, E values that nature decides in a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate

from torch import Tensor

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.features import Feature


class Forecasting(ABC):
    """The part of a sequential scenario in which nature decides something at each step whatever the decisions are."""

    exogenous: tuple[str, ...]
    """Names of the state features that nature decides anew at each step, such as the throughput of the last chunk."""
    history: tuple[str, ...] = ()
    """Names of further state features that tell what it decided before; with the others all that forecasts rest on."""
    unseen: tuple[Feature, ...] = ()
    """What it decides at each step too and no state shows, such as the time to the next arrival; of size 1 each."""
    state_features: tuple[Feature, ...]

    def unseen_values(self, contexts: Tensor) -> Tensor:
        """Return the values of `unseen` (B, T, U) that the T steps of episodes in contexts (B, C) have."""
        raise NotImplementedError(f"{type(self).__name__} has no unseen values")

    @abstractmethod
    def judges(self, constraints: Sequence[Constraint]) -> bool:
        """Return whether `judge` heeds all of these constraints."""

    @abstractmethod
    def judge(self, contexts: Tensor, states: Tensor, futures: Tensor, constraints: Sequence[Constraint]) -> Tensor:
        """Return how good each action is over possible futures: scores (B, A), of which the largest decides.

        Args:
            contexts: (B, C); nothing of them may be read that is not known at this moment.
            states: (B, Z), all after the same number of steps.
            futures: (B, F, H, E) what nature may decide in the next steps, in raw units: the values of `exogenous`,
                in the order of the state features, then those of `unseen`.
            constraints: on the whole episode.
        """


def forecasting_of(scenario: object) -> Forecasting | None:
    """Return a scenario as one that forecasts; None where it does not."""
    return scenario if isinstance(scenario, Forecasting) else None


def columns(features: Sequence[Feature], names: Sequence[str]) -> list[int]:
    """Return the places of the values of features, by name, in the order of the features.

    Raises:
        KeyError: a name that no feature has.
    """
    missing = set(names) - {feature.name for feature in features}
    if missing:
        raise KeyError(f"no state feature is called {', '.join(sorted(missing))}")
    starts = accumulate((feature.size for feature in features), initial=0)
    return [start + place for start, feature in zip(starts, features, strict=False) if feature.name in names
            for place in range(feature.size)]
