"""Rows of a log put together to episodes: complete, in order, properly ended, of one context.

Axes: N rows, E episodes, T steps (the horizon).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aign.exchange.logs.faults import Faults
from aign.exchange.logs.mapping import LogMapping
from aign.exchange.logs.table import NO_NUMBER
from aign.exchange.logs.values import LogValues

Array = np.ndarray[Any, Any]
NONE = -1
"""Stands where an episode has no row."""


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
        """Return (E,): the row each episode begins with."""
        first: Array = self.rows[:, 0]
        return first

    @property
    def last(self) -> Array:
        """Return (E,): the last row of each episode."""
        last: Array = self.rows[np.arange(len(self)), (self.rows != NONE).sum(axis=1) - 1]
        return last

    def take(self, chosen: Array | slice) -> LogEpisodes:
        """Return the episodes of a mask or of a slice."""
        return LogEpisodes(self.rows[chosen], self.length[chosen], self.terminated[chosen], self.truncated[chosen])

    def sound(self, faults: Faults) -> LogEpisodes:
        """Return the episodes without a faulty row; the rows of the others fall."""
        used = self.rows != NONE
        bad = (faults.wrong[self.rows] & used).any(axis=1)
        for rows, steps in zip(self.rows[bad], used[bad], strict=True):
            _fall(faults, rows[steps])
        return self.take(~bad)


def put_together(values: LogValues, faults: Faults, mapping: LogMapping, horizon: int) -> LogEpisodes:
    """Return the sound episodes of a log, in the order in which they begin; the rows of all others are faults."""
    unsure = _before_lost(values, faults)
    extra = int(mapping.final_observation == "row")  # rows of an episode that have no action
    found = []
    for rows in _groups(values):
        steps = len(rows) - extra
        ends = (False, False)
        ordered = _in_order(values, faults, rows, mapping.first_step)
        _check_constant(values, faults, rows)
        # Which row is the last, and what must stand there, is known only of rows in order: where they are not, what
        # else could be said of them follows from that, and would hide it.
        if ordered:
            if steps < horizon and unsure[rows[-1]]:
                faults.note(int(rows[-1]), "end: the row that follows cannot be read, so the episode may go on")
            _check_actions(values, faults, rows, mapping)
            if not faults.wrong[rows].any():
                ends = _ends(values, faults, rows, steps, horizon)
        if faults.wrong[rows].any():
            _fall(faults, rows)
        else:
            found.append((rows, steps, *ends))
    table = np.full((len(found), horizon + 1), NONE)
    for index, (rows, *_) in enumerate(found):
        table[index, :len(rows)] = rows
    columns = [np.array([one[place] for one in found], dtype=kind)
               for place, kind in ((1, np.int64), (2, np.bool_), (3, np.bool_))]
    return LogEpisodes(table, *columns)


def _groups(values: LogValues) -> Sequence[Array]:
    """Return the rows of each episode by step, episodes in the order in which they begin; nameless rows are left out.

    Rows of one step stay in the order of the table.
    """
    named = np.flatnonzero(values.episode != "")
    _, first, inverse = np.unique(values.episode[named].astype(np.str_), return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))[inverse]
    order = np.lexsort((values.step[named], rank))
    cuts = np.flatnonzero(np.diff(rank[order])) + 1
    return [group for group in np.split(named[order], cuts) if len(group)]


def _before_lost(values: LogValues, faults: Faults) -> Array:
    """Return (N,): whether the row that follows in the file cannot be read or belongs to no episode."""
    broken = np.array([line for line, _ in faults.unreadable], dtype=np.int64)
    lines = np.concatenate([faults.lines, broken])
    lost = np.concatenate([values.episode == "", np.ones(len(broken), dtype=np.bool_)])[np.argsort(lines)]
    found: Array = np.append(lost, False)[np.searchsorted(np.sort(lines), faults.lines, side="right")]
    return found


def _in_order(values: LogValues, faults: Faults, rows: Array, first: int) -> bool:
    """Return whether the steps count up from `first`; note the first row whose step is not the one that must follow.

    Where a step cannot be read, the order is not known, and that cell is fault enough.
    """
    given, expected = values.step[rows], first + np.arange(len(rows))
    wrong = given != expected
    if (given == NO_NUMBER).any():
        return False
    for place in np.flatnonzero(wrong & ~faults.wrong[rows])[:1].tolist():
        also = place and given[place] == given[place - 1]
        why = f"stands twice, also in line {faults.line_of(int(rows[place - 1]))}" if also else \
            f"follows where {expected[place]} must"
        faults.note(int(rows[place]), f"step: {given[place]} {why}")
    return not wrong.any()


def _check_constant(values: LogValues, faults: Faults, rows: Array) -> None:
    """Note rows whose context or behaviour is not that of the episode's first row that can be read."""
    readable = rows[~faults.wrong[rows]]
    for name in ("context", "behaviour") if len(readable) else ():
        cells = getattr(values, name)[readable].reshape(len(readable), -1)
        for row in readable[(cells != cells[0]).any(axis=1)].tolist():
            faults.note(row, f"{name}: another one than in line {faults.line_of(int(readable[0]))} of the same episode")


