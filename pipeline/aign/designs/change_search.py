"""Sets of changes of a deployed design: grown from it change by change, pruned from other designs, or all of a size.

A change sets one part of the deployed design, to what a design at hand has there or, where it is a whole number, to any
admissible value. Each set is held as the design after it, simulated.

Axes: B designs that are tried, X design values, K designs at hand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.designs.deployed import Deployment
from aign.designs.objectives import Objective, scores
from aign.scenarios.core.constraints import Constraint, violation
from aign.scenarios.core.features import bounds

WIDTH = 8
"""Sets of changes that are grown at once."""
TRIED = 60_000
"""Designs tried in trying all sets of a size."""


@dataclass(frozen=True, eq=False)
class ChangeSet:
    """Parts to change, with the design (X,) after it, its violation of the request and its score; more is better."""

    parts: frozenset[int]
    design: Tensor
    broken: float
    score: float


class ChangeSearch:
    """Looks for sets of changes after which a request is met.

    Args:
        deployment: the network and its context.
        constraints, objective: of the request.
        start: (X,) the deployed design, settled in the context.
        targets: (K, X) designs that meet the request as far as is known.
        movable: numbers of the parts that may be changed.
    """

    def __init__(self, deployment: Deployment, constraints: Sequence[Constraint], objective: Objective, start: Tensor,
                 targets: Tensor, movable: Sequence[int]) -> None:
        self.deployment, self.constraints, self.objective = deployment, tuple(constraints), objective
        self.movable, self.targets = list(movable), targets
        self.start = self._sets([frozenset()], start[None])[0]
        self.choices = self._choices()

    @property
    def sound(self) -> bool:
        """Whether the deployed design meets the request."""
        return self.start.broken == 0

    # --- trying ------------------------------------------------------------------------------------------------------
    def _sets(self, parts: Sequence[frozenset[int]], wanted: Tensor) -> list[ChangeSet]:
        """Return designs (B, X) simulated, as sets of changes; those that the network cannot have count as broken."""
        broken, score, designs = self._judged(wanted)
        figures = zip(broken.tolist(), score.tolist(), strict=True)
        return [ChangeSet(parts[row], designs[row], *values) for row, values in enumerate(figures)]

    def _judged(self, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return violation and score, each (B,), and what becomes of designs (B, X) in the network."""
        designs = self.deployment.settled(wanted)
        utility, labels = self.deployment.figures(designs)
        broken = violation(self.constraints, labels, len(designs))
        possible = (designs == wanted)[:, self.deployment.free].all(dim=1)
        return broken.where(possible, torch.inf), scores([self.objective], utility, labels)[:, 0], designs

    def _choices(self) -> dict[int, Tensor]:
        """Return for each part that may change the values (n, columns) it may be set to, other than those it has."""
        start = self.start.design
        low, high = bounds(self.deployment.scenario.state_features)
        choices = {}
        for number in self.movable:
            columns = list(self.deployment.parts[number].columns)
            values = [self.targets[:, columns]]
            if self._whole(number):
                every = torch.arange(float(low[columns[0]]), float(high[columns[0]]) + 1, dtype=start.dtype)
                values.append(every[:, None])
            allowed = torch.cat(values).unique(dim=0)
            allowed = allowed[(allowed != start[columns]).any(dim=1)]
            if len(allowed):
                choices[number] = allowed
        return choices

    def _whole(self, number: int) -> bool:
        """Return whether a part is one whole number, so that every value of it can be tried."""
        return self.deployment.scenario.integer_actions and len(self.deployment.parts[number].columns) == 1

    def _with_part(self, design: Tensor, number: int, values: Tensor) -> Tensor:
        """Return copies (n, X) of a design with a part set to each of the values (n, columns)."""
        designs = design.repeat(len(values), 1)
        designs[:, list(self.deployment.parts[number].columns)] = values
        return designs

    # --- from the start ----------------------------------------------------------------------------------------------
    def grown(self, most: int) -> list[ChangeSet]:
        """Return sets of at most so many changes that meet the request, grown from the deployed design."""
        beam, sets = [self.start], []
        for _ in range(most):
            grown = [step for changes in beam for step in self._steps(changes)]
            met = sorted((changes for changes in grown if changes.broken == 0), key=lambda changes: -changes.score)
            sets += distinct(met)[:WIDTH]
            rest = sorted((changes for changes in grown if self.sound or changes.broken > 0),
                          key=lambda changes: (changes.broken, -changes.score))
            best = min((changes.broken for changes in beam), default=math.inf)
            beam = [changes for changes in distinct(rest)[:WIDTH] if self.sound or changes.broken <= best]
            if not beam or len(sets) >= WIDTH:
                break
        return sets

    def _steps(self, changes: ChangeSet) -> list[ChangeSet]:
        """Return the best set of one change more, for each part: meeting the request, else breaking it least."""
        numbers = [number for number in self.choices if number not in changes.parts]
        if not numbers:
            return []
        wanted = torch.cat([self._with_part(changes.design, number, self.choices[number]) for number in numbers])
        owner = torch.cat([torch.full((len(self.choices[number]),), place) for place, number in enumerate(numbers)])
        judged_broken, judged_score, designs = self._judged(wanted)
        broken, score, steps = judged_broken.tolist(), judged_score.tolist(), []
        for place, number in enumerate(numbers):
            rows = (owner == place).nonzero()[:, 0].tolist()
            best = min(rows, key=lambda row: (broken[row], -score[row]))
            steps.append(ChangeSet(changes.parts | {number}, designs[best], broken[best], score[best]))
        return steps

    # --- from designs at hand ----------------------------------------------------------------------------------------
    def at_hand(self) -> list[ChangeSet]:
        """Return the changes to the designs at hand, made only where something may change, that meet the request."""
        movable = set(self.movable)
        sets = []
        for target in self.targets:
            parts = frozenset(number for number in self.deployment.differing(self.start.design, target)
                              if number in movable)
            sets += self._sets([parts], self._with(target, parts)[None])
        return [changes for changes in sets if changes.parts and changes.broken == 0]

    def _with(self, target: Tensor, parts: Iterable[int]) -> Tensor:
        """Return the deployed design with some parts of another one (X,)."""
        columns = [column for number in parts for column in self.deployment.parts[number].columns]
        changed = self.start.design.clone()
        changed[columns] = target[columns]
        return changed

    def reduced(self, changes: ChangeSet) -> ChangeSet:
        """Return a set without the changes that can be left out, one at a time, that which is best left out first."""
        while changes.parts:
            fewer = [changes.parts - {number} for number in sorted(changes.parts)]
            tried = self._sets(fewer, torch.stack([self._with(changes.design, parts) for parts in fewer]))
            tried = [each for each in tried if each.broken == 0]
            if not tried:
                break
            changes = max(tried, key=lambda each: each.score)
        return changes

    def improved(self, changes: ChangeSet) -> ChangeSet:
        """Return a set with better values of the same parts, set one after the other."""
        for number in sorted(changes.parts):
            broken, score, designs = self._judged(self._with_part(changes.design, number, self.choices[number]))
            score = score.where(broken == 0, -torch.inf)
            best = int(score.argmax())
            if float(score[best]) > changes.score:
                changes = ChangeSet(changes.parts, designs[best], 0.0, float(score[best]))
        return changes

    # --- all of a size -----------------------------------------------------------------------------------------------
    def smaller(self, sets: Sequence[ChangeSet]) -> tuple[list[ChangeSet], bool]:
        """Return sets of fewer changes than these, as far as all can be tried, and whether none has fewer."""
        least = min(len(changes.parts) for changes in sets)
        smaller: list[ChangeSet] = []
        while least > 1:
            tried = self._every(least - 1)
            if tried is None:
                return smaller, False
            if not tried:
                break
            smaller += tried
            least = min(len(changes.parts) for changes in tried)
        return smaller, True

    def _every(self, count: int) -> list[ChangeSet] | None:
        """Return for every choice of `count` parts the best set of fewest changes among them that meets the request;
        None where too many would have to be tried.
        """
        start = self.start.design
        several = list(itertools.combinations(self.choices, count))
        size = sum(math.prod(1 + len(self.choices[number]) for number in chosen) for chosen in several)
        if size > TRIED or not all(self._whole(number) for number in self.movable):
            return None
        sets = []
        for chosen in several:
            columns = [self.deployment.parts[number].columns[0] for number in chosen]
            every = [torch.cat([start[column][None], self.choices[number][:, 0]])
                     for number, column in zip(chosen, columns, strict=True)]
            values = torch.cartesian_prod(*every).reshape(-1, count)
            designs = start.repeat(len(values), 1)
            designs[:, columns] = values
            broken, score, designs = self._judged(designs)
            changed = (values != start[columns]).sum(dim=1)
            rows = ((broken == 0) & (changed == changed.where(broken == 0, count + 1).amin())).nonzero()[:, 0]
            if len(rows):
                best = int(rows[score[rows].argmax()])
                parts = frozenset(self.deployment.differing(start, designs[best]))
                sets.append(ChangeSet(parts, designs[best], 0.0, float(score[best])))
        return sets


def distinct(sets: Iterable[ChangeSet]) -> list[ChangeSet]:
    """Return the first set of changes of each set of parts."""
    kept: dict[frozenset[int], ChangeSet] = {}
    for changes in sets:
        kept.setdefault(changes.parts, changes)
    return list(kept.values())
