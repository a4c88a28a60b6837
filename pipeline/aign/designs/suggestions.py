"""Operational suggestions: the few changes of a deployed design that mend a broken request, or improve a sound one.

The designs at hand that meet the request (the start projected on it, certified and generated ones) say where to go; a
change sets one part of the deployed design, to what such a design has there or, where it is a whole number, to any
admissible value. Sets of changes come from two sides: grown from the start, those kept that break the request least
(beam search), and pruned from the designs at hand, part by part back to the start. Each is then reduced until no change
can be left out, improved in its values, and simulated change by change.

That no fewer changes do is claimed only where all smaller sets were tried, of whole-number designs.

Axes: G parts of a design, B designs that are tried, X design values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.change_search import ChangeSearch, ChangeSet, distinct
from aign.designs.changes import ChangeOrder, Changes
from aign.designs.deployed import Deployment
from aign.designs.objectives import Objective
from aign.scenarios.core.constraints import Constraint

SHOWN, SHOWN_CHANGES = 5, 8
"""Suggestions returned, and changes of each that its sentence names."""
FURTHER = 2
"""Changes that a suggestion may have more than the one with fewest."""
IMPROVING = 2
"""Changes tried together where nothing is broken."""


@dataclass(frozen=True)
class Suggestion:
    """A set of changes after which the request is met.

    Attributes:
        changes: in order, each simulated.
        gain: of the objective, over the deployed design.
        fewest: whether it is proven that no fewer changes do.
    """

    changes: Changes
    gain: float
    fewest: bool

    @property
    def count(self) -> int:
        """How many parts of the design are changed."""
        return sum(len(change.entities) for change in self.changes.steps)

    @property
    def gain_a_change(self) -> float:
        """The objective gained for each change."""
        return self.gain / self.count

    def sentence(self) -> str:
        """Return the changes in words."""
        steps = self.changes.steps
        last, objective = steps[-1].after, steps[0].objective
        start = self.changes.start
        gain = -self.gain if objective.lower else self.gain
        left_out = len(steps) - SHOWN_CHANGES
        shown = [*map(str, steps[:SHOWN_CHANGES]), *([f"{left_out} more"] if left_out > 0 else [])]
        count = f"{self.count} change{'s' if self.count > 1 else ''}" + (", the fewest that do" if self.fewest else "")
        mended = "mends the request" if not start.meets else "keeps the request"
        return (f"{count}: {'; '.join(shown)}. It {mended}; {objective.name} {gain:+.4g} to "
                f"{objective.value(torch.tensor(last.utility), _tensors(last.labels)):.6g}")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"sentence": self.sentence(), "count": self.count, "gain": self.gain,
                "gain_a_change": self.gain_a_change, "fewest_proven": self.fewest, **self.changes.to_json()}


def _tensors(labels: dict[str, float]) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in labels.items()}


class Mender:
    """Finds suggestions in one context.

    Args:
        deployment: the network and its context.
        constraints, objective: of the request.
        keep: names of parts that must stay as they are, such as a link that has failed.
    """

    def __init__(self, deployment: Deployment, constraints: Sequence[Constraint], objective: Objective,
                 keep: Iterable[str] = ()) -> None:
        self.deployment, self.constraints, self.objective = deployment, tuple(constraints), objective
        self.order = ChangeOrder(deployment, constraints, objective)
        kept = set(keep)
        self.movable = [number for number, part in enumerate(deployment.parts) if part.entity not in kept]

    def suggestions(self, start: Tensor, targets: Tensor) -> tuple[Suggestion, ...]:
        """Return suggestions from a deployed design (X,), the most gain a change first, and the fewest changes among
        them.

        Args:
            start: (X,), settled in the context.
            targets: (K, X) designs that meet the request as far as is known.
        """
        search = ChangeSearch(self.deployment, self.constraints, self.objective, start, targets, self.movable)
        sets, proven = self._sets(search)
        if not sets:
            return ()
        least = min(len(each.parts) for each in sets)
        gain = {each: each.score - search.start.score for each in sets}
        few = [each for each in sets if search.sound or len(each.parts) <= least + FURTHER]
        ranked = sorted(few, key=lambda each: (-gain[each] / len(each.parts), len(each.parts)))
        shown = ranked[:SHOWN]
        if all(len(each.parts) > least for each in shown):
            shown[-1] = next(each for each in ranked if len(each.parts) == least)
        return tuple(Suggestion(self.order.changes(start, each.design), gain[each],
                                proven and len(each.parts) == least) for each in shown)

    @staticmethod
    def _sets(search: ChangeSearch) -> tuple[list[ChangeSet], bool]:
        """Return sets of changes that help, the best of each set of parts, and whether it is proven that no fewer
        changes than the fewest of them mend the request.
        """
        known = search.at_hand()
        if search.sound:
            sets = distinct([*search.grown(IMPROVING), *known])
            return [each for each in map(search.improved, sets) if each.score > search.start.score], False
        pruned = [search.reduced(each) for each in known]
        most = min((len(each.parts) for each in pruned), default=len(search.choices))
        sets = distinct([*map(search.reduced, search.grown(most)), *pruned])
        smaller, proven = search.smaller(sets) if sets else ([], False)
        improved = sorted(map(search.improved, [*sets, *smaller]), key=lambda each: -each.score)
        return distinct(improved), proven
