"""Labels of an episode in someone else's environment: numbers in `info`, or what a named function makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from aign.errors import ParameterError
from aign.scenarios.core import ScenarioParameters
from aign.scenarios.gymnasium.faults import ForeignCall, brief, number
from aign.scenarios.gymnasium.making import function
from aign.trust import NamesCode

How = Literal["last", "mean", "sum", "min", "max"]
FUNCTION = r"^\w+(\.\w+)*:\w+$"
"""package.module:function"""
MISSING = object()
"""What `looked_up` returns where there is no such key; None is a value."""


class LabelParameters(ScenarioParameters):
    """One label: exactly one of `info` (a key of a step's info, dotted where nested) and `function`
    ("package.module:function", from the `Record` so far to a number); `how` makes one number of the steps' numbers.
    """

    info: str = Field("", max_length=200)
    function: Annotated[str, NamesCode()] = Field("", pattern=f"{FUNCTION}|^$")
    how: How = "last"
    better: Literal["lower", "higher"] = "higher"
    unit: str = "1"
    description: str = ""

    @model_validator(mode="after")
    def has_one_source(self) -> LabelParameters:
        """Refuse a label that comes from nowhere, or from two places."""
        if bool(self.info) == bool(self.function):
            raise ValueError("name either info (a key of the step's info) or function (package.module:function)")
        return self


@dataclass
class Record:
    """What has happened in an episode so far; what a label's function is given.

    Everything is a copy: what an environment hands out or is handed, it may change later.

    Attributes:
        observations: as the environment gave them, one more than steps.
        actions: as the environment was given them.
        rewards: of each step.
        infos: of the reset, then of each step.
    """

    observations: list[Any] = field(default_factory=list)
    actions: list[Any] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    infos: list[Mapping[str, Any]] = field(default_factory=list)


class LabelTracker:
    """One label while an episode goes on.

    Attributes:
        value: so far; NaN before the first step, but 0 for a sum.
    """

    def __init__(self, name: str, label: LabelParameters) -> None:
        self._name, self._label = name, label
        self._function: Callable[[Record], Any] | None = None
        if label.function:
            self._function = function(label.function, f"labels.{name}.function")
        self._sum, self._steps = 0.0, 0
        self.value = 0.0 if label.how == "sum" else math.nan

    def add(self, record: Record) -> None:
        """Take in the last step of a record.

        Raises:
            ParameterError: there is no such number.
        """
        new = self._number(record)
        self._sum, self._steps = self._sum + new, self._steps + 1
        first = self._steps == 1
        self.value = {"last": new, "sum": self._sum, "mean": self._sum / self._steps,
                      "min": new if first else min(self.value, new),
                      "max": new if first else max(self.value, new)}[self._label.how]

    def _number(self, record: Record) -> float:
        if self._function is not None:
            source = f"function {self._label.function}"
            with ForeignCall(lambda: f"labels.{self._name}: {source}"):
                value = self._function(record)
        else:
            value, source = looked_up(record.infos[-1], self._label.info), f"info {self._label.info!r}"
            if value is MISSING:
                keys = ", ".join(map(repr, record.infos[-1])) or "nothing"
                raise ParameterError(f"labels.{self._name}: a step's info holds no {self._label.info!r}; it holds "
                                     f"{keys}.")
        measured = number(value)
        if measured is None:
            raise ParameterError(f"labels.{self._name}: {source} gave {brief(value)}; a label needs one finite number "
                                 "at every step.")
        return measured


def looked_up(info: Mapping[str, Any], path: str) -> Any:
    """Return the value of a key, or at a dotted path of keys; `MISSING` where there is none."""
    if path in info:
        return info[path]
    first, _, rest = path.partition(".")
    inner = info.get(first)
    return looked_up(inner, rest) if rest and isinstance(inner, Mapping) else MISSING
