"""What an operator says of a log: which columns of the table are which features of the scenario, and in which units.

The file is YAML; `LogMapping` is its specification. For numbers, a short form names the columns alone
(`power: "p{i}"`), the long form also converts: value in the scenario's unit = scale * cell + offset.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from aign import checked_yaml
from aign.errors import ParameterError
from aign.settings import Settings
from aign.trajectories.layout import LONGEST_TEXT

PLACE = "{i}"
"""In a pattern of columns, any whole number."""
FLOAT32 = 1e-6
"""Relative and absolute tolerance within which two numbers are the same in float32, as states are stored."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Column = Text
Share = Annotated[float, Field(ge=0, le=1)]
Tolerance = Annotated[float, Field(ge=0)]


class Reading(Settings):
    """Columns that hold numbers, their conversion, and how far they may be from the simulator's."""

    columns: Annotated[list[Column], Field(min_length=1)]
    """A column, a list of columns, or a pattern such as power_{i}, whose numbers are taken in ascending order."""
    scale: float = 1.0
    """Scenario's units for one unit of the table; not 0."""
    offset: float = 0.0
    """Added after scaling, in the scenario's unit."""
    tolerance: Tolerance | None = None
    """Overrides the tolerance of the whole mapping."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, (str, list)):
            value = {"columns": value}
        if isinstance(value, dict) and isinstance(value.get("columns"), str):
            value = {**value, "columns": [value["columns"]]}
        return value

    @property
    def converts(self) -> bool:
        """Whether values are computed from the cells; else they are the cells."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("a scale of 0 would make all values equal")
        return scale


class Behaviour(Settings):
    """Who acted: a column of the table, or one name for the whole log (the short form)."""

    column: Column | None = None
    name: Column | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> Behaviour:
        if (self.column is None) == (self.name is None):
            raise ValueError("give either a name or {column: ...}")
        return self


class SplitShares(Settings):
    """Shares of the contexts (equal values are one context); every share above 0 gets at least one."""

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides which contexts go where."""

    @model_validator(mode="after")
    def _whole(self) -> SplitShares:
        if not math.isclose(self.train + self.validation + self.test, 1.0, abs_tol=1e-9):
            raise ValueError("the shares must sum to 1")
        return self


class LogMapping(Settings):
    """One row of the table is one step: the observation before the action, the action, the reward it earned."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, pattern=r"^[\x20-\x7e]+$")]
    """Name of the log, stored with every episode in the column `source`."""
    episode: Column
    """Column with the name of the episode; its rows may be anywhere in the table."""
    step: Column
    """Column of whole numbers that count the rows of an episode up from `first_step`."""
    first_step: int = 0
    context: dict[str, Reading]
    """Every context feature of the scenario; constant within an episode."""
    observations: dict[str, Reading]
    """Every state feature. Other observed features are optional: the scenario computes them from the context, and those
    in the log are compared with that."""
    actions: Reading
    """All action values, each in [-1, 1] after conversion."""
    reward: Reading | None = None
    """Computed by the scenario if left out."""
    labels: dict[str, Reading] = Field(default_factory=dict)
    """Labels of the final design, read on an episode's last row; computed by the scenario if left out."""
    terminated: Column | None = None
    """Flag on an episode's last action (or last row) if it came to its own end."""
    truncated: Column | None = None
    """Flag on an episode's last action (or last row) if it was cut off. Without any flag, episodes as long as the
    horizon came to their end and shorter ones were cut off."""
    behaviour: Behaviour = Behaviour(name="operator")
    final_observation: Literal["row", "simulated"] = "row"
    """row: an episode's last row is the observation after the last action, and its action cells are empty. simulated:
    every row has an action, and the simulator computes the observation after the last one."""
    tolerance: Tolerance = FLOAT32
    """How far states, rewards and labels may be from the simulator's, relative and absolute; beyond it the episode is
    rejected. What is within is stored as logged, and the largest difference is reported."""
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"^[^\"\r\n]$")] | None = None
    """Between the cells of a text file; by default a tab in .tsv, a comma in .csv and .txt."""
    empty: list[Text] = Field(default_factory=list)
    """Texts that mark an empty cell, in any capitals, such as [NA, "-", null]; a cell without text is empty anyhow."""
    split: SplitShares = SplitShares()

    @field_validator("empty", mode="before")
    @classmethod
    def _null_is_a_word(cls, marks: Any) -> Any:
        """Take YAML's null for the text that it is in a table."""
        return ["null" if mark is None else mark for mark in marks] if isinstance(marks, list) else marks

    def tolerance_of(self, reading: Reading | None) -> float:
        """Return the tolerance of a reading."""
        return self.tolerance if reading is None or reading.tolerance is None else reading.tolerance


def load_mapping(path: Path) -> LogMapping:
    """Read a mapping file.

    Raises:
        ParameterError: with the file, the dotted place of each invalid value, the value, and what is allowed.
    """
    return checked_yaml.load(path, LogMapping, ParameterError)
