"""Futures of what nature decides: a second denoiser beside that of plans, trained on the same windows.

It sees only the part of the first state that tells what nature decided before, and neither returns nor labels: what
nature decides does not depend on what is wanted. Its futures say what may come; a scenario's critic decides by them
(`Forecasting.judge`).

Axes: B windows, L planned states, S state values, K known values, Q conditions, E values that nature decides in a step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aign.diffusion.conditions import ConditionInput
from aign.diffusion.network import Activation, Network
from aign.diffusion.unet import TemporalUNet


class ForecastingUNet(Network):
    """A denoiser of plans, and one of futures.

    Args:
        state_size: S.
        known_size: K, of plans: fixed observation and first state.
        condition_count: Q, of plans.
        series: places in a state of the E values that nature decides anew at each step.
        history: places in a state of the values that futures rest on, those of the series included.
        channels, multipliers, kernel, embedding, groups, activation: of both; see `TemporalUNet`.
    """

    def __init__(self, state_size: int, known_size: int, condition_count: int, series: Sequence[int],
                 history: Sequence[int], channels: int = 64, multipliers: Sequence[int] = (1, 2), kernel: int = 3,
                 embedding: int = 256, groups: int = 8, activation: Activation = "mish") -> None:
        super().__init__(state_size=state_size, known_size=known_size, condition_count=condition_count,
                         series=list(series), history=list(history), channels=channels, multipliers=list(multipliers),
                         kernel=kernel, embedding=embedding, groups=groups, activation=activation)
        self.series_places, self.history_places = list(series), list(history)
        shape = (channels, multipliers, kernel, embedding, groups, activation)
        self.plans = TemporalUNet(state_size, known_size, condition_count, *shape)
        self.futures = TemporalUNet(len(series), len(history), 1, *shape)

    def forward(self, sample_BLS: Tensor, timestep_B: Tensor, known_BK: Tensor, conditions_BQ: Tensor,
                mask_BQ: Tensor) -> Tensor:
        """Return the prediction of plans (B, L, S); see `TemporalUNet.forward`."""
        prediction: Tensor = self.plans(sample_BLS, timestep_B, known_BK, conditions_BQ, mask_BQ)
        return prediction

    def known(self, first: Tensor) -> Tensor:
        """Return what futures rest on, from normalised first states (B, S)."""
        return first[:, self.history_places]

    def series(self, plans: Tensor) -> Tensor:
        """Return what nature decides (B, L, E) of plans or states (B, L, S)."""
        return plans[:, :, self.series_places]


def unconditioned(rows: int, like: Tensor) -> ConditionInput:
    """Return the conditions of futures: none that the network may see."""
    values = like.new_zeros(rows, 1)
    return ConditionInput(values, torch.zeros_like(values, dtype=torch.bool))