def _check_actions(values: LogValues, faults: Faults, rows: Array, mapping: LogMapping) -> None:
    """Note rows that lack an action or a reward, a last row that has one, and a last row without a label."""
    acting = rows[:-1] if mapping.final_observation == "row" else rows
    cells = {"actions": values.actions}
    if values.reward is not None:
        cells["reward"] = values.reward[:, None]
    for name, given in cells.items():
        for row in acting[np.isnan(given[acting]).any(axis=1)].tolist():
            faults.note(row, f"{name}: empty, and it is not the episode's last row")
        if len(acting) < len(rows) and not np.isnan(given[rows[-1]]).all():
            faults.note(int(rows[-1]), f"{name}: given on the episode's last row, which is what was seen after the "
                                         "last action (or set final_observation: simulated)")
    for name, label in values.labels.items():
        if np.isnan(label[rows[-1]]):
            faults.note(int(rows[-1]), f"{name}: empty on the episode's last row, where labels are read")


def _ends(values: LogValues, faults: Faults, rows: Array, steps: int, horizon: int) -> tuple[bool, bool]:
    """Return whether an episode is terminated and truncated; note an end that cannot be."""
    last = int(rows[-1])
    if not 1 <= steps <= horizon:
        faults.note(last, f"length: {steps} steps, an episode has 1 to {horizon}")
    flags: list[bool | None] = []
    for name in ("terminated", "truncated"):
        given = getattr(values, name)
        if given is None:
            flags.append(None)
            continue
        for row in rows[:max(steps - 1, 0)][given[rows[:max(steps - 1, 0)]]].tolist():
            faults.note(row, f"{name}: true, but the episode goes on")
        flags.append(bool(given[rows[max(steps - 1, 0):]].any()))
    terminated, truncated = _completed(flags[0], flags[1], steps == horizon)
    if not terminated and not truncated:
        faults.note(last, "end: the episode is neither terminated nor truncated")
    if terminated and steps < horizon:
        faults.note(last, f"end: terminated after {steps} steps, but an episode comes to its own end only after "
                            f"{horizon}; earlier it is truncated")
    return terminated, truncated


def _completed(terminated: bool | None, truncated: bool | None, full: bool) -> tuple[bool, bool]:
    """Return both flags; one that is not given is the opposite of the other, or follows from the length."""
    if terminated is None and truncated is None:
        return full, not full
    if terminated is None:
        return not truncated, bool(truncated)
    return terminated, not terminated if truncated is None else truncated


def _fall(faults: Faults, rows: Array) -> None:
    """Let the sound rows of an episode fall because of its first faulty one in the file."""
    faults.fall(rows, int(rows[faults.wrong[rows]].min()))
