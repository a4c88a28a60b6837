"""How sure a mean is. Seeds are the independent repetitions: contexts of one seed share its agents and models."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import t as student

LEVEL = 0.95
Interval = dict[str, float | None]
"""mean, low, high; the ends are None where one value alone tells nothing of the spread."""


def over_seeds(values: Sequence[float]) -> Interval:
    """Return the mean of one value a seed with its 95 % Student-t interval.

    Wide for few seeds, and rightly so: 4.3 standard errors each way for three, 2.8 for five.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("An interval needs at least one value.")
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return {"mean": mean, "low": None, "high": None}
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(student.ppf((1 + LEVEL) / 2, count - 1)) * deviation / math.sqrt(count)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return math.fsum(values) / len(values)
