"""Constraints on labels, as an operator writes them: `total_power<=300`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aign.errors import ConstraintError, unknown_name

Sense = Literal["<=", ">="]
PATTERN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Label:
    """A scalar of a design (or of the path to it) that a request may bound.

    Attributes:
        name: what requests and dataset columns call it.
        unit: physical unit, "1" for a pure number.
        better: whether a lower or a higher value is the better one.
        description: one sentence for tables and cards.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    description: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """`label <= threshold` or `label >= threshold`, in the label's unit."""

    label: str
    sense: Sense
    threshold: float

    def __str__(self) -> str:
        return f"{self.label}{self.sense}{self.threshold:.15g}"

    def slack(self, values: Tensor) -> Tensor:
        """Return how far `values` (any shape) are on the allowed side; negative where the constraint is broken."""
        return self.threshold - values if self.sense == "<=" else values - self.threshold

    def holds(self, values: Tensor) -> Tensor:
        """Return where `values` (any shape) satisfy the constraint, at zero tolerance."""
        return self.slack(values) >= 0


def parse(texts: Iterable[str], labels: Sequence[Label]) -> tuple[Constraint, ...]:
    """Read constraints such as `min_rate>=8`; several bounds on one label become the tightest.

    Raises:
        ConstraintError: malformed text, unknown label, a threshold that is not finite, or an empty interval.
    """
    known = [label.name for label in labels]
    tightest: dict[tuple[str, str], Constraint] = {}
    for text in texts:
        match = PATTERN.fullmatch(text)
        if match is None:
            raise ConstraintError(f"Constraint {text!r} cannot be read. Write LABEL<=NUMBER or LABEL>=NUMBER, "
                                  f"for example {known[0]}<=1, with a label among: {', '.join(known)}.")
        name, sense, threshold = match.group(1), match.group(2), float(match.group(3))
        if name not in known:
            raise ConstraintError(f"Constraint {text!r}: {unknown_name('label', name, known)}")
        if not math.isfinite(threshold):
            raise ConstraintError(f"Constraint {text!r}: the threshold must be a finite number.")
        new = Constraint(name, "<=" if sense == "<=" else ">=", threshold)
        old = tightest.get((name, sense))
        if old is None or (new.threshold < old.threshold) == (sense == "<="):
            tightest[name, sense] = new
    for (name, sense), upper in tightest.items():
        lower = tightest.get((name, ">="))
        if sense == "<=" and lower is not None and lower.threshold > upper.threshold:
            raise ConstraintError(f"Constraints {lower} and {upper} contradict each other: no value of {name} meets "
                                  "both. Relax one of them.")
    return tuple(tightest.values())


def satisfied(constraints: Iterable[Constraint], values: Mapping[str, Tensor], count: int) -> Tensor:
    """Return where all constraints hold, shape (count,), given each label's values (count,)."""
    result = torch.ones(count, dtype=torch.bool, device=next(iter(values.values())).device)
    for constraint in constraints:
        result &= constraint.holds(values[constraint.label])
    return result
