"""A sentence cut into clauses, each with what has been read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aign.intents.draft import Draft
from aign.intents.items import Item


@dataclass
class Clause:
    """A part of a sentence while it is read.

    Attributes:
        draft: of the request.
        items: that nothing has been read of yet.
        joined: whether a word such as "and" alone joins it to the clause before, not a comma.
        direction: of its last objective: min, max or best; None without one.
        labels: names of the labels that something has been read of.
        bounded: the label bounded last, and on which side; last: the items that named it.
        numbers: read so far.
    """

    draft: Draft
    items: list[Item]
    joined: bool = False
    direction: str | None = None
    labels: set[str] = field(default_factory=set)
    bounded: tuple[str, str] | None = None
    last: tuple[Item, ...] = ()
    numbers: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.items = with_extremes([item for item in self.items if item.kind != "skip"])

    def take(self, *taken: Item) -> None:
        """Take items out of those left."""
        self.items = [item for item in self.items if not any(item is piece for piece in taken)]

    def place(self, item: Item) -> int:
        """Return where an item stands among those left."""
        return next(place for place, other in enumerate(self.items) if other is item)


def cut(draft: Draft, items: Sequence[Item]) -> list[Clause]:
    """Return the clauses of a sentence; "with" and such begin one only where something was said before."""
    runs: list[list[Item]] = [[]]
    joined = [False]
    for item in items:
        if item.kind == "cut" or (item.kind == "soft cut" and _says_something(runs)):
            stop = item.value is not None  # a comma, semicolon or full stop
            if runs[-1]:
                runs.append([])
                joined.append(not stop)
            else:
                joined[-1] = joined[-1] and not stop
        elif item.kind != "soft cut":
            runs[-1].append(item)
    return [Clause(draft, run, each) for run, each in zip(runs, joined, strict=True) if run]


def _says_something(clauses: Sequence[Sequence[Item]]) -> bool:
    """Return whether the last clause so far says something: "no fibre" does not, before "with more than 7 modules"."""
    last = clauses[-1]
    if any(item.kind in ("number", "optimise", "tighter", "move", "drop") or is_whole(item) for item in last):
        return True
    goes_on = len(clauses) > 1 and any(item.kind == "optimise" for item in clauses[-2])
    return goes_on and {item.kind for item in last} == {"label"}


def is_whole(item: Item) -> bool:
    """Return whether an item is a whole constraint, such as "N-1 secure"."""
    return item.kind == "label" and any(phrase.value is not None for phrase in item.phrases)


def with_extremes(items: Sequence[Item]) -> list[Item]:
    """Return the items with "minimum" and "maximum" as comparison where a number stands beside, else as direction."""
    result = []
    for place, item in enumerate(items):
        if item.kind == "extreme":
            beside = [*items[max(place - 1, 0):place], *items[place + 1:place + 2]]
            number = any(other.kind == "number" for other in beside)
            sense = ">=" if item.value == "min" else "<="
            item = replace(item, kind="compare", value=sense) if number else replace(item, kind="optimise")
        result.append(item)
    return result


def with_ranges(pieces: Sequence[Item]) -> list[Item]:
    """Return the items with "between 5 and 10" and "from 5 to 10" as one item that holds both numbers."""
    result: list[Item] = []
    place = 0
    while place < len(pieces):
        first, rest = pieces[place], list(pieces[place + 1:place + 4])
        kinds = [item.kind for item in rest]
        if first.kind == "range" and (kinds[:2] == ["number", "number"] or kinds == ["number", "cut", "number"]):
            low, *_, high = rest[:2] if kinds[1] == "number" else rest
            low = low if low.factors is not None or low.share else replace(low, factors=high.factors)
            result.append(Item("range", first.start, high.end, (low, high)))
            place += 1 + rest.index(high) + 1
        else:
            result.append(first)
            place += 1
    return result
