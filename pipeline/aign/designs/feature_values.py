"""Numbers that people give for the features of a network, as a list, by name, or in a file: contexts, deployed designs.

Axes: X values of all features together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign import checked_yaml
from aign.errors import AignError, unknown_name
from aign.scenarios.core.features import Feature

Values = str | Path | Sequence[float] | Mapping[str, Sequence[float]] | Tensor
"""A JSON or YAML file, or the numbers: in the scenario's order, or by the names of features."""


@dataclass(frozen=True)
class FeatureReader:
    """Reads the values of features.

    Attributes:
        features: of what is read, in order.
        kind: what a feature is called in messages, such as "context feature".
        error: what is raised.
        example: what to write, as a sentence.
    """

    features: Sequence[Feature]
    kind: str
    error: type[AignError]
    example: str

    def file(self, path: Path) -> Any:
        """Return the content of a JSON or YAML file; raises `error` where it cannot be read."""
        try:
            return checked_yaml.read(path, self.error)  # JSON is YAML
        except self.error as problem:
            raise self.error(f"{problem} {self.example}") from None

    def values(self, content: Any, place: str) -> Tensor:
        """Return values (X,), float32, from a list of numbers or a mapping of feature names to such lists.

        Raises `error`, naming the place: the content names other features, or holds anything but numbers.
        """
        content = content.tolist() if hasattr(content, "tolist") else content
        parts = self._by_name(content, place) if isinstance(content, Mapping) else [content]
        if not all(isinstance(part, list | tuple) for part in parts):
            raise self.error(f"{place}: holds something else than lists of numbers. {self.example}")
        values = [value for part in parts for value in part]
        if not all(type(value) in (int, float) for value in values):
            raise self.error(f"{place}: holds values that are no numbers. {self.example}")
        try:
            return torch.tensor([float(value) for value in values], dtype=torch.float32)
        except OverflowError:
            raise self.error(f"{place}: holds a number too large for a computer. {self.example}") from None

    def _by_name(self, content: Mapping[Any, Any], place: str) -> list[Any]:
        """Return the mapping's lists in the order of the features."""
        names = [feature.name for feature in self.features]
        for name in content:
            if name not in names:
                raise self.error(f"{place}: {unknown_name(self.kind, str(name), names)}")
        missing = [name for name in names if name not in content]
        if missing:
            raise self.error(f"{place}: {missing[0]} is missing; needed: {', '.join(names)}.")
        return [content[name] for name in names]
