"""A mapping brought together with a scenario and a table: which columns give each value, in the scenario's order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aign.errors import ParameterError, nearest, unknown_name
from aign.exchange.logs.header import Header
from aign.exchange.logs.mapping import PLACE, LogMapping, Reading
from aign.exchange.logs.table import LogTable
from aign.scenarios.core import Feature, Scenario

Array = np.ndarray[Any, Any]
UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class FeatureColumns:
    """Columns that give the values of one feature.

    Attributes:
        feature: what they are, with unit and bounds.
        columns: one name a value.
        reading: conversion.
        tolerance: how far the values may be from the simulator's.
    """

    feature: Feature
    columns: tuple[str, ...]
    reading: Reading
    tolerance: float

    def read(self, table: LogTable, exact: bool = False) -> Array:
        """Return the values in the scenario's unit, float64 (N, size), NaN where empty; see `LogTable.numbers`."""
        exact = exact and not self.reading.converts
        cells = np.stack([table.numbers(name, exact) for name in self.columns], axis=1)
        return self.reading.scale * cells + self.reading.offset

    def value(self, index: int) -> str:
        """Return a value's name in messages."""
        return f"{self.feature.name}[{index}]" if self.feature.size > 1 else self.feature.name


@dataclass(frozen=True)
class Columns:
    """Everything that is read from a table.

    Attributes:
        context: of each context feature, in their order.
        state: of each state feature, in their order.
        fixed: of other observed features, by name; some or none.
        actions: of all action values.
        reward: one value, or none.
        labels: one value each, by label; some or none.
        names: all columns of the table that are needed.
    """

    context: tuple[FeatureColumns, ...]
    state: tuple[FeatureColumns, ...]
    fixed: Mapping[str, FeatureColumns]
    actions: FeatureColumns
    reward: FeatureColumns | None
    labels: Mapping[str, FeatureColumns]
    names: frozenset[str]


def resolve(path: Path, mapping: LogMapping, scenario: Scenario[Any], header: Header) -> Columns:
    """Find the columns that a mapping means; columns that it does not name do not matter.

    Args:
        path: of the mapping, for messages.
        mapping: what the operator says.
        scenario: whose features these are.
        header: the names of the table's columns.

    Raises:
        ParameterError: an unknown feature, label or column, a column whose name appears twice, a missing feature, or
            more or fewer columns than a feature has values; the message names the place in the mapping.
    """
    find = _Finder(path, mapping, header)
    states, observed = scenario.state_features, scenario.observation_features
    labels = {label.name: Feature(label.name, label.unit, *UNBOUNDED) for label in scenario.labels}
    find.check_names("context", mapping.context, scenario.context_features, scenario.context_features)
    find.check_names("observations", mapping.observations, observed, states)
    find.check_names("labels", mapping.labels, tuple(labels.values()), ())
    return Columns(
        context=tuple(find.features("context", scenario.context_features, mapping.context).values()),
        state=tuple(find.features("observations", states, mapping.observations).values()),
        fixed=find.features("observations", observed[len(states):], mapping.observations),
        actions=find.feature("actions", Feature("actions", "1", -1.0, 1.0, scenario.action_size), mapping.actions),
        reward=find.feature("reward", Feature("reward", "1", *UNBOUNDED), mapping.reward) if mapping.reward else None,
        labels=find.features("labels", [labels[name] for name in mapping.labels], mapping.labels),
        names=find.all_names())


class _Finder:
    """Looks up columns, and remembers which are used."""

    def __init__(self, path: Path, mapping: LogMapping, header: Header) -> None:
        self.path = path
        self.mapping = mapping
        self.header = header
        self.used: set[str] = set()

    def check_names(self, key: str, readings: Mapping[str, Reading], allowed: Sequence[Feature],
                    required: Sequence[Feature]) -> None:
        """Raise where a block of the mapping has unknown features, or lacks required ones."""
        names = [feature.name for feature in allowed]
        for name in readings:
            if name not in names:
                raise ParameterError(f"{self.path}: {key}.{name}: {unknown_name('name', name, names)}")
        for feature in required:
            if feature.name not in readings:
                raise ParameterError(f"{self.path}: {key}.{feature.name}: missing; it must be given, {feature.size} "
                                     f"value{'s' if feature.size > 1 else ''} in {feature.unit}.")

    def features(self, key: str, features: Sequence[Feature],
                 readings: Mapping[str, Reading]) -> dict[str, FeatureColumns]:
        """Return the columns of those features that a block of the mapping has."""
        return {feature.name: self.feature(f"{key}.{feature.name}", feature, readings[feature.name])
                for feature in features if feature.name in readings}

    def feature(self, key: str, feature: Feature, reading: Reading) -> FeatureColumns:
        """Return the columns of one feature."""
        columns = tuple(self._expanded(key, reading.columns))
        for name in columns:
            self.column(key, name)
        if len(columns) != feature.size:
            raise ParameterError(f"{self.path}: {key}: {len(columns)} columns given ({', '.join(columns)}); "
                                 f"{feature.size} needed.")
        return FeatureColumns(feature, columns, reading, self.mapping.tolerance_of(reading))

    def column(self, key: str, name: str | None) -> None:
        """Use a single column, where the mapping names it."""
        if name is None:
            return
        if name not in self.header.names:
            raise ParameterError(f"{self.path}: {key}: {self.header.lacks(repr(name), re.escape(name))}"
                                 f"{nearest(name, self.header.names)}")
        if self.header.names.count(name) > 1:
            raise ParameterError(f"{self.path}: {key}: the column {name!r} appears twice in {self.header.path}. Rename "
                                 "one of them.")
        self.used.add(name)

    def all_names(self) -> frozenset[str]:
        """Return all columns that are used, after those of the values that are not features."""
        for key in ("episode", "step", "terminated", "truncated"):
            self.column(key, getattr(self.mapping, key))
        self.column("behaviour.column", self.mapping.behaviour.column)
        return frozenset(self.used)

    def _expanded(self, key: str, columns: Sequence[str]) -> Iterator[str]:
        """Yield names of columns, each pattern replaced by the columns that match it, in order of their numbers."""
        for column in columns:
            if PLACE not in column:
                yield column
                continue
            pattern = re.escape(column).replace(re.escape(PLACE), "([0-9]+)", 1)
            matches = sorted((int(match[1]), name) for name in self.header.names
                             if (match := re.fullmatch(pattern, name)))
            if not matches:
                raise ParameterError(f"{self.path}: {key}: "
                                     f"{self.header.lacks(f'that fits the pattern {column!r}', pattern)}")
            names = [name for _, name in matches]
            if [number for number, _ in matches] != list(range(matches[0][0], matches[0][0] + len(matches))):
                raise ParameterError(f"{self.path}: {key}: the pattern {column!r} needs columns numbered without a "
                                     f"gap, each once; the table has {', '.join(names)}.")
            yield from names
