"""From the deployed design to the answer: what to change, in an order in which nothing gets worse unnecessarily.

Axes: C context values, X design values, B designs that are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.deployed import Deployment, ValueChange
from aign.designs.objectives import Objective
from aign.scenarios.core.constraints import Constraint, violation, written

SHOWN = 8
"""Changes that the terminal shows."""


@dataclass(frozen=True)
class State:
    """A design on the way, simulated.

    Attributes:
        design: (X,).
        utility, labels: its figures.
        violation: total relative violation of the request; 0 where it is met.
    """

    design: Tensor
    utility: float
    labels: dict[str, float]
    violation: float

    @property
    def meets(self) -> bool:
        """Whether the request is met."""
        return self.violation == 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"design": self.design.tolist(), "utility": self.utility, "labels": self.labels,
                "meets_request": self.meets}


@dataclass(frozen=True)
class Change:
    """One change, made after those before it.

    Attributes:
        entities: whose values are set; several where none of them can be changed alone.
        values: of each entity, what is set.
        before, after: the states around it.
        objective: what is wanted; gain: how much better it got, negative where worse.
    """

    entities: tuple[str, ...]
    values: tuple[tuple[ValueChange, ...], ...]
    before: State
    after: State
    objective: Objective
    gain: float

    def __str__(self) -> str:
        return "; ".join(f"{entity}: {', '.join(map(str, values))}"
                         for entity, values in zip(self.entities, self.values, strict=True))

    def sentence(self) -> str:
        """Return the change and what it buys."""
        gain = -self.gain if self.objective.lower else self.gain
        text = f"{self}; {self.objective.name} {'+' if gain >= 0 else ''}{written(gain, 4)}"
        if self.after.meets and not self.before.meets:
            text += "; the request is met from here on"
        elif self.before.meets and not self.after.meets:
            text += "; the request is broken until the changes after it"
        return text

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        differences = {name: value - self.before.labels[name] for name, value in self.after.labels.items()}
        return {"text": str(self), "sentence": self.sentence(), "objective": str(self.objective), "gain": self.gain,
                "entities": [{"entity": entity, "values": [{"feature": value.feature, "unit": value.unit,
                                                            "from": value.before, "to": value.after}
                                                           for value in values]}
                             for entity, values in zip(self.entities, self.values, strict=True)],
                "label_changes": differences, **self.after.to_json()}


@dataclass(frozen=True)
class Changes:
    """All changes from the deployed design to another one; `start` is the deployed design, `steps` in order."""

    start: State
    steps: tuple[Change, ...]

    def sentences(self) -> list[str]:
        """Return the lines for the terminal."""
        if not self.steps:
            kept = "meets the request, and no generated design is better" if self.start.meets else "is the best design"
            return [f"The deployed design {kept}: nothing needs changing."]
        shown = [f"{number + 1}. {change.sentence()}" for number, change in enumerate(self.steps[:SHOWN])]
        more = [f"... and {len(self.steps) - SHOWN} more"] if len(self.steps) > SHOWN else []
        return [f"Changes from the deployed design (utility {self.start.utility:.4f}), each simulated after those "
                f"before it: {'. '.join([*shown, *more])}."]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"start": self.start.to_json(), "steps": [change.to_json() for change in self.steps]}


class ChangeOrder:
    """Orders the changes from one design to another.

    At each step every remaining change is simulated alone. Those come first that leave the least of the request broken;
    among these the one that gains most of the objective.

    Args:
        deployment: the network and its context.
        constraints, objective: of the request.
    """

    def __init__(self, deployment: Deployment, constraints: Sequence[Constraint], objective: Objective) -> None:
        self.deployment, self.constraints, self.objective = deployment, tuple(constraints), objective

    def states(self, designs: Tensor) -> list[State]:
        """Return designs (B, X) with their simulated figures."""
        utility, labels = self.deployment.figures(designs)
        broken = violation(self.constraints, labels, len(designs))
        return [State(design, float(utility[row]), {name: float(value[row]) for name, value in labels.items()},
                      float(broken[row])) for row, design in enumerate(designs)]

    def score(self, state: State) -> float:
        """Return the objective of a state, more being better."""
        labels = {name: torch.tensor(value) for name, value in state.labels.items()}
        return float(self.objective.score(torch.tensor(state.utility, dtype=torch.float64), labels))

    def changes(self, start: Tensor, target: Tensor) -> Changes:
        """Return the changes that lead from a deployed design (X,) to a target (X,)."""
        state = first = self.states(start[None])[0]
        steps = []
        while remaining := self.deployment.differing(state.design, target):
            change = self._next(state, target, remaining)
            state = change.after
            steps.append(change)
        return Changes(first, tuple(steps))

    def _next(self, state: State, target: Tensor, remaining: Sequence[int]) -> Change:
        """Return the best change alone, or where none is possible alone all that remain together."""
        alone = [(number,) for number in remaining]
        wanted = torch.stack([self._set(state.design, target, numbers) for numbers in alone])
        designs = self.deployment.settled(wanted)
        possible = (designs == wanted)[:, self.deployment.free].all(dim=1).nonzero()[:, 0].tolist()
        if not possible:
            return self._change(state, self.states(target[None])[0], remaining)
        after = self.states(designs[possible])
        best = min(range(len(after)), key=lambda place: (after[place].violation, -self.score(after[place])))
        return self._change(state, after[best], alone[possible[best]])

    def _set(self, design: Tensor, target: Tensor, numbers: Sequence[int]) -> Tensor:
        """Return a design (X,) with the values of some parts as in the target."""
        columns = [column for number in numbers for column in self.deployment.parts[number].columns]
        changed = design.clone()
        changed[columns] = target[columns]
        return changed

    def _change(self, before: State, after: State, numbers: Sequence[int]) -> Change:
        parts = [self.deployment.parts[number] for number in numbers]
        values = tuple(self.deployment.value_changes(part, before.design, after.design) for part in parts)
        return Change(tuple(part.entity for part in parts), values, before, after, self.objective,
                      self.score(after) - self.score(before))
