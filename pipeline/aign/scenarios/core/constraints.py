"""Constraints on labels, as an operator writes them: `total_power<=300`, `min_rate>8`, `not jain_fairness>=0.9`.

On floats a strict bound is a closed one: x < t means x <= t', the largest float below t. So every mechanism (repair,
certificates, search) needs two cases only and asks a constraint for its closed form; what is printed stays as written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from aign.errors import ConstraintError, unknown_name

Sense = Literal["<=", ">=", "<", ">"]
Side = tuple[str, Literal["<=", ">="]]
"""A label, and whether it is bounded from above or from below."""
SENSES: dict[str, Sense] = {"<=": "<=", ">=": ">=", "<": "<", ">": ">"}
OPPOSITE: dict[str, Sense] = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}
PATTERN = re.compile(r"\s*(not\s+)?([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


LARGEST_WHOLE = 2**53
"""Whole numbers up to this are exact in float64."""


@dataclass(frozen=True, slots=True)
class Label:
    """A scalar of a design (or of the path to it) that a request may bound.

    Attributes:
        name: what requests and dataset columns call it.
        unit: physical unit, "1" for a pure number.
        better: whether a lower or a higher value is the better one.
        description: one sentence for tables and cards.
        phrases: how operators say it, such as "total power"; the name itself, spoken, need not stand here.
        units: further units in which it is asked for, each with how many of `unit` one of them is.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    description: str
    phrases: tuple[str, ...] = ()
    units: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """`label <= threshold`, `label >= threshold` or strictly `<`, `>`; the threshold is in the label's unit."""

    label: str
    sense: Sense
    threshold: float

    def __str__(self) -> str:
        text = written(self.threshold, 15)
        exact = text if float(text) == self.threshold else repr(self.threshold)
        return f"{self.label}{self.sense}{exact}"

    @property
    def upper(self) -> bool:
        """Whether the label is bounded from above."""
        return self.sense in ("<=", "<")

    @property
    def side(self) -> Side:
        """What is bounded, and on which side: equal for strict and closed bounds."""
        return self.label, "<=" if self.upper else ">="

    @property
    def closed(self) -> Constraint:
        """The same constraint with sense `<=` or `>=`: what every mechanism works with."""
        if self.sense in ("<=", ">="):
            return self
        towards = -math.inf if self.upper else math.inf
        return Constraint(self.label, "<=" if self.upper else ">=", math.nextafter(self.threshold, towards))

    @property
    def negated(self) -> Constraint:
        """The constraint that holds exactly where this one does not (of numbers; NaN satisfies neither)."""
        return replace(self, sense=OPPOSITE[self.sense])

    def at(self, threshold: float) -> Constraint:
        """Return the same bound with another threshold."""
        return replace(self, threshold=threshold)

    def slack(self, values: Tensor) -> Tensor:
        """Return how far `values` (any shape) are on the allowed side, float64; negative where it is broken."""
        limit = self.closed.threshold
        return limit - values.double() if self.upper else values.double() - limit

    def holds(self, values: Tensor) -> Tensor:
        """Return where `values` (any shape) satisfy the constraint, at zero tolerance."""
        return self.slack(values) >= 0

    def violation(self, values: Tensor) -> Tensor:
        """Return by how much `values` break the constraint, relative to the threshold (to 1 where that is 0); 0 where
        it holds, infinite where there is no value.
        """
        short = (-self.slack(values)).clamp_min(0.0) / (abs(self.threshold) or 1.0)
        return short.nan_to_num(nan=math.inf, posinf=math.inf)


def tightest(constraints: Iterable[Constraint], side: Side, limit: float | None = None) -> float:
    """Return the tightest threshold, as a closed bound, on one side of a label.

    Args:
        constraints: of any labels.
        side: the label, and "<=" or ">=".
        limit: a bound that holds anyway; by default none: infinity or minus infinity.
    """
    upper = side[1] == "<="
    loosest = (math.inf if upper else -math.inf) if limit is None else limit
    return (min if upper else max)([loosest, *(bound.closed.threshold for bound in constraints if bound.side == side)])


def parse(texts: Iterable[str], labels: Sequence[Label]) -> tuple[Constraint, ...]:
    """Read constraints such as `min_rate>=8`; several bounds on one label become the tightest.

    Raises:
        ConstraintError: malformed text, unknown label, a threshold that is not finite, or an empty interval.
    """
    known = [label.name for label in labels]
    tightest: dict[tuple[str, bool], Constraint] = {}
    for text in texts:
        new = _read(text, known)
        place = (new.label, new.upper)
        old = tightest.get(place)
        limit = new.closed.threshold
        if old is None or (limit < old.closed.threshold if new.upper else limit > old.closed.threshold):
            tightest[place] = new
    for (name, above), upper in tightest.items():
        lower = tightest.get((name, False))
        if above and lower is not None and lower.closed.threshold > upper.closed.threshold:
            raise ConstraintError(f"Constraints {lower} and {upper} contradict each other: no value of {name} meets "
                                  "both. Relax one of them.")
    return tuple(tightest.values())


def written(value: float, digits: int) -> str:
    """Return a number for people in so many significant digits; a whole one in full, such as 16777217."""
    value += 0.0  # a minus of nothing is nothing
    return f"{value:.0f}" if value.is_integer() and abs(value) <= LARGEST_WHOLE else f"{value:.{digits}g}"


def _read(text: str, known: Sequence[str]) -> Constraint:
    """Read one constraint; see `parse`."""
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ConstraintError(f"Constraint {text!r} cannot be read. Write LABEL<=NUMBER or LABEL>=NUMBER, strictly "
                              f"with < or >, or one of these after 'not', for example {known[0]}<=1, with a label "
                              f"among: {', '.join(known)}.")
    negation, name, sense, threshold = match.group(1), match.group(2), SENSES[match.group(3)], float(match.group(4))
    if name not in known:
        raise ConstraintError(f"Constraint {text!r}: {unknown_name('label', name, known)}")
    constraint = Constraint(name, sense, threshold)
    constraint = constraint.negated if negation else constraint
    if not math.isfinite(constraint.closed.threshold):
        raise ConstraintError(f"Constraint {text!r}: the threshold must be a finite number.")
    return constraint


def satisfied(constraints: Iterable[Constraint], values: Mapping[str, Tensor], count: int) -> Tensor:
    """Return where all constraints hold, shape (count,), given each label's values (count,)."""
    result = torch.ones(count, dtype=torch.bool, device=next(iter(values.values())).device)
    for constraint in constraints:
        result &= constraint.holds(values[constraint.label])
    return result


def violation(constraints: Iterable[Constraint], values: Mapping[str, Tensor], count: int) -> Tensor:
    """Return the sum of all relative violations, float64 (count,); 0 exactly where all constraints hold."""
    result = torch.zeros(count, dtype=torch.float64, device=next((value.device for value in values.values()), None))
    for constraint in constraints:
        # A violation too small for the division must not vanish: what does not hold is never counted as held.
        broken = constraint.violation(values[constraint.label]).clamp_min(1e-300)
        result += torch.where(constraint.holds(values[constraint.label]), 0.0, broken)
    return result
