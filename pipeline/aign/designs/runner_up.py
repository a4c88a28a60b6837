"""Why the best design and not the next one: where the two differ, and in which figures.

Axes: X design values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.deployed import Deployment
from aign.designs.objectives import Objective
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario

SHOWN = 2
"""Parts of the design named in the text."""
LEAST = 1e-9
"""Relative differences below this are rounding."""


@dataclass(frozen=True)
class RunnerUp:
    """The next best design beside the best one.

    Attributes:
        rank: of the next one, from 1.
        where: the parts in which it differs, in words.
        count: how many parts differ.
        differences: its figures less those of the best design, those that differ, with units.
        broken: the constraints that it breaks.
        objectives: of the request.
    """

    rank: int
    where: tuple[str, ...]
    count: int
    differences: Mapping[str, tuple[float, str]]
    broken: tuple[Constraint, ...]
    objectives: tuple[Objective, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"rank": self.rank, "differs_in": list(self.where), "parts_that_differ": self.count,
                "differences": {name: value for name, (value, _) in self.differences.items()},
                "breaks": [str(constraint) for constraint in self.broken], "sentence": self.sentence()}

    def sentence(self) -> str:
        """Return the comparison in words."""
        more = self.count - len(self.where)
        where = "; ".join(self.where) + (f" and {more} more" if more and self.where else "")
        figures = ", ".join(f"{name} {value:+.4g}{unit}" for name, (value, unit) in self.differences.items())
        text = f"Design {self.rank} differs in {where or f'{self.count} decisions'}: {figures or 'no figure differs'}"
        return f"{text}; {self._reason()}."

    def _reason(self) -> str:
        """Return why the other design is behind."""
        if self.broken:
            return f"it breaks {' and '.join(map(str, self.broken))}"
        behind = [objective.name for objective in self.objectives if self._gain(objective) < 0]
        ahead = [objective.name for objective in self.objectives if self._gain(objective) > 0]
        if behind and ahead:
            return f"it is better in {' and '.join(ahead)} but worse in {' and '.join(behind)}"
        return f"it is worse in {' and '.join(behind)}" if behind else "both are equally good"

    def _gain(self, objective: Objective) -> float:
        value = self.differences.get(objective.name, (0.0, ""))[0]
        return -value if objective.lower else value


def runner_up(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint],
              objectives: Sequence[Objective], designs: Tensor, rows: Sequence[Mapping[str, Any]]) -> RunnerUp | None:
    """Return the next best of ranked designs (K, X) with their rows beside the first; None where all are the same."""
    place = next((place for place in range(1, len(rows)) if rows[place]["design"] != rows[0]["design"]), None)
    if place is None:
        return None
    best, other = rows[0], rows[place]
    units = {"utility": "", **{label.name: "" if label.unit == "1" else f" {label.unit}" for label in scenario.labels}}
    differences = {name: (other[name] - best[name], unit) for name, unit in units.items()
                   if abs(other[name] - best[name]) > LEAST * max(abs(other[name]), abs(best[name]))}
    broken = tuple(constraint for constraint in constraints
                   if not bool(constraint.holds(torch.tensor(other[constraint.label], dtype=torch.float64))))
    if not scenario.designs_transfer:
        count = int((designs[0] != designs[place]).sum())
        return RunnerUp(place + 1, (), count, differences, broken, tuple(objectives))
    deployment = Deployment(scenario, context)
    numbers = deployment.differing(designs[0], designs[place])
    texts = (", ".join(map(str, deployment.value_changes(part, designs[0], designs[place])))
             for part in (deployment.parts[number] for number in numbers[:SHOWN]))
    where = tuple(f"{deployment.parts[number].entity} ({text})" for number, text in zip(numbers, texts, strict=False))
    return RunnerUp(place + 1, where, len(numbers), differences, broken, tuple(objectives))
