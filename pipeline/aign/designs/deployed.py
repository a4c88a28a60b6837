"""A design as something that is changed part by part: which values are set, which follow, and to whom they belong.

Axes: C context values, X design values, G parts, B designs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.constraints import written
from aign.scenarios.core.features import bounds
from aign.scenarios.core.scenario import Scenario


@dataclass(frozen=True)
class Part:
    """The values of one entity that are set: entity as people call it, and places (columns) in the design."""

    entity: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class ValueChange:
    """One value of a design before and after a change."""

    feature: str
    unit: str
    before: float
    after: float

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.feature} {written(self.before, 5)} -> {written(self.after, 5)}{unit}"


@dataclass(frozen=True, eq=False)
class Deployment:
    """Designs of one context, changed part by part.

    Attributes:
        scenario: whose designs these are.
        context: (C,).
    """

    scenario: Scenario[Any]
    context: Tensor

    def settled(self, designs: Tensor) -> Tensor:
        """Return what becomes of designs (B, X) in the network: values that follow from the others are put right."""
        contexts = self.context.expand(len(designs), -1)
        return self.scenario.nearest_start(contexts, designs).to(designs.dtype)

    @cached_property
    def free(self) -> Tensor:
        """(X,) bool, the values that are set; the others follow from them, such as devices' answers to a price."""
        features = self.scenario.state_features
        low, high = bounds(features)
        free = torch.ones(len(low), dtype=torch.bool)
        for columns in torch.arange(len(low)).split([feature.size for feature in features]):
            other = low.clone()
            # Rising values: of scores of options, the same value everywhere would change nothing.
            other[columns] += (high - low)[columns] * torch.arange(1, len(columns) + 1) / len(columns)
            results = self.settled(torch.stack([low, other]))
            free[columns] = not torch.equal(results[0], results[1])
        return free

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The G parts of a design, an entity each: what has one name, in whichever features, belongs together."""
        names = [name for feature in self.scenario.state_features for name in self.scenario.entity_names(feature.size)]
        columns: dict[str, list[int]] = {}
        for column in self.free.nonzero()[:, 0].tolist():
            columns.setdefault(names[column], []).append(column)
        return tuple(Part(name, tuple(held)) for name, held in columns.items())

    def differing(self, design: Tensor, other: Tensor) -> list[int]:
        """Return the numbers of the parts in which two designs (X,) differ."""
        return [number for number, part in enumerate(self.parts)
                if not torch.equal(design[list(part.columns)], other[list(part.columns)])]

    def value_changes(self, part: Part, before: Tensor, after: Tensor) -> tuple[ValueChange, ...]:
        """Return how the values of a part differ between two designs (X,); of a choice, the numbers of the options."""
        features = [feature for feature in self.scenario.state_features for _ in range(feature.size)]
        columns = list(part.columns)
        if len(columns) > 1 and len({features[column].name for column in columns}) == 1 and \
                all(_is_choice(design[columns]) for design in (before, after)):
            options = (float(design[columns].argmax()) for design in (before, after))
            return (ValueChange(features[columns[0]].name, "1", *options),)
        return tuple(ValueChange(features[column].name, features[column].unit, float(before[column]),
                                 float(after[column]))
                     for column in columns if before[column] != after[column])

    def figures(self, designs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,), of designs (B, X), simulated."""
        contexts = self.context.expand(len(designs), -1)
        return self.scenario.utility(contexts, designs), self.scenario.measure(contexts, designs)


def _is_choice(values: Tensor) -> bool:
    """Return whether values are a 1 among zeros."""
    return bool(((values == 0) | (values == 1)).all()) and float(values.sum()) == 1
