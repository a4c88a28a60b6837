"""The values of a log in the scenario's units, each row checked for itself.

Axes: N rows, C context, S state, A action values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aign.exchange.logs.columns import Columns, FeatureColumns
from aign.exchange.logs.mapping import LogMapping
from aign.exchange.logs.table import LogTable
from aign.trajectories.layout import LONGEST_TEXT

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class LogValues:
    """What the rows of a log say; values of rows with an error mean nothing.

    Attributes:
        episode: (N,) text.
        step: (N,) int64, NO_NUMBER where it cannot be read.
        behaviour: (N,) text.
        context: (N, C) float32.
        state: (N, S) float32.
        fixed: feature -> (N, size) float64, those that the log has.
        actions: (N, A) float32, NaN where empty.
        reward: (N,) float64, NaN where empty; None where the log has none.
        labels: label -> (N,) float64, NaN where empty, those that the log has.
        terminated: (N,) bool, None where the log has none.
        truncated: (N,) bool, None where the log has none.
    """

    episode: Array
    step: Array
    behaviour: Array
    context: Array
    state: Array
    fixed: Mapping[str, Array]
    actions: Array
    reward: Array | None
    labels: Mapping[str, Array]
    terminated: Array | None
    truncated: Array | None


def read_values(table: LogTable, columns: Columns, mapping: LogMapping) -> LogValues:
    """Read and convert all mapped cells; what is unreadable, empty or out of bounds is an error of its row."""
    episode, step = table.texts(mapping.episode), table.whole_numbers(mapping.step)
    behaviour = np.full(len(table), mapping.behaviour.name, dtype=object)
    if mapping.behaviour.column is not None:
        behaviour = table.texts(mapping.behaviour.column, LONGEST_TEXT)
    return LogValues(
        episode=episode, step=step, behaviour=behaviour,
        context=_joined(table, columns.context), state=_joined(table, columns.state),
        fixed={name: _checked(table, block, filled=True).astype(np.float64) for name, block in columns.fixed.items()},
        actions=_checked(table, columns.actions, filled=False),
        reward=None if columns.reward is None else _measured(table, columns.reward),
        labels={name: _measured(table, block) for name, block in columns.labels.items()},
        terminated=None if mapping.terminated is None else table.flags(mapping.terminated),
        truncated=None if mapping.truncated is None else table.flags(mapping.truncated))


def _joined(table: LogTable, blocks: Sequence[FeatureColumns]) -> Array:
    return np.concatenate([_checked(table, block, filled=True) for block in blocks], axis=1)


def _measured(table: LogTable, block: FeatureColumns) -> Array:
    """Return a block's one value, float64 (N,), NaN where empty; those beyond float64 are errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        values: Array = block.read(table, exact=True)[:, 0]
    table.errors.add(np.isinf(values), lambda row: f"{block.feature.name}: {values[row]:g}, a finite number is needed")
    return values


def _checked(table: LogTable, block: FeatureColumns, filled: bool) -> Array:
    """Return a block's values, float32 (N, size); those out of bounds, and empty ones if `filled`, are errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        exact = block.read(table)
        values = exact.astype(np.float32)
    low, high = np.float32(block.feature.low), np.float32(block.feature.high)
    empty = np.isnan(exact)
    wrong = ~empty & ~(np.isfinite(values) & (values >= low) & (values <= high))
    first, unit = wrong.argmax(axis=1), "" if block.feature.unit == "1" else f" {block.feature.unit}"
    table.errors.add(np.asarray(wrong.any(axis=1)), lambda row: (
        f"{block.value(first[row])}: {exact[row, first[row]]:g}{unit}, allowed: {low:g} to {high:g}"))
    if filled:
        table.errors.add(np.asarray(empty.any(axis=1)), lambda row: (
            f"{block.value(empty[row].argmax())}: the cell {block.columns[empty[row].argmax()]} is empty"))
    return values
