"""Rows of a log put together to episodes: complete, in order, properly ended, of one context.

Axes: N rows, E episodes, T steps (the horizon).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from aign.exchange.logs.mapping import LogMapping
from aign.exchange.logs.row_errors import RowErrors
from aign.exchange.logs.table import NO_NUMBER
from aign.exchange.logs.values import LogValues

Array = np.ndarray[Any, Any]
BATCH = 2_048
"""Episodes simulated at a time."""
NONE = -1
"""In place of a row that an episode does not have."""


@dataclass(frozen=True, eq=False)
class LogEpisodes:
    """Which rows make up each episode.

    Attributes:
        rows: (E, T+1) int64, row of each observation; NONE after the end, and for a final observation that the
            simulator is to compute.
        length: (E,) int64, steps taken, 1 to T.
        terminated: (E,) bool.
        truncated: (E,) bool.
    """

    rows: Array
    length: Array
    terminated: Array
    truncated: Array

    def __len__(self) -> int:
        return len(self.length)

    @property
    def first(self) -> Array:
        """Return (E,): the first row of each episode."""
        return np.asarray(self.rows[:, 0])

    @property
    def last(self) -> Array:
        """Return (E,): the last row of each episode."""
        return np.asarray(self.rows[np.arange(len(self)), (self.rows != NONE).sum(axis=1) - 1])

    def batches(self) -> Iterator[tuple[slice, LogEpisodes]]:
        """Yield the episodes in order, at most BATCH at a time, with their places."""
        for start in range(0, len(self), BATCH):
            places = slice(start, min(start + BATCH, len(self)))
            yield places, self.take(places)

    def take(self, chosen: Array | slice) -> LogEpisodes:
        """Return the episodes of a mask or of a slice."""
        return LogEpisodes(self.rows[chosen], self.length[chosen], self.terminated[chosen], self.truncated[chosen])

    def without(self, errors: RowErrors) -> LogEpisodes:
        """Return the episodes without a wrong row; all rows of the others are rejected."""
        used = self.rows != NONE
        wrong = (errors.wrong[self.rows] & used).any(axis=1)
        for rows, steps in zip(self.rows[wrong], used[wrong], strict=True):
            errors.reject(rows[steps])
        return self.take(~wrong)


def put_together(values: LogValues, errors: RowErrors, mapping: LogMapping, horizon: int) -> LogEpisodes:
    """Return the sound episodes of a log, in the order in which they begin; the rows of all others are rejected."""
    unsure = _before_lost(values, errors)
    final_rows = int(mapping.final_observation == "row")  # rows of an episode that have no action
    sound = []
    for rows in _groups(values):
        steps = len(rows) - final_rows
        ends = (False, False)
        ordered = _in_order(values, errors, rows, mapping.first_step)
        _check_constant(values, errors, rows)
        # Which row is the last, and what it must hold, is known only of rows in order: where they are not, every
        # other error follows from that, and would hide it.
        if ordered:
            if steps < horizon and unsure[rows[-1]]:
                errors.add_row(int(rows[-1]), "end: the next row cannot be read, so the episode may go on")
            _check_actions(values, errors, rows[:steps], int(rows[-1]))
            if not errors.wrong[rows].any():
                ends = _ends(values, errors, rows, steps, horizon)
        if errors.wrong[rows].any():
            errors.reject(rows)
        else:
            sound.append((rows, steps, *ends))
    table = np.full((len(sound), horizon + 1), NONE)
    for index, (rows, *_) in enumerate(sound):
        table[index, :len(rows)] = rows
    length, terminated, truncated = np.array([episode[1:] for episode in sound], dtype=np.int64).reshape(-1, 3).T
    return LogEpisodes(table, length, terminated.astype(np.bool_), truncated.astype(np.bool_))


def _groups(values: LogValues) -> Sequence[Array]:
    """Return the rows of each episode by step, episodes in the order in which they begin; rows without an episode are
    left out, and rows of equal step stay in the order of the table.
    """
    named = np.flatnonzero(values.episode != "")
    number = pa.array(values.episode[named], pa.string()).dictionary_encode().indices.to_numpy()
    order = np.lexsort((values.step[named], number))
    groups = np.split(named[order], np.flatnonzero(np.diff(number[order])) + 1)
    return groups if len(named) else []


def _before_lost(values: LogValues, errors: RowErrors) -> Array:
    """Return (N,): whether the next row in the file cannot be read or belongs to no episode."""
    unreadable = np.array([line for line, _ in errors.unreadable], dtype=np.int64)
    lines = np.concatenate([errors.lines, unreadable])
    lost = np.concatenate([values.episode == "", np.ones(len(unreadable), dtype=np.bool_)])[np.argsort(lines)]
    following = np.searchsorted(np.sort(lines), errors.lines, side="right")
    return np.asarray(np.append(lost, False)[following])


def _in_order(values: LogValues, errors: RowErrors, rows: Array, first: int) -> bool:
    """Return whether the steps count up from `first`; add the first row whose step is not the expected one.

    Where a step cannot be read, the order is not known, and that cell is error enough.
    """
    steps, expected = values.step[rows], first + np.arange(len(rows))
    wrong = steps != expected
    if (steps == NO_NUMBER).any():
        return False
    for place in np.flatnonzero(wrong & ~errors.wrong[rows])[:1].tolist():
        reason = f", expected {expected[place]}"
        if place and steps[place] == steps[place - 1]:
            reason = f" appears twice, also in line {errors.line_of(int(rows[place - 1]))}"
        errors.add_row(int(rows[place]), f"step: {steps[place]}{reason}")
    return not wrong.any()


def _check_constant(values: LogValues, errors: RowErrors, rows: Array) -> None:
    """Add rows whose context or behaviour differs from that of the episode's first readable row."""
    readable = rows[~errors.wrong[rows]]
    for name in ("context", "behaviour") if len(readable) else ():
        cells = getattr(values, name)[readable].reshape(len(readable), -1)
        for row in readable[(cells != cells[0]).any(axis=1)].tolist():
            errors.add_row(row, f"{name}: differs from line {errors.line_of(int(readable[0]))} of the same episode")


