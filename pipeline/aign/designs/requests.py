"""What an operator asks for: a context, constraints, a number of answers.

Axes: C context values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign import checked_yaml
from aign.errors import ContextError, ParameterError, unknown_name
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.scenario import Scenario

MOST_DESIGNS = 100_000
"""Designs of one request: bounds memory."""


@dataclass(frozen=True)
class Request:
    """One question to the generator.

    Attributes:
        context: (C,) float32, checked.
        origin: where the context comes from, for tables.
        constraints: what every design has to meet.
        count: candidates to generate.
        preset: the name of the context, where it has one.
    """

    context: Tensor
    origin: str
    constraints: tuple[Constraint, ...]
    count: int
    preset: str | None = None


def make_request(scenario: Scenario[Any], where: Sequence[str] = (), count: int = 16, preset: str | None = None,
                 context: Path | None = None, seed: int = 0) -> Request:
    """Build a request from what a user types.

    Raises:
        ConstraintError: a malformed, unknown or contradictory constraint.
        ContextError: a context file that cannot be read or does not fit the scenario.
        ParameterError: an unknown preset, both preset and file given, or a count out of range.
    """
    if not 1 <= count <= MOST_DESIGNS:
        raise ParameterError(f"count = {count}: allowed from 1 to {MOST_DESIGNS} designs.")
    if preset is not None and context is not None:
        raise ParameterError(f"Both preset {preset!r} and context file {context} were given; give one of them.")
    if preset is not None:
        if preset not in scenario.presets:
            raise ParameterError(unknown_name("preset", preset, scenario.presets))
        values, origin = scenario.presets[preset], f"preset {preset}"
    elif context is not None:
        values, origin = read_context(context, scenario), str(context)
    else:
        values = scenario.draw_contexts(1, torch.Generator().manual_seed(seed))[0]
        origin = f"drawn with seed {seed}"
    try:
        checked = scenario.check_contexts(values)[0]
    except ContextError as error:
        raise ContextError(f"{origin}: {error}") from None
    return Request(checked, origin, parse(where, scenario.labels), count, preset)


def read_context(path: Path, scenario: Scenario[Any]) -> Tensor:
    """Read context values from a JSON or YAML file: a list of numbers, or a mapping of feature names to such lists.

    Raises:
        ContextError: the file is missing, unreadable, names other features, or holds anything but numbers.
    """
    example = "Write a list of numbers, such as [0.0014, 0.0017], or {gain: [0.0014, 0.0017]}."
    try:
        content = checked_yaml.read(path, ContextError)  # JSON is YAML
    except ContextError as error:
        raise ContextError(f"{error} {example}") from None
    parts = _by_feature(content, path, scenario) if isinstance(content, dict) else [content]
    if not all(isinstance(part, list) for part in parts):
        raise ContextError(f"{path}: holds something else than lists of numbers. {example}")
    values = [value for part in parts for value in part]
    if not all(type(value) in (int, float) for value in values):
        raise ContextError(f"{path}: holds values that are no numbers. {example}")
    try:
        return torch.tensor([float(value) for value in values], dtype=torch.float32)
    except OverflowError:
        raise ContextError(f"{path}: holds a number too large for a computer. {example}") from None


def _by_feature(content: dict[Any, Any], path: Path, scenario: Scenario[Any]) -> list[Any]:
    """Return the mapping's lists in the scenario's order."""
    names = [feature.name for feature in scenario.context_features]
    for name in content:
        if name not in names:
            raise ContextError(f"{path}: {unknown_name('context feature', str(name), names)}")
    missing = [name for name in names if name not in content]
    if missing:
        raise ContextError(f"{path}: {missing[0]} is missing; needed: {', '.join(names)}.")
    return [content[name] for name in names]
