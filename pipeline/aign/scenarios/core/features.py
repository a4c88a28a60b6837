"""Named runs of values with unit and bounds, of which contexts, states and observations are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Feature:
    """A named run of `size` values with one unit and common bounds."""

    name: str
    unit: str
    low: float
    high: float
    size: int = 1
    description: str = ""


def total_size(features: Sequence[Feature]) -> int:
    """Return the number of values of all features together."""
    return sum(feature.size for feature in features)


def listing(features: Sequence[Feature]) -> str:
    """Return size, name and unit of each feature, for messages: `4 x gain [1/W], 4 x power [W]`."""
    return ", ".join(f"{feature.size} x {feature.name} [{feature.unit}]" for feature in features)


def bounds(features: Sequence[Feature]) -> tuple[Tensor, Tensor]:
    """Return the least and the largest value at each place, both float32 (total size,)."""
    sizes = torch.tensor([feature.size for feature in features])
    low, high = (torch.tensor(side, dtype=torch.float32).repeat_interleave(sizes)
                 for side in ([feature.low for feature in features], [feature.high for feature in features]))
    return low, high


def feature_at(features: Sequence[Feature], column: int) -> tuple[Feature, int]:
    """Return the feature that the value in a column belongs to, and the value's place in it."""
    for feature in features:
        if column < feature.size:
            return feature, column
        column -= feature.size
    raise IndexError(column)
