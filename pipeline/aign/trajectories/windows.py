"""Windows of consecutive steps, the examples a diffuser learns from.

Axes: W windows, b a batch of them, H actions of a window, S state, D observation, A action values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.errors import DatasetError, ParameterError
from aign.trajectories.gathering import Gatherer
from aign.trajectories.reader import TrajectoryStore

COLUMNS = ("observations", "actions")
MEMORY_LIMIT = 1 << 30
"""Observations and actions in several shards are copied to memory where both together take no more bytes than this;
larger ones are read where they lie, in the mapped files."""


@dataclass(frozen=True)
class Window:
    """A batch of windows, float32 in raw units.

    Attributes:
        states: (b, H+1, S).
        actions: (b, H, A).
        fixed: (b, D - S - 1), the part of the observation that stays fixed in an episode.
        rows: (b,) int64, the episodes they come from, as rows of the store.
        starts: (b,) int64, steps taken before.
    """

    states: Tensor
    actions: Tensor
    fixed: Tensor
    rows: Tensor
    starts: Tensor

    def __len__(self) -> int:
        return len(self.rows)


class Windows:
    """Every window of `horizon` actions (and `horizon` + 1 states) inside the given episodes, in order.

    An episode of n steps has n - horizon + 1 windows: one where the horizon is its length, none where it is longer.
    (The usual indexer of Diffuser and Decision Diffuser has none in the first case and one too few otherwise.)

    Args:
        store: the dataset.
        rows: (R,) int64, episodes to use, such as store.rows("train").
        horizon: H, actions a window.

    Raises:
        ParameterError: the horizon is not from 1 to the number of steps of an episode.
        DatasetError: no window: no rows, or all episodes ended before `horizon` steps.
    """

    def __init__(self, store: TrajectoryStore, rows: Tensor, horizon: int) -> None:
        longest = store.scenario.horizon
        if not 1 <= horizon <= longest:
            raise ParameterError(f"horizon {horizon}: episodes of {store.scenario.name} have {longest} steps; choose 1 "
                                 f"to {longest}.")
        self.store = store
        self.horizon = horizon
        self.rows = rows
        per_row = (store.gather("length", rows).long() - horizon + 1).clamp_min(0)
        firsts = (per_row.cumsum(0) - per_row).repeat_interleave(per_row)
        starts = torch.arange(len(firsts)) - firsts
        self._rows, self._starts = rows.repeat_interleave(per_row), starts  # (W,)
        if not len(self):
            raise DatasetError(f"{store.folder}: no window of {horizon} steps in the {len(rows)} episodes chosen. "
                               "Choose a smaller horizon or other episodes.")
        if sum(map(store.column_bytes, COLUMNS)) <= MEMORY_LIMIT:
            for name in COLUMNS:
                store.column(name)
        self._observations, self._actions = (
            Gatherer(store.tensors(name)).steps(self._rows, starts, steps)
            for name, steps in zip(COLUMNS, (horizon + 1, horizon), strict=True))
        self._state_size = store.scenario.state_size

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Windows({len(self)} of {self.horizon} steps, from {len(self.rows)} episodes)"

    def batch(self, indices: Tensor) -> Window:
        """Return windows by number, int64 (b,), each from 0 to len - 1, in any order.

        Raises:
            IndexError: a number out of range.
        """
        observations = self._observations.pick(indices)
        # narrow and select, for they cost half of what indexing does.
        size = self._state_size
        states = observations.narrow(2, 0, size)
        fixed = observations.select(1, 0).narrow(1, size, observations.shape[2] - size - 1)
        return Window(states, self._actions.pick(indices), fixed, self._rows.index_select(0, indices),
                      self._starts.index_select(0, indices))
