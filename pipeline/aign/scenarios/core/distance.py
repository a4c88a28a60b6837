"""How far designs are from each other.

Axes: B networks, X design values.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class DesignDistance:
    """How designs (B, X) are compared: |x - y|_p, in a unit.

    Attributes:
        norm: p; 1: sum of differences, 0: how many values differ, where they are choices.
        spans: (X,) float64, range of each design value in the unit of the distance.
        unit: of a difference.
    """

    norm: float
    spans: Tensor
    unit: str
