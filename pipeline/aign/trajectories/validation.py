"""Episodes are checked before they are stored: a damaged dataset is found when it is made, not when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from aign.errors import DatasetError, unknown_name
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.layout import LONGEST_TEXT, dtype_of, is_text, shape_of
from aign.trajectories.schema import SPLITS, Episodes

Array = np.ndarray[Any, Any]


def columns_of(episodes: Episodes) -> dict[str, Array]:
    """Return the arrays of a batch of episodes by column name; each label is a column."""
    fields = {name: values for name, values in vars(episodes).items() if name != "labels"}
    return {name: np.asarray(values) for name, values in {**fields, **episodes.labels}.items()}


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
    check_values(columns, schema, scenario.horizon)
    return columns


def check_values(columns: Mapping[str, Array], schema: pa.Schema, horizon: int, where: str = "Episodes") -> None:
    """Check that every value is finite, fits its type and means something.

    Args:
        columns: (E, ...) by name, of the right shapes; with `episode_id` among them, messages name the episode.
        schema: the columns to check; others are left alone.
        horizon: the most steps an episode has.
        where: what the columns are of, for the message.

    Raises:
        DatasetError: naming the column and the first row at fault.
    """
    for field in schema:
        if field.name in columns and is_text(field.type):
            _check_text(columns, field.name, where)
        elif field.name in columns:
            _check_numbers(columns, field.name, dtype_of(field.type), where)
    length, split = columns["length"], columns["split"].astype(np.str_)
    refuse(columns, "length", (length < 1) | (length > horizon), f"an episode has 1 to {horizon} steps", where)
    refuse(columns, "terminated", ~(columns["terminated"] | columns["truncated"]),
           "a complete episode is terminated, truncated or both", where)
    refuse(columns, "split", ~np.isin(split, SPLITS), f"allowed: {', '.join(SPLITS)}", where)


def refuse(columns: Mapping[str, Array], name: str, wrong: Array, rule: str, where: str) -> None:
    """Raise a DatasetError for the first row of a column in which `wrong` (same shape as the column) is true."""
    if wrong.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        raise DatasetError(f"{where}, column {name!r}: {_row(columns, place[0])} holds {columns[name][place]!s}; "
                           f"{rule}.")


def _row(columns: Mapping[str, Array], index: int) -> str:
    """Return a row's number, with its episode where that is known."""
    return f"row {index} (episode {columns['episode_id'][index]})" if "episode_id" in columns else f"row {index}"


def _check_numbers(columns: Mapping[str, Array], name: str, dtype: np.dtype[Any], where: str) -> None:
    """Refuse numbers that are not finite, or do not fit."""
    values = columns[name]
    if not np.can_cast(values.dtype, dtype, "same_kind"):
        raise DatasetError(f"{where}, column {name!r}: type {values.dtype} given, {dtype} needed.")
    if dtype.kind == "f":
        # Finite as stored: what is beyond float32 would become infinite.
        with np.errstate(over="ignore"):
            stored = values.astype(dtype, copy=False)
        refuse(columns, name, ~np.isfinite(stored), f"every value must be a finite {dtype}", where)
        if dtype == np.float64 and values.dtype.kind in "iu":
            refuse(columns, name, stored.astype(values.dtype) != values,
                   "whole numbers are exact up to 2^53, and this one would be rounded", where)
    elif dtype.kind == "i":
        refuse(columns, name, values.astype(dtype, copy=False) != values, f"every value must fit in {dtype}", where)


def _check_text(columns: Mapping[str, Array], name: str, where: str) -> None:
    """Refuse texts that are empty or too long, and what is no text."""
    for row, value in enumerate(columns[name].tolist()):
        if not isinstance(value, str) or not 0 < len(value.encode()) <= LONGEST_TEXT:
            raise DatasetError(f"{where}, column {name!r}: {_row(columns, row)} holds {value!r}; a text of 1 to "
                               f"{LONGEST_TEXT} bytes is needed.")


def _check_labels(episodes: Episodes, scenario: Scenario[Any]) -> None:
    names = [label.name for label in scenario.labels]
    for name in episodes.labels:
        if name not in names:
            raise DatasetError(f"Episodes: {unknown_name('label', name, names)}")
    for name in names:
        if name not in episodes.labels:
            raise DatasetError(f"Episodes: label {name!r} is missing; scenario {scenario.name} needs all of: "
                               f"{', '.join(names)}.")
