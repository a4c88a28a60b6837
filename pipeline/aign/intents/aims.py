"""The objectives of a clause: "minimise the cost", "cheapest", "as fair as possible"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from aign.designs.objectives import UTILITY
from aign.intents.bounds import candidates
from aign.intents.clauses import Clause
from aign.intents.items import Item


def aims(clause: Clause, before: Clause | None) -> None:
    """Read the objectives of a clause; a label alone goes on with the direction of the clause before."""
    for item in [item for item in clause.items if item.kind == "optimise"]:
        place = clause.place(item)
        _aim(clause, [item], _labels(clause, place + 1, 1) or _labels(clause, place - 1, -1), str(item.value))
    kinds = {item.kind for item in clause.items}
    if kinds == {"label"} and before is not None and before.direction is not None and clause.direction is None:
        _aim(clause, [], list(clause.items), before.direction)
    elif "number" not in kinds:
        _at_least(clause)


def _at_least(clause: Clause) -> None:
    """Read "at least cost", where no number makes a bound of it."""
    for first, second in pairwise(clause.items):
        if first.kind == "compare" and first.value == ">=" and second.kind == "label":
            labels = clause.draft.vocabulary
            if all(labels.label(name).better == "lower" for name in candidates([second], None)):
                _aim(clause, [first], [second], "min")
                return


def _labels(clause: Clause, place: int, step: int) -> list[Item]:
    """Return the labels in a row from a place on, as far as they can mean the same."""
    labels: list[Item] = []
    while 0 <= place < len(clause.items) and (clause.items[place].kind == "label" or _is_utility(clause.items[place])):
        if labels and clause.items[place].kind == "label" and not candidates([*labels, clause.items[place]], None):
            break
        labels.append(clause.items[place])
        place += step
    return labels


def _is_utility(item: Item) -> bool:
    return item.kind == "word" and str(item.value).lower() == UTILITY


def _aim(clause: Clause, pieces: Sequence[Item], labels: Sequence[Item], direction: str) -> None:
    """Read one objective; without pieces of its own it only goes on, and not against the label's better direction."""
    draft, everything = clause.draft, [*pieces, *labels]
    clause.direction = direction
    clause.take(*everything)
    if labels and all(_is_utility(item) for item in labels):
        if direction == "min":
            draft.ask(everything, "The utility is what is worth most. Is it to be maximised?",
                      ("maximise the utility",))
        else:
            draft.aim(everything, UTILITY)
        return
    possible = candidates(labels, None)
    names = [name for name in possible if not all(phrase.vague for phrase in possible[name])]
    clause.labels |= set(possible)
    if len(names) != 1:
        choices = list(possible) or [label.name for label in draft.vocabulary.labels]
        way = {"min": "minimise the ", "max": "maximise the "}.get(direction, "best ")
        draft.ask(everything, f"What is to be the best in {draft.words(everything)!r}?",
                  [way + draft.vocabulary.spoken(name) for name in choices])
        return
    spoken = draft.vocabulary.spoken(names[0])
    better = "min" if draft.vocabulary.label(names[0]).better == "lower" else "max"
    if not pieces and direction not in ("best", better):
        draft.ask(everything, f"What of the {spoken}?", [f"{way} the {spoken}" for way in ("minimise", "maximise")])
        return
    clause.take(*(item for item in clause.items if item.kind == "label" and item.start < everything[0].start
                  and names[0] in candidates([item], None)))  # another word for the same
    draft.aim(everything, f"{better if direction == 'best' else direction} {names[0]}")
