"""From the pieces of a sentence to constraints and objectives, clause by clause, each in the light of the last."""

from __future__ import annotations

from collections.abc import Sequence

from aign.intents.aims import aims
from aign.intents.clauses import Clause, cut, with_ranges
from aign.intents.draft import Draft
from aign.intents.items import Item
from aign.intents.leftovers import ask_of_rest
from aign.intents.limits import none, numbers, ranges, wholes


def interpret(pieces: Sequence[Item], draft: Draft) -> None:
    """Read constraints and objectives into a draft."""
    before = None
    for clause in cut(draft, with_ranges(pieces)):
        before = read_clause(clause, before)


def read_clause(clause: Clause, before: Clause | None) -> Clause:
    """Read one clause; returns it, for the next one may go on from it."""
    wholes(clause)
    aims(clause, before)
    ranges(clause)
    numbers(clause, before)
    none(clause)
    ask_of_rest(clause)
    return clause
