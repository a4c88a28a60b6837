"""Episodes are checked before they are stored: a damaged dataset is found when it is made, not when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from aign.errors import DatasetError, unknown_name
from aign.scenarios.core.scenario import Scenario
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
    batch = Columns(columns, where)
    for field in schema:
        if field.name not in columns:
            continue
        if is_text(field.type):
            batch.check_text(field.name)
        else:
            batch.check_numbers(field.name, dtype_of(field.type))
    batch.check_meaning(horizon)


def _check_labels(episodes: Episodes, scenario: Scenario[Any]) -> None:
    names = [label.name for label in scenario.labels]
    for name in episodes.labels:
        if name not in names:
            raise DatasetError(f"Episodes: {unknown_name('label', name, names)}")
    for name in names:
        if name not in episodes.labels:
            raise DatasetError(f"Episodes: label {name!r} is missing; scenario {scenario.name} needs all of: "
                               f"{', '.join(names)}.")


@dataclass(frozen=True)
class Columns:
    """Columns of a batch of episodes, to be checked.

    Attributes:
        columns: (E, ...) by name.
        where: what they are of, for messages.
    """

    columns: Mapping[str, Array]
    where: str

    def refuse(self, name: str, wrong: Array, values: Array, rule: str) -> None:
        """Raise for the first row in which `wrong` (same shape as `values`) is true."""
        if wrong.any():
            place = tuple(int(axis[0]) for axis in np.nonzero(wrong))
            raise DatasetError(f"{self.where}, column {name!r}: {self.row(place[0])} holds {values[place]!s}; {rule}.")

    def row(self, index: int) -> str:
        """Return a row's number, with its episode where that is known."""
        known = self.columns.get("episode_id")
        return f"row {index}" if known is None else f"row {index} (episode {known[index]})"

    def check_numbers(self, name: str, dtype: np.dtype[Any]) -> None:
        """Refuse numbers that are not finite, or do not fit."""
        values = self.columns[name]
        if not np.can_cast(values.dtype, dtype, "same_kind"):
            raise DatasetError(f"{self.where}, column {name!r}: type {values.dtype} given, {dtype} needed.")
        if dtype.kind == "f":
            # Finite as stored: what is beyond float32 would become infinite.
            with np.errstate(over="ignore"):
                stored = values.astype(dtype, copy=False)
            self.refuse(name, ~np.isfinite(stored), values, f"every value must be a finite {dtype}")
            if dtype == np.float64 and values.dtype.kind in "iu":
                self.refuse(name, stored.astype(values.dtype) != values, values,
                            "whole numbers are exact up to 2^53, and this one would be rounded")
        elif dtype.kind == "i":
            self.refuse(name, values.astype(dtype, copy=False) != values, values, f"every value must fit in {dtype}")

    def check_text(self, name: str) -> None:
        """Refuse texts that are empty or too long, and what is no text."""
        for row, value in enumerate(self.columns[name].tolist()):
            if not isinstance(value, str) or not 0 < len(value.encode()) <= LONGEST_TEXT:
                raise DatasetError(f"{self.where}, column {name!r}: {self.row(row)} holds {value!r}; a text of 1 to "
                                   f"{LONGEST_TEXT} bytes is needed.")

    def check_meaning(self, horizon: int) -> None:
        """Refuse a length, an end or a split that no episode has."""
        length = self.columns["length"]
        self.refuse("length", (length < 1) | (length > horizon), length, f"an episode has 1 to {horizon} steps")
        ended = self.columns["terminated"] | self.columns["truncated"]
        self.refuse("terminated", ~ended, ended, "a complete episode is terminated, truncated or both")
        split = self.columns["split"]
        self.refuse("split", ~np.isin(split.astype(np.str_), SPLITS), split, f"allowed: {', '.join(SPLITS)}")
