"""The training examples: a trajectory dataset as normalised tensors on the training device.

Axes: E examples, T steps, S state values, A action values, K known values, Q conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.conditions import RETURN, Conditions
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.settings import TrainSettings
from aign.scenarios.core.sequential import is_sequential
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.windows import Windows

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
    """

    states: Tensor
    actions: Tensor
    fixed: Tensor
    conditions: Tensor
    returns: Tensor

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
    scenarios = [store.scenario for store in stores]
    pairs = list(zip(stores, rows, strict=True))
    fixed = [store.scenario.fixed_observation(store.gather("context", own)) for store, own in pairs]
    shared = settings.network.kind == "set"
    normaliser = Normaliser.fit_shared(scenarios, fixed) if shared else Normaliser.fit(scenarios[0], fixed[0])
    labels = {label.name: torch.cat([store.gather(label.name, own) for store, own in pairs])
              for label in scenarios[0].labels}
    returns = torch.cat([store.gather(RETURN, own) for store, own in pairs]) if is_sequential(scenarios[0]) else None
    return normaliser, Conditions.fit(scenarios[0].labels, labels, settings.condition, returns)


def load(store: TrajectoryStore, rows: Tensor, horizon: int, normaliser: Normaliser, conditions: Conditions,
         most: int | None = None, seed: int = 0) -> Examples:
    """Read windows of `horizon` steps of the given rows into memory, in chunks: all of them, or at most so many, evenly
    drawn.

    A window carries return and labels of its episode: they say how good the policy was that made it, not how the window
    itself went (Ajay et al. 2023 condition so). What a model learns under a high return is to act like those who had
    one in the end.
    """
    windows = Windows(store, rows, horizon)
    parts: list[Sequence[Tensor]] = []
    for indices in chosen(len(windows), most, seed).split(CHUNK):
        window = windows.batch(indices)
        returns = store.gather(RETURN, window.rows)
        labels = {name: store.gather(name, window.rows) for name in conditions.labels}
        parts.append((normaliser.states(window.states), window.actions, normaliser.fixed(window.fixed),
                      conditions.encode(returns, labels), returns.float()))
    return Examples(*(torch.cat(column) for column in zip(*parts, strict=True)))


def chosen(count: int, most: int | None, seed: int) -> Tensor:
    """Return the numbers below `count`, ascending: all, or `most` of them drawn without preference."""
    if most is None or count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most].sort().values
