"""A mapping brought together with a scenario and a table: which columns give each value, in the scenario's order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aign.errors import ParameterError, unknown_name
from aign.exchange.logs.header import Header
from aign.exchange.logs.mapping import PLACE, LogMapping, Reading
from aign.exchange.logs.table import LogTable
from aign.scenarios.core import Feature, Scenario

Array = np.ndarray[Any, Any]
UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Block:
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
        """Return how a value is called in messages."""
        name = self.feature.name
        return f"{name}[{index}]" if self.feature.size > 1 else name


@dataclass(frozen=True)
class Columns:
    """Everything that is read from a table.

    Attributes:
        context: blocks of the context features, in their order.
        state: blocks of the state features, in their order.
        fixed: blocks of other observed features, by name; some or none.
        actions: one block of all action values.
        reward: one block of one value, or none.
        labels: blocks of one value each, by label; some or none.
        names: all columns of the table that are needed.
    """

    context: tuple[Block, ...]
    state: tuple[Block, ...]
    fixed: Mapping[str, Block]
    actions: Block
    reward: Block | None
    labels: Mapping[str, Block]
    names: frozenset[str]


def resolve(path: Path, mapping: LogMapping, scenario: Scenario[Any], header: Header) -> Columns:
    """Find the columns that a mapping means.

    Args:
        path: of the mapping, for messages.
        mapping: what the operator says.
        scenario: whose features these are.
        header: the names of the table's columns.

    Raises:
        ParameterError: a feature, label or column that does not exist, a column whose name stands twice, a feature that
            is missing, or columns that are more or fewer than a feature's values; the message names the place in the
            mapping. Columns that the mapping does not name do not matter.
    """
    find = _Finder(path, mapping, header)
    others = scenario.observation_features[len(scenario.state_features):]
    find.check_names("context", mapping.context, scenario.context_features, scenario.context_features)
    find.check_names("observations", mapping.observations, scenario.observation_features, scenario.state_features)
    labels = {label.name: Feature(label.name, label.unit, *UNBOUNDED) for label in scenario.labels}
    find.check_names("labels", mapping.labels, tuple(labels.values()), ())
    context = tuple(find.block("context", one, mapping.context[one.name]) for one in scenario.context_features)
    state = tuple(find.block("observations", one, mapping.observations[one.name]) for one in scenario.state_features)
    fixed = {one.name: find.block("observations", one, mapping.observations[one.name])
             for one in others if one.name in mapping.observations}
    actions = find.block("", Feature("actions", "1", -1.0, 1.0, scenario.action_size), mapping.actions)
    reward = find.block("", Feature("reward", "1", *UNBOUNDED), mapping.reward) if mapping.reward else None
    measured = {name: find.block("labels", labels[name], reading) for name, reading in mapping.labels.items()}
    for key in ("episode", "step", "terminated", "truncated"):
        find.column(key, getattr(mapping, key))
    find.column("behaviour.column", mapping.behaviour.column)
    return Columns(context, state, fixed, actions, reward, measured, frozenset(find.used))


class _Finder:
    """Looks up columns, and remembers those that were found."""

    def __init__(self, path: Path, mapping: LogMapping, header: Header) -> None:
        self.path = path
        self.mapping = mapping
        self.header = header
        self.used: set[str] = set()

    def check_names(self, block: str, given: Mapping[str, Reading], allowed: Collection[Feature],
                    needed: Collection[Feature]) -> None:
        """Raise where features are given that do not exist, or needed ones are not given."""
        for name in given:
            if name not in [one.name for one in allowed]:
                raise ParameterError(f"{self.path}: {block}.{name}: "
                                     f"{unknown_name('name', name, [one.name for one in allowed])}")
        for one in needed:
            if one.name not in given:
                raise ParameterError(f"{self.path}: {block}.{one.name}: missing; it must be given, {one.size} "
                                     f"value{'s' if one.size > 1 else ''} in {one.unit}.")

    def column(self, key: str, name: str | None) -> None:
        """Note a single column, where one is named."""
        if name is None:
            return
        if name not in self.header.names:
            raise ParameterError(f"{self.path}: {key}: {self.header.lacks(repr(name), re.escape(name))}"
                                 f"{self.header.nearest(name)}")
        if self.header.names.count(name) > 1:
            raise ParameterError(f"{self.path}: {key}: the column {name!r} stands twice in {self.header.path}. Rename "
                                 "one of them.")
        self.used.add(name)

    def block(self, place: str, feature: Feature, reading: Reading) -> Block:
        """Return the block of a feature."""
        key = f"{place}.{feature.name}".lstrip(".")
        columns = tuple(self._expanded(key, reading.columns))
        for name in columns:
            self.column(key, name)
        if len(columns) != feature.size:
            raise ParameterError(f"{self.path}: {key}: {len(columns)} columns given ({', '.join(columns)}); "
                                 f"{feature.size} needed.")
        return Block(feature, columns, reading, self.mapping.tolerance_of(reading))

    def _expanded(self, key: str, columns: Sequence[str]) -> Iterator[str]:
        """Yield names of columns, each pattern replaced by the columns it stands for."""
        for column in columns:
            if PLACE not in column:
                yield column
                continue
            head, _, tail = column.partition(PLACE)
            pattern = f"{re.escape(head)}([0-9]+){re.escape(tail)}"
            matches = sorted((int(match[1]), name) for name in self.header.names
                             if (match := re.fullmatch(pattern, name)))
            if not matches:
                raise ParameterError(f"{self.path}: {key}: "
                                     f"{self.header.lacks(f'that fits the pattern {column!r}', pattern)}")
            numbers = [number for number, _ in matches]
            if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
                raise ParameterError(f"{self.path}: {key}: the pattern {column!r} needs columns numbered without a "
                                     f"gap, each once; found: {', '.join(name for _, name in matches)}.")
            yield from (name for _, name in matches)
