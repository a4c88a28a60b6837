"""What an operator asks for: a context, constraints, a number of designs. Python, params.yaml and the command line say
it alike.

Axes: C context values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign import checked_yaml
from aign.designs.settings import RequestSettings
from aign.errors import ContextError, ParameterError, unknown_name
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.scenario import Scenario

MOST_DESIGNS = 100_000
"""Designs of one request: bounds memory."""
SEEDS = 2**31
EXAMPLE = "Write a list of numbers, such as [0.0014, 0.0017], or {gain: [0.0014, 0.0017]}."

ContextSource = str | Path | Sequence[float] | Mapping[str, Sequence[float]] | Tensor
"""A JSON or YAML file, or the values: in the scenario's order, or by the names of its context features."""


@dataclass(frozen=True)
class Request:
    """What is wanted of a network, whichever it is: `resolve` reads it against one.

    Attributes:
        where: constraints on labels, such as "total_power<=300", also with >=, <, > or "not " before them; every design
            has to meet them all.
        preset: a context that the scenario knows by name.
        context: a context of one's own; see `ContextSource`. Where neither is given, one is drawn.
        seed: from 0 to 2**31 - 1, of a context drawn; None: the seed of the answer.
        count: designs to generate, from 1 to `MOST_DESIGNS`.

    Raises:
        ParameterError: a value is out of range, or both preset and context are given.

    Example:
        >>> aign.Request(where=["total_power<=300", "min_rate>=6"], seed=1).count
        16
    """

    where: Sequence[str] = ()
    preset: str | None = None
    context: ContextSource | None = None
    seed: int | None = None
    count: int = 16

    def __post_init__(self) -> None:
        if isinstance(self.where, str):
            raise ParameterError(f"where = {self.where!r}: give a list of constraints, such as [{self.where!r}].")
        if not 1 <= self.count <= MOST_DESIGNS:
            raise ParameterError(f"count = {self.count}: allowed from 1 to {MOST_DESIGNS} designs.")
        if self.seed is not None and not 0 <= self.seed < SEEDS:
            raise ParameterError(f"seed = {self.seed}: allowed from 0 to {SEEDS - 1}.")
        if self.preset is not None and self.context is not None:
            raise ParameterError(f"Both preset {self.preset!r} and context {self.context!r} were given; give one of "
                                 "them.")

    @classmethod
    def of(cls, settings: RequestSettings) -> Request:
        """Return a request of params.yaml."""
        return cls(**settings.model_dump(exclude={"name"}))

    def resolve(self, scenario: Scenario[Any], seed: int = 0) -> ResolvedRequest:
        """Return the request as tensors and bounds of one scenario; `seed` draws the context where none is said.

        Raises:
            ConstraintError: a malformed, unknown or contradictory constraint.
            ContextError: a context that cannot be read or does not fit the scenario.
            ParameterError: an unknown preset.
        """
        values, origin = self._context(scenario, seed if self.seed is None else self.seed)
        try:
            checked = scenario.check_contexts(values)[0]
        except ContextError as error:
            raise ContextError(f"{origin}: {error}") from None
        return ResolvedRequest(checked, origin, parse(self.where, scenario.labels), self.count, self.preset)

    def _context(self, scenario: Scenario[Any], seed: int) -> tuple[Tensor, str]:
        """Return the context values, not yet checked, and where they come from."""
        if self.preset is not None:
            if self.preset not in scenario.presets:
                raise ParameterError(unknown_name("preset", self.preset, scenario.presets))
            return scenario.presets[self.preset], f"preset {self.preset}"
        if self.context is None:
            values = scenario.draw_contexts(1, torch.Generator().manual_seed(seed))[0]
            return values, f"drawn with seed {seed}"
        if isinstance(self.context, str | Path):
            return read_context(Path(self.context), scenario), str(self.context)
        return context_values(self.context, "context", scenario), "the given context"


@dataclass(frozen=True)
class ResolvedRequest:
    """A request to the generator of one scenario.

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


def read_context(path: Path, scenario: Scenario[Any]) -> Tensor:
    """Read context values (C,) from a JSON or YAML file: a list of numbers, or feature names and such lists.

    Raises:
        ContextError: the file is missing, unreadable, names other features, or holds anything but numbers.
    """
    try:
        content = checked_yaml.read(path, ContextError)  # JSON is YAML
    except ContextError as error:
        raise ContextError(f"{error} {EXAMPLE}") from None
    return context_values(content, str(path), scenario)


def context_values(content: Any, place: str, scenario: Scenario[Any]) -> Tensor:
    """Return context values (C,), float32, from a list of numbers or a mapping of feature names to such lists.

    Raises:
        ContextError: naming the place; the content names other features, or holds anything but numbers.
    """
    content = content.tolist() if hasattr(content, "tolist") else content
    parts = _by_feature(content, place, scenario) if isinstance(content, Mapping) else [content]
    if not all(isinstance(part, list | tuple) for part in parts):
        raise ContextError(f"{place}: holds something else than lists of numbers. {EXAMPLE}")
    values = [value for part in parts for value in part]
    if not all(type(value) in (int, float) for value in values):
        raise ContextError(f"{place}: holds values that are no numbers. {EXAMPLE}")
    try:
        return torch.tensor([float(value) for value in values], dtype=torch.float32)
    except OverflowError:
        raise ContextError(f"{place}: holds a number too large for a computer. {EXAMPLE}") from None


def _by_feature(content: Mapping[Any, Any], place: str, scenario: Scenario[Any]) -> list[Any]:
    """Return the mapping's lists in the scenario's order."""
    names = [feature.name for feature in scenario.context_features]
    for name in content:
        if name not in names:
            raise ContextError(f"{place}: {unknown_name('context feature', str(name), names)}")
    missing = [name for name in names if name not in content]
    if missing:
        raise ContextError(f"{place}: {missing[0]} is missing; needed: {', '.join(names)}.")
    return [content[name] for name in names]
