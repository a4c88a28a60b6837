"""Changes to a request in words: a closed set of them, each done by rule and shown as what it makes of the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aign.designs.requests import Request
from aign.errors import AignError
from aign.intents.bounds import candidates, converted
from aign.intents.clauses import Clause, cut, with_ranges
from aign.intents.confirmation import canonical
from aign.intents.draft import Draft
from aign.intents.events import events, undeployed
from aign.intents.interpretation import read_clause
from aign.intents.items import Item, items
from aign.intents.reader import LONGEST_TEXT, finished
from aign.intents.reading import Question, Reading, reading
from aign.intents.surroundings import surroundings
from aign.intents.vocabulary import vocabulary
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.scenario import Scenario

STEP = 0.1
"""Of a bound, where a comparative such as "greener" does not say how much tighter it is to be."""
BOUNDS = ("limit", "cap", "budget", "ceiling", "floor", "upper limit", "lower limit", "upper bound", "lower bound")
"""Words for a bound, beside the label whose bound is dropped."""
CHANGES = ("tighter", "move", "scale", "drop", "reset")


def refine(request: Request, text: str, scenario: Scenario[Any]) -> Reading:
    """Read a change to a request: "greener", "relax the rate by 5 %", "drop the fairness", "three options", or more
    constraints, which take the place of those on the same side of the same label.

    Raises:
        ConstraintError: the request has a constraint that is none of this network.
    """
    request = canonical(request, scenario)
    if len(text) > LONGEST_TEXT:
        return reading(text, None, (), [Question(f"At most {LONGEST_TEXT} characters are read.", (), 0, len(text))])
    draft = Draft(text, vocabulary(scenario))
    said = items(events(draft, scenario), draft.vocabulary, refining=True)
    pieces = surroundings(said, draft, scenario)
    change = Change(draft, request, scenario)
    before: Clause | None = None
    for clause in cut(draft, with_ranges(pieces)):
        before = change.read(clause, before)
    told = finished(draft, scenario, said, anything=False)
    if told.questions or told.request is None:
        return told
    return _merged(change, told, scenario)


class Change:
    """Reads the clauses of a refinement: those that change what is there, here; all others as in a request."""

    def __init__(self, draft: Draft, request: Request, scenario: Scenario[Any]) -> None:
        self.draft = draft
        self.base = request
        self.bounds = list(parse(request.where, scenario.labels))
        self.dropping = False

    def read(self, clause: Clause, before: Clause | None) -> Clause | None:
        """Read one clause; returns what the next one may go on from."""
        items = clause.items
        changes = [item for item in items if item.kind in CHANGES]
        dropping, self.dropping = self.dropping, False
        if not changes and dropping and all(item.kind == "label" for item in items):
            return self._drop(items, items)
        if not changes or (any(item.kind == "optimise" for item in items) and changes[0].kind == "move"):
            clause.take(*changes)
            return read_clause(clause, before)
        kind = changes[0].kind
        if kind == "reset":
            self.base, self.bounds = replace(self.base, where=(), objective=(), count=Request().count, spread=None), []
            self.draft.understand(changes, "no constraint, no objective")
            return None
        labels = [item for item in items if item.kind == "label"]
        if kind == "drop":
            return self._drop(items, labels)
        self._move(items, changes, labels)
        return None

    def _drop(self, clause: Sequence[Item], labels: Sequence[Item]) -> Clause | None:
        """Drop the bounds of a label; "without loss" of what is not bounded asks for none of it."""
        self.dropping = True
        names = set(candidates(labels, None))
        gone = [bound for bound in self.bounds if bound.label in names]
        if not gone:
            verb = next((item for item in clause if item.kind == "drop"), None)
            if verb is not None and self.draft.text[verb.start:verb.end].lower() == "without":
                none = [replace(item, kind="no") if item is verb else item for item in clause]
                return read_clause(Clause(self.draft, none), None)
            self._unbounded(clause, labels)
            return None
        self._asked_of_rest(clause)
        self.bounds = [bound for bound in self.bounds if bound not in gone]
        self.draft.understand(clause, f"no longer {', '.join(map(str, gone))}")
        return None

    def _move(self, clause: Sequence[Item], changes: Sequence[Item], labels: Sequence[Item]) -> None:
        """Move a bound: relax, tighten, raise, lower, halve, double, greener."""
        draft, change = self.draft, changes[0]
        numbers = [item for item in clause if item.kind == "number"]
        phrases = [*labels, *(item for item in changes if item.kind == "tighter")]
        names = candidates(phrases, None) if phrases else {bound.label: [] for bound in self.bounds}
        matching = [bound for bound in self.bounds if bound.label in names]
        if change.kind == "tighter":
            matching = [bound for bound in matching
                        if bound.upper == (draft.vocabulary.label(bound.label).better == "lower")]
        if not matching:
            self._unbounded(clause, phrases)
            return
        known = ("number", "label", *CHANGES)
        strange = [item for item in clause if item.kind not in known and not self._is_bound(item)]
        if len(matching) > 1 or len(numbers) > 1 or len(changes) > 1 or strange:
            draft.ask(strange or clause, f"Which bound is to change, and how? There are "
                                         f"{', '.join(map(str, self.bounds))}.",
                      [f"{draft.words([change])} the {draft.vocabulary.spoken(bound.label)}" for bound in matching])
            return
        bound = matching[0]
        threshold = self._threshold(bound, clause, change, numbers[0] if numbers else None)
        if threshold is None:
            return
        moved = bound.at(float(f"{threshold:.12g}"))
        self.bounds[self.bounds.index(bound)] = moved
        draft.understand(clause, f"{moved} in place of {bound}")

    def _threshold(self, bound: Constraint, clause: Sequence[Item], change: Item,
                   number: Item | None) -> float | None:
        """Return where the bound goes; None where that had to be asked."""
        old, way = bound.threshold, str(change.value)
        if change.kind == "scale":
            if number is not None:
                self.draft.ask([number], f"What does {self.draft.words([number])!r} mean here?")
                return None
            return old * float(change.value)
        if change.kind == "tighter":
            way = "tighten"
            number = number or Item("number", change.start, change.end, STEP, share=True)
        if number is None:
            self.draft.ask(clause, f"{self.draft.words([change]).capitalize()} {bound} by how much?", ["by 10 %"],
                           after=True)
            return None
        if number.factors is not None and bound.label not in number.factors:
            self.draft.ask([number], f"{self.draft.words([number])} is in no unit of "
                                     f"{self.draft.vocabulary.spoken(bound.label)}. By how much?")
            return None
        to = self.draft.text[:number.start].rstrip().lower().endswith(" to")
        if to:
            new = converted(number, bound.label)
            if (way == "raise" and new < old) or (way == "lower" and new > old):
                self.draft.ask([number], f"{bound} does not go that way. Which value is meant?")
                return None
            return new
        relative = number.share or number.fraction
        size = abs(old) * number.value if relative else converted(number, bound.label)
        rises = way == "raise" or (way in ("relax", "tighten") and (way == "relax") == bound.upper)
        return old + size if rises else old - size

    def _is_bound(self, item: Item) -> bool:
        """Return whether an item is a word for the bound itself, such as "limit"."""
        return item.kind == "compare" and self.draft.text[item.start:item.end].lower() in BOUNDS

    def _unbounded(self, clause: Sequence[Item], labels: Sequence[Item]) -> None:
        there = ", ".join(map(str, self.bounds)) or "no constraint at all"
        spoken = [self.draft.vocabulary.spoken(name) for name in candidates(labels, None)] if labels else []
        what = f" on {' or '.join(spoken)}" if spoken else ""
        self.draft.ask(clause, f"There is no bound{what} that could change; there is {there}. Which is meant?",
                       [f"best {name}" for name in spoken])

    def _asked_of_rest(self, clause: Sequence[Item]) -> None:
        for item in clause:
            if item.kind not in ("label", "drop") and not self._is_bound(item):
                self.draft.ask([item], f"What does {self.draft.words([item])!r} mean here?")


def _merged(change: Change, told: Reading, scenario: Scenario[Any]) -> Reading:
    """Return the request with what was said in place of what it said before."""
    draft = change.draft
    new = {bound.side: bound for bound in parse(map(str, draft.constraints), scenario.labels)}
    kept = [new.pop(bound.side, bound) for bound in change.bounds]
    fields = dict(draft.fields)
    if {"preset", "context"} & set(fields):
        fields = {"preset": None, "context": None, **fields}
    if "event" in fields and {**vars(change.base), **fields}["start"] is None:
        return reading(told.text, None, told.said, [undeployed(told.text)])
    try:
        where = parse([str(bound) for bound in [*kept, *new.values()]], scenario.labels)
        request = replace(change.base, where=tuple(map(str, where)),
                          objective=tuple(draft.objectives) or change.base.objective, **fields)
    except AignError as error:
        return reading(told.text, None, told.said, [Question(str(error), (), 0, len(told.text))])
    return reading(told.text, request, told.said, ())
