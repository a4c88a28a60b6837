"""Comparing columns of a shard with what they should be: bit by bit, with the first difference in words.

Axes: E episodes, T steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from aign.trajectories.shard import Shard
from aign.trajectories.statistics import STEPWISE

Array = np.ndarray[Any, Any]


class Comparison:
    """What differed so far.

    Two values are the same only where all their bits are: no tolerance, and 0 is not -0. Steps after an episode's end
    are padding and not compared.

    Attributes:
        truth: where the computed values come from, for the message.
        episodes: how many were compared.
        values: how many numbers they hold in the columns compared.
        compared: the columns compared.
        differing: how many of these differ in any column.
        columns: column name -> how many episodes differ in it.
        share: the largest difference of two values, as a share of the largest value computed for its column.
        first: the first difference in words: shard, column, episode, both values; None as long as all is equal.
    """

    def __init__(self, truth: str) -> None:
        self.truth = truth
        self.episodes = self.values = 0
        self.compared: tuple[str, ...] = ()
        self.differing = 0
        self.columns: Counter[str] = Counter()
        self.share = 0.0
        self.first: str | None = None

    def add(self, shard: Shard, computed: Mapping[str, Tensor], start: int = 0) -> None:
        """Compare consecutive episodes of a shard, from row `start`, with computed columns, each (E, ...) of floats.

        They are compared in the precision in which the file holds them.
        """
        count = len(next(iter(computed.values())))
        rows = slice(start, start + count)
        length = shard.view("length").numpy()[rows]
        any_wrong = np.zeros(count, bool)
        wrong: dict[str, Array] = {}
        for name, values in computed.items():
            stored, needed = _as_stored(shard, name, shard.view(name)[rows], values)
            wrong[name] = _differing(stored, needed, length, name)
            self._note_share(stored, needed, wrong[name])
            episodes = wrong[name].reshape(count, -1).any(axis=1)
            any_wrong |= episodes
            self.columns.update({name: int(episodes.sum())} if episodes.any() else {})
        if any_wrong.any() and self.first is None:
            row = int(np.flatnonzero(any_wrong)[0])
            name = next(name for name in computed if wrong[name][row].any())
            place = tuple(int(axis[0]) for axis in np.nonzero(np.atleast_1d(wrong[name][row])))
            self.first = self._words(shard, start + row, name, place[:wrong[name].ndim - 1],
                                     computed[name][row])
        self.compared = tuple(computed)
        self.episodes += count
        self.values += sum(values.size for values in wrong.values())
        self.differing += int(any_wrong.sum())

    def _note_share(self, stored: Array, computed: Array, wrong: Array) -> None:
        if wrong.any():
            difference = np.abs(stored[wrong].astype(np.float64) - computed[wrong]).max()
            self.share = max(self.share, float(difference / max(np.abs(computed).max(), np.finfo(np.float64).tiny)))

    def _words(self, shard: Shard, row: int, name: str, place: tuple[int, ...], computed: Tensor) -> str:
        stored, needed = _as_stored(shard, name, shard.view(name)[row], computed)
        indices = "".join(f"[{index}]" for index in place)
        return (f"{shard.path}, column {name!r}: episode {int(shard.view('episode_id')[row])} (row {row}) holds "
                f"{name}{indices} = {stored[place]!s}, {self.truth} gives {needed[place]!s}")


def _as_stored(shard: Shard, name: str, *columns: Tensor) -> list[Array]:
    """Return values of a column in the precision in which the file holds it."""
    return [values.to(shard.precision(name)).numpy() for values in columns]


def _differing(stored: Array, computed: Array, length: Array, name: str) -> Array:
    """Return where the bits of two arrays (E, ...) of one type of floats differ, padding left out."""
    bits = f"u{stored.itemsize}"
    wrong: Array = np.ascontiguousarray(stored).view(bits) != np.ascontiguousarray(computed).view(bits)
    if name in STEPWISE:
        taken = np.arange(wrong.shape[1]) < (length + STEPWISE[name])[:, None]
        wrong &= taken.reshape(*taken.shape, *[1] * (wrong.ndim - 2))
    return wrong