def _check_actions(values: LogValues, errors: RowErrors, acting: Array, last: int) -> None:
    """Add rows that lack an action or a reward, a final row that has one, and a last row without a label."""
    cells = {"actions": values.actions}
    if values.reward is not None:
        cells["reward"] = values.reward[:, None]
    for name, column in cells.items():
        for row in acting[np.isnan(column[acting]).any(axis=1)].tolist():
            errors.add_row(row, f"{name}: empty, and this is not the episode's last row")
        if last not in acting and not np.isnan(column[last]).all():
            errors.add_row(last, f"{name}: must be empty on the episode's last row, which holds the observation after "
                                 "the last action; if every row has an action, set final_observation: simulated")
    for name, label in values.labels.items():
        if np.isnan(label[last]):
            errors.add_row(last, f"{name}: empty on the episode's last row, where labels are read")


def _ends(values: LogValues, errors: RowErrors, rows: Array, steps: int, horizon: int) -> tuple[bool, bool]:
    """Return whether an episode is terminated and truncated; add an end that cannot be."""
    last = int(rows[-1])
    if not 1 <= steps <= horizon:
        errors.add_row(last, f"length: {steps} steps; an episode has 1 to {horizon}")
    before, end = np.split(rows, [max(steps - 1, 0)])
    flags: dict[str, bool] = {}
    for name, column in (("terminated", values.terminated), ("truncated", values.truncated)):
        if column is not None:
            for row in before[column[before]].tolist():
                errors.add_row(row, f"{name}: true, but the episode goes on")
            flags[name] = bool(column[end].any())
    # A flag that the log does not have is the opposite of the other, or follows from the length.
    terminated = flags.get("terminated", not flags["truncated"] if "truncated" in flags else steps == horizon)
    truncated = flags.get("truncated", not terminated)
    if not terminated and not truncated:
        errors.add_row(last, "end: the episode is neither terminated nor truncated")
    if terminated and steps < horizon:
        errors.add_row(last, f"end: terminated after {steps} steps; an episode terminates after {horizon}, and is "
                             "truncated where it ends earlier")
    return terminated, truncated
