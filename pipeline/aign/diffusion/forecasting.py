"""Futures of what nature decides: a second denoiser beside that of plans, trained on the same windows.

It sees only the part of the first state that tells what nature decided before, and neither returns nor labels: what
nature decides does not depend on what is wanted. Its futures say what may come; a scenario's critic decides by them
(`Forecasting.judge`).

Axes: B windows, L planned states, H steps of a window, S state values, K known values, Q conditions, U unseen values,
E values that nature decides in a step, those of the state first.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aign.diffusion.conditions import ConditionInput
from aign.diffusion.network import Activation, Network
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.unet import TemporalUNet
from aign.scenarios.core.forecasting import Forecasting, columns


class ForecastingUNet(Network):
    """A denoiser of plans, and one of futures.

    Args:
        state_size: S.
        known_size: K, of plans: fixed observation and first state.
        condition_count: Q, of plans.
        series: places in a state of the E values that nature decides anew at each step.
        history: places in a state of the values that futures rest on, those of the series included.
        channels, multipliers, kernel, embedding, groups, activation: of both; see `TemporalUNet`.
        unseen: U, values that nature decides at each step beside the series and no state shows.
        futures_channels: of the network of futures; as many as that of plans where None.
    """

    def __init__(self, state_size: int, known_size: int, condition_count: int, series: Sequence[int],
                 history: Sequence[int], channels: int = 64, multipliers: Sequence[int] = (1, 2), kernel: int = 3,
                 embedding: int = 256, groups: int = 8, activation: Activation = "mish", unseen: int = 0,
                 futures_channels: int | None = None) -> None:
        further = {"unseen": unseen or None, "futures_channels": futures_channels}
        super().__init__(state_size=state_size, known_size=known_size, condition_count=condition_count,
                         series=list(series), history=list(history), channels=channels, multipliers=list(multipliers),
                         kernel=kernel, embedding=embedding, groups=groups, activation=activation,
                         **{name: value for name, value in further.items() if value is not None})
        self.series_places, self.history_places, self.unseen = list(series), list(history), unseen
        shape = (channels, multipliers, kernel, embedding, groups, activation)
        self.plans = TemporalUNet(state_size, known_size, condition_count, *shape)
        self.futures = TemporalUNet(len(series) + unseen, len(history), 1, futures_channels or channels, *shape[1:])

    def forward(self, sample_BLS: Tensor, timestep_B: Tensor, known_BK: Tensor, conditions_BQ: Tensor,
                mask_BQ: Tensor) -> Tensor:
        """Return the prediction of plans (B, L, S); see `TemporalUNet.forward`."""
        prediction: Tensor = self.plans(sample_BLS, timestep_B, known_BK, conditions_BQ, mask_BQ)
        return prediction

    def known(self, first: Tensor) -> Tensor:
        """Return what futures rest on, from normalised first states (B, S)."""
        return first[:, self.history_places]

    def begin(self, first: Tensor) -> Tensor:
        """Return what nature decided last (B, E), from normalised first states (B, S); 0 for what no state shows."""
        return torch.cat([first[:, self.series_places], first.new_zeros(len(first), self.unseen)], dim=1)


def scale(normaliser: Normaliser, scenario: Forecasting) -> Normaliser:
    """Return the normaliser of what nature decides, by that of states; unseen values are no changes of earlier ones."""
    places, unseen = columns(scenario.state_features, scenario.exogenous), scenario.unseen
    low, high = ([values[place] for place in places] for values in (normaliser.state_low, normaliser.state_high))
    change = None if normaliser.change is None else [normaliser.change[place] for place in places] + [1.0] * len(unseen)
    return Normaliser([*low, *(feature.low for feature in unseen)], [*high, *(feature.high for feature in unseen)],
                      (), (), change)


def unconditioned(rows: int, like: Tensor) -> ConditionInput:
    """Return the conditions of futures: none that the network may see."""
    values = like.new_zeros(rows, 1)
    return ConditionInput(values, torch.zeros_like(values, dtype=torch.bool))
