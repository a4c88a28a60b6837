"""The training examples: a trajectory dataset as normalised tensors on the training device.

Axes: E examples, T steps, H steps of a future, S state values, A action values, K known values, Q conditions,
N values that nature decides in a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from aign.diffusion.conditions import RETURN, Conditions
from aign.diffusion.forecasting import scale
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.settings import TrainSettings
from aign.diffusion.strategies import strategy_of
from aign.scenarios.core.forecasting import columns, forecasting_of
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.windows import Window, Windows

CHUNK = 65_536


@dataclass(frozen=True)
class Examples:
    """Windows of one split, ready for training.

    Attributes:
        states: (E, T+1, S) in [-1, 1].
        actions: (E, T, A).
        fixed: (E, K_fixed) standard scores.
        conditions: (E, Q) encoded return and labels.
        returns: (E,) normalised returns, float32.
        nature: (E, H+1, N) what nature decided, in [-1, 1]; N = 0 where nothing is forecast.
    """

    states: Tensor
    actions: Tensor
    fixed: Tensor
    conditions: Tensor
    returns: Tensor
    nature: Tensor = field(default_factory=lambda: torch.zeros(0))

    def __len__(self) -> int:
        return len(self.states)

    @property
    def known(self) -> Tensor:
        """Return (E, K): fixed observation and first state, which are given and never noised."""
        return torch.cat([self.fixed, self.states[:, 0]], dim=1)

    def to(self, device: torch.device) -> Examples:
        """Return the examples on a device."""
        return Examples(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def statistics(stores: Sequence[TrajectoryStore], rows: Sequence[Tensor], settings: TrainSettings,
               ) -> tuple[Normaliser, Conditions]:
    """Fit normaliser and conditions on the given rows of datasets of one family; the normaliser is the first's."""
    first, pairs = stores[0].scenario, list(zip(stores, rows, strict=True))

    def pooled(column: str) -> Tensor:
        return torch.cat([store.gather(column, episodes) for store, episodes in pairs])

    fixed = [store.scenario.fixed_observation(store.gather("context", episodes)) for store, episodes in pairs]
    shared = settings.network.kind == "set"
    normaliser = (Normaliser.fit_shared([store.scenario for store in stores], fixed) if shared
                  else Normaliser.fit(first, fixed[0]))
    returns = pooled(RETURN) if strategy_of(first).scales_returns else None
    labels = {label.name: pooled(label.name) for label in first.labels}
    return normaliser, Conditions.fit(first.labels, labels, settings.condition, returns)


def load(store: TrajectoryStore, rows: Tensor, horizon: int, normaliser: Normaliser, conditions: Conditions,
         most: int | None = None, seed: int = 0, futures: int | None = None) -> Examples:
    """Read windows of `horizon` steps of the given rows into memory, in chunks: all of them, or at most so many, evenly
    drawn. What nature decided is kept for `futures` steps; for as many where None.

    A window carries return and labels of its episode: they say how good the policy was that made it, not how the window
    itself went (Ajay et al. 2023 condition so). What a model learns under a high return is to act like those who had
    one in the end.
    """
    futures = futures or horizon
    windows = Windows(store, rows, max(horizon, futures))
    parts: list[Sequence[Tensor]] = []
    for indices in chosen(len(windows), most, seed).split(CHUNK):
        window = windows.batch(indices)
        returns = store.gather(RETURN, window.rows)
        labels = {name: store.gather(name, window.rows) for name in conditions.labels}
        parts.append((normaliser.states(window.states[:, :horizon + 1]), window.actions[:, :horizon],
                      normaliser.fixed(window.fixed), conditions.encode(returns, labels), returns.float(),
                      decided(store, window, normaliser)[:, :futures + 1]))
    return Examples(*(torch.cat(column) for column in zip(*parts, strict=True)))


def decided(store: TrajectoryStore, window: Window, normaliser: Normaliser) -> Tensor:
    """Return what nature decided (E, H+1, N) in windows, normalised to [-1, 1]; nothing, N = 0, where a scenario
    forecasts nothing. Unseen values of the first moment count as 0.
    """
    scenario, (rows, moments, _) = forecasting_of(store.scenario), window.states.shape
    if scenario is None:
        return torch.zeros(rows, moments, 0)
    series = normaliser.states(window.states)[:, :, columns(scenario.state_features, scenario.exogenous)]
    if not scenario.unseen:
        return series
    episodes, place = window.rows.unique(return_inverse=True)
    steps = window.starts[:, None] + torch.arange(moments - 1)
    values = scenario.unseen_values(store.gather("context", episodes))[place[:, None], steps]
    unseen = scale(normaliser, scenario).states(torch.cat([series[:, 1:], values.float()], dim=2))
    unseen = unseen[:, :, series.shape[2]:]
    return torch.cat([series, torch.cat([torch.zeros_like(unseen[:, :1]), unseen], dim=1)], dim=2)


def chosen(count: int, most: int | None, seed: int) -> Tensor:
    """Return the numbers below `count`, ascending: all, or `most` of them drawn without preference."""
    if most is None or count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most].sort().values
