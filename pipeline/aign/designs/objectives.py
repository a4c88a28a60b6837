"""What a request wants most: the utility, or a label as low or as high as can be; of several, the designs of the front.

Axes: B contexts, K candidates, J objectives; any leading axes of figures are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.constraints import Constraint, Label

UTILITY = "utility"
PATTERN = re.compile(r"\s*(?:(min|max)\s+)?([A-Za-z_]\w*)\s*")
HOW = "Write utility, a label, or min or max before a label, such as 'min total_power'."


@dataclass(frozen=True, slots=True)
class Objective:
    """The utility or a label, to be lowered or raised.

    Attributes:
        name: `UTILITY` or a label of the scenario.
        lower: whether less is better.
    """

    name: str
    lower: bool

    def __str__(self) -> str:
        return self.name if self.name == UTILITY else f"{'min' if self.lower else 'max'} {self.name}"

    @property
    def is_utility(self) -> bool:
        """Whether this is the scenario's own objective."""
        return self.name == UTILITY

    def value(self, utility: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
        """Return what is to be lowered or raised, of designs with these figures."""
        return utility if self.is_utility else labels[self.name]

    def score(self, utility: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
        """Return the value with the sign by which more is better; minus infinity where there is none."""
        value = self.value(utility, labels).double()
        return (-value if self.lower else value).nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)

    def bound(self, threshold: float) -> Constraint:
        """Return the constraint that a label is at least as good as a threshold."""
        return Constraint(self.name, "<=" if self.lower else ">=", threshold)


BY_UTILITY = (Objective(UTILITY, lower=False),)
"""What a request wants that says nothing else."""


def parse(texts: Sequence[str], labels: Sequence[Label]) -> tuple[Objective, ...]:
    """Read objectives such as "utility", "cost" (in its better direction), "min cost" or "max min_rate".

    Returns:
        one for each text; the utility where there is none.

    Raises:
        ParameterError: malformed text, an unknown label, the utility to be lowered, or a name said twice.
    """
    known = {label.name: label for label in labels}
    objectives = tuple(_read(text, known) for text in texts) or BY_UTILITY
    names = [objective.name for objective in objectives]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ParameterError(f"Objective {repeated[0]!r} was given twice; each name counts once.")
    return objectives


def _read(text: str, known: Mapping[str, Label]) -> Objective:
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ParameterError(f"Objective {text!r} cannot be read. {HOW} Labels: {', '.join(known)}.")
    direction, name = match.groups()
    if name == UTILITY:
        if direction == "min":
            raise ParameterError(f"Objective {text!r}: the utility is what is worth most, and is only raised. {HOW}")
        return Objective(UTILITY, lower=False)
    if name not in known:
        raise ParameterError(f"Objective {text!r}: {unknown_name('objective', name, [UTILITY, *known])}")
    return Objective(name, known[name].better == "lower" if direction is None else direction == "min")


def scores(objectives: Sequence[Objective], utility: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
    """Return the scores (..., J) of designs with these figures (...)."""
    return torch.stack([objective.score(utility, labels) for objective in objectives], dim=-1)


def dominators(values: Tensor, feasible: Tensor) -> Tensor:
    """Return how many feasible designs beat each one: as good in every objective, and better in one.

    Args:
        values: (..., K, J) scores; more is better.
        feasible: (..., K) bool.

    Returns:
        (..., K) int64; 0 on the front.
    """
    other, this = values[..., :, None, :], values[..., None, :, :]
    beats = (other >= this).all(-1) & (other > this).any(-1) & feasible[..., :, None]
    return beats.sum(dim=-2)


def preference(objectives: Sequence[Objective], utility: Tensor, labels: Mapping[str, Tensor],
               feasible: Tensor) -> tuple[Tensor, ...]:
    """Return the keys (..., K) by which designs are ranked, the most important first; more is better.

    One objective: its score. Several: how few designs beat it, then the score of the first objective.
    """
    values = scores(objectives, utility, labels)
    if len(objectives) == 1:
        return (values[..., 0],)
    return -dominators(values, feasible).double(), values[..., 0]
