"""Between raw units and the numbers a network likes; travels as JSON inside the model folder.

Axes: B batch, L planned states, S state values, K fixed observation values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.core.scenario import Scenario

CHANGE_LEVEL = 0.995
"""Quantile of the changes of a value in the data that becomes 1; larger ones are clipped."""
CHANGE_ROWS = 20_000
"""Windows, at most, from which changes are measured."""
LEAST_SPREAD = 1e-6
"""A value that hardly varies in the data is centred, but never blown up."""


@dataclass(frozen=True)
class Normaliser:
    """States to [-1, 1] by their bounds, fixed observations to standard scores.

    Attributes:
        state_low, state_high: S bounds in raw units.
        fixed_mean, fixed_std: K statistics of the training split.
        change: S sizes of changes within a window, in normalised units; None where plans are states themselves. In
            sequential scenarios a plan is made of changes from what is observed now: a step moves a state by little of
            its range, which noise that spans the range would drown.
    """

    state_low: Sequence[float]
    state_high: Sequence[float]
    fixed_mean: Sequence[float]
    fixed_std: Sequence[float]
    change: Sequence[float] | None = None

    @classmethod
    def fit(cls, scenario: Scenario[Any], fixed_BK: Tensor) -> Normaliser:
        """Take bounds from the scenario and statistics of each value from fixed observations (B, K) of training."""
        std = fixed_BK.double().std(dim=0, correction=0) if fixed_BK.shape[1] else torch.zeros(0).double()
        std = torch.where(std > LEAST_SPREAD, std, 1.0)
        return cls(*bounds(scenario), fixed_BK.double().mean(dim=0).tolist(), std.tolist())

    @classmethod
    def fit_shared(cls, scenarios: Sequence[Scenario[Any]], fixed: Sequence[Tensor]) -> Normaliser:
        """Take one mean and spread for all values of a feature, over several datasets of one family.

        Every entity is then measured alike, which a set network needs; numbers of resources stay as they are. The
        result is that of the first scenario; `at` gives it for another number of entities.
        """
        mean, std = [], []
        parts = [values.split([feature.size for feature in scenario.fixed_features], dim=1)
                 for scenario, values in zip(scenarios, fixed, strict=True)]
        for feature, runs in zip(scenarios[0].fixed_features, zip(*parts, strict=True), strict=True):
            values = torch.cat([run.double().flatten() for run in runs])
            if feature.name == scenarios[0].resource_feature:
                values = torch.tensor([-1.0, 1.0])  # of mean 0 and spread 1
            spread = float(values.std(correction=0))
            mean += [float(values.mean())] * feature.size
            std += [spread if spread > LEAST_SPREAD else 1.0] * feature.size
        return cls(*bounds(scenarios[0]), mean, std)

    def at(self, trained: Scenario[Any], scenario: Scenario[Any]) -> Normaliser:
        """Return shared statistics, fitted on `trained`, for another scenario of its family."""
        starts = accumulate((feature.size for feature in trained.fixed_features), initial=0)
        places = [start for start, feature in zip(starts, scenario.fixed_features, strict=False)
                  for _ in range(feature.size)]
        return Normaliser(*bounds(scenario), *([values[place] for place in places]
                                               for values in (self.fixed_mean, self.fixed_std)))

    def with_changes(self, states: Tensor) -> Normaliser:
        """Return a normaliser whose plans are changes, of the size they have in windows (B, L+1, S), normalised."""
        rows = states[::-(-len(states) // CHANGE_ROWS)]
        changes = (rows[:, 1:] - rows[:, :1]).abs().flatten(0, 1).cpu().numpy()
        size = np.quantile(changes, CHANGE_LEVEL, axis=0).astype(float)
        return replace(self, change=np.where(size > LEAST_SPREAD, size, 1.0).tolist())

    def plan(self, states: Tensor, first: Tensor) -> Tensor:
        """Return normalised states (B, L, S) that follow a first one (B, S) as what the network generates."""
        if self.change is None:
            return states
        return ((states - first[:, None]) / torch.tensor(self.change, device=states.device)).clamp(-1.0, 1.0)

    def planned(self, plan: Tensor, first: Tensor) -> Tensor:
        """Return the normalised states (B, L, S) that a generated plan from a first state (B, S) stands for."""
        if self.change is None:
            return plan
        following: Tensor = (first[:, None] + plan * torch.tensor(self.change, device=plan.device)).clamp(-1.0, 1.0)
        return following

    def states(self, raw: Tensor) -> Tensor:
        """Map raw states (..., S) to [-1, 1], float32."""
        low, high = self._bounds(raw)
        return ((raw - low) / (high - low) * 2 - 1).float()

    def raw_states(self, scaled: Tensor) -> Tensor:
        """Map states (..., S) from [-1, 1] to raw units, float32."""
        low, high = self._bounds(scaled)
        return ((scaled + 1) / 2 * (high - low) + low).float()

    def fixed(self, raw: Tensor) -> Tensor:
        """Map fixed observations (..., K) to standard scores, float32."""
        mean, std = (self._tensors[name].to(raw.device) for name in ("fixed_mean", "fixed_std"))
        return ((raw - mean) / std).float()

    def _bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return self._tensors["state_low"].to(like.device), self._tensors["state_high"].to(like.device)

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        names = ("state_low", "state_high", "fixed_mean", "fixed_std")
        return {name: torch.tensor(getattr(self, name)) for name in names}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `Normaliser(**values)` is the same normaliser again."""
        return {name: list(values) for name, values in asdict(self).items() if values is not None}


def bounds(scenario: Scenario[Any]) -> tuple[list[float], list[float]]:
    """Return the lower and upper bound of every state value."""
    pairs = [(feature.low, feature.high) for feature in scenario.state_features for _ in range(feature.size)]
    return [low for low, _ in pairs], [high for _, high in pairs]
