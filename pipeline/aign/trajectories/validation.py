"""Episodes are checked before they are stored: a damaged dataset is found when it is made, not when it is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from aign.errors import DatasetError, unknown_name
from aign.scenarios.base import Scenario
from aign.trajectories.layout import LONGEST_TEXT, dtype_of, is_text, shape_of
from aign.trajectories.schema import SPLITS, Episodes

Array = np.ndarray[Any, Any]
NOT_COLUMNS = ("labels",)


def columns_of(episodes: Episodes) -> dict[str, Array]:
    """Return the arrays of a batch of episodes by column name; each label is a column."""
    own = {name: np.asarray(values) for name, values in vars(episodes).items() if name not in NOT_COLUMNS}
    return own | {name: np.asarray(values) for name, values in episodes.labels.items()}


def checked_columns(episodes: Episodes, scenario: Scenario[Any], schema: pa.Schema) -> dict[str, Array]:
    """Return the columns of a batch of episodes, each of them valid.

    Raises:
        DatasetError: naming the column whose shape, type or values are wrong, and the first row at fault.
    """
    _check_labels(episodes, scenario)
    columns = columns_of(episodes)
    for field in schema:
        if field.name == "episode_id":
            continue
        values = columns[field.name]
        expected = (len(episodes), *shape_of(field.type))
        if values.shape != expected:
            raise DatasetError(f"Episodes, column {field.name!r}: shape {values.shape} given, {expected} needed by "
                               f"scenario {scenario.name} (first axis: episodes).")
        if is_text(field.type):
            _check_text(field.name, values)
        else:
            _check_numbers(field.name, values, dtype_of(field.type))
    _check_meaning(columns, scenario.horizon)
    return columns


def _check_labels(episodes: Episodes, scenario: Scenario[Any]) -> None:
    names = [label.name for label in scenario.labels]
    for name in episodes.labels:
        if name not in names:
            raise DatasetError(f"Episodes: {unknown_name('label', name, names)}")
    for name in names:
        if name not in episodes.labels:
            raise DatasetError(f"Episodes: label {name!r} is missing; scenario {scenario.name} needs all of: "
                               f"{', '.join(names)}.")


def _refuse(name: str, wrong: Array, values: Array, rule: str) -> None:
    """Raise for the first row in which `wrong` (same shape as `values`) is true."""
    if wrong.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        raise DatasetError(f"Episodes, column {name!r}: row {place[0]} holds {values[place]!s}; {rule}.")


def _check_numbers(name: str, values: Array, dtype: np.dtype[Any]) -> None:
    if not np.can_cast(values.dtype, dtype, "same_kind"):
        raise DatasetError(f"Episodes, column {name!r}: type {values.dtype} given, {dtype} needed.")
    if dtype.kind == "f":
        # Finite as stored: what is beyond float32 would become infinite.
        with np.errstate(over="ignore"):
            stored = values.astype(dtype, copy=False)
        _refuse(name, ~np.isfinite(stored), values, f"every value must be a finite {dtype}")
    elif dtype.kind == "i":
        _refuse(name, values.astype(dtype, copy=False) != values, values, f"every value must fit in {dtype}")


def _check_text(name: str, values: Array) -> None:
    for row, value in enumerate(values.tolist()):
        if not isinstance(value, str) or not 0 < len(value.encode()) <= LONGEST_TEXT:
            raise DatasetError(f"Episodes, column {name!r}: row {row} holds {value!r}; a text of 1 to {LONGEST_TEXT} "
                               "bytes is needed.")


def _check_meaning(columns: dict[str, Array], horizon: int) -> None:
    length = columns["length"]
    _refuse("length", (length < 1) | (length > horizon), length, f"an episode has 1 to {horizon} steps")
    ended = columns["terminated"] | columns["truncated"]
    _refuse("terminated", ~ended, ended, "a complete episode is terminated, truncated or both")
    split = columns["split"]
    _refuse("split", ~np.isin(split.astype(np.str_), SPLITS), split, f"allowed: {', '.join(SPLITS)}")
