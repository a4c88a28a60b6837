"""The constraints of a clause: numbers with their comparisons and labels, whole phrases, and "no crashes"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from aign.intents.bounds import Comparison, bound, candidates, counts_harm
from aign.intents.clauses import Clause, is_whole
from aign.intents.items import Item
from aign.scenarios.core.constraints import OPPOSITE, Constraint


def wholes(clause: Clause) -> None:
    """Read phrases that are a whole constraint, such as "N-1 secure"."""
    draft = clause.draft
    for item in [item for item in clause.items if is_whole(item)]:
        phrase = next(phrase for phrase in item.phrases if phrase.value is not None)
        place = clause.place(item)
        negation = [before for before in clause.items[max(place - 1, 0):place] if before.kind == "no"]
        if negation:
            draft.ask([*negation, item], f"What is meant by {draft.words([*negation, item])!r}?")
        else:
            draft.constrain([item], Constraint(phrase.label, phrase.side or ">=", phrase.value or 0.0))
        clause.labels.add(phrase.label)
        clause.take(item, *negation)


def ranges(clause: Clause) -> None:
    """Read "between 5 and 10", whose numbers come in one item; see `clauses.with_ranges`."""
    for item in [item for item in clause.items if item.kind == "range" and isinstance(item.value, tuple)]:
        low, high = item.value
        labels = [other for other in clause.items if other.kind == "label"]
        clause.take(item, *labels)
        clause.numbers += [low, high]
        _bound(clause, low, labels, ">=", [item])
        _bound(clause, high, labels, "<=", [item])
    clause.take(*(item for item in clause.items if item.kind == "range"))


def numbers(clause: Clause, before: Clause | None) -> None:
    """Read every number left, with the comparison and the labels that belong to it."""
    while any(item.kind == "number" for item in clause.items):
        _number(clause, before)


def _number(clause: Clause, before: Clause | None) -> None:
    items = clause.items
    place = next(place for place, item in enumerate(items) if item.kind == "number")
    following = next((later for later in range(place + 1, len(items)) if items[later].kind == "number"), len(items))
    number, earlier, later = items[place], items[:place], items[place + 1:following]
    last = following == len(items)
    comparison = next((item for item in reversed(earlier) if item.kind == "compare"), None)
    if comparison is None and (last or items[following - 1].kind not in ("compare", "no")):
        comparison = next((item for item in later if item.kind == "compare"), None)
    labels = [item for item in earlier if item.kind == "label"]
    behind = [item for item in later if item.kind == "label"]
    labels = _agreeing(labels, behind if last else []) if labels else behind
    negations = [item for item in earlier if item.kind == "no"] if comparison is not None else []
    same = [] if comparison is None or negations else [
        item for item in earlier if item.kind == "compare" and item.value == comparison.value]
    sense: Comparison | None = None if comparison is None else str(comparison.value)
    if sense in OPPOSITE and len(negations) % 2:
        sense = OPPOSITE[sense]
    rest = [*same, *([comparison] if comparison is not None and comparison not in same else []), *negations]
    clause.take(number, *labels, *rest)
    clause.numbers.append(number)
    if not labels and before is not None and _goes_on(clause, before, number, sense):
        labels = list(before.last)
    _bound(clause, number, labels, sense, rest)


def _bound(clause: Clause, number: Item, labels: Sequence[Item], sense: Comparison | None,
           rest: Sequence[Item]) -> None:
    """Read one bound, and note of which label."""
    count = len(clause.draft.constraints)
    if bound(clause.draft, number, labels, sense, rest):
        read = clause.draft.constraints[count:]
        clause.last, clause.bounded = tuple(labels), read[-1].side
        clause.labels |= {constraint.label for constraint in read}
    clause.labels |= {phrase.label for item in labels for phrase in item.phrases}


def _goes_on(clause: Clause, before: Clause, number: Item, sense: Comparison | None) -> bool:
    """Return whether a bound without a label belongs to the label before: "at least 100 and at most 300"."""
    unknown = any(item.kind == "word" for item in clause.items)
    if not clause.joined or unknown or before.bounded is None or sense in (None, "="):
        return False
    other_side = (before.bounded[1] == "<=") != (sense in ("<", "<="))
    return other_side and (number.factors is None or before.bounded[0] in number.factors)


def _agreeing(labels: Sequence[Item], behind: Sequence[Item]) -> list[Item]:
    """Return the labels before a number with those behind it that can mean the same."""
    agreeing = list(labels)
    for item in behind:
        if candidates([*agreeing, item], None):
            agreeing.append(item)
    return agreeing


def none(clause: Clause) -> None:
    """Read "no crashes", also "no provider crashes": none of what is counted and better less."""
    for place, negation in list(enumerate(clause.items)):
        following = list(takewhile(lambda item: item.kind == "label", clause.items[place + 1:place + 3]))
        if negation.kind == "no" and len(following) == 2 and _touch(clause, following) and _none_of(
                clause, [negation, following[0]], following[1]):
            continue
        if negation.kind == "no" and following:
            _none_of(clause, [negation], following[0])


def _touch(clause: Clause, labels: Sequence[Item]) -> bool:
    """Return whether nothing stands between two labels, as in "provider crashes"."""
    return not clause.draft.text[labels[0].end:labels[1].start].strip()


def _none_of(clause: Clause, before: Sequence[Item], label: Item) -> bool:
    """Bound a label by none where it is counted and better less; returns whether it is."""
    names = [name for name, phrases in candidates([label], "<=").items()
             if not all(phrase.vague for phrase in phrases)]
    if len(names) != 1 or not counts_harm(clause.draft, names[0]):
        return False
    clause.draft.constrain([*before, label], Constraint(names[0], "<=", 0.0))
    clause.labels.add(names[0])
    clause.bounded = names[0], "<="
    clause.take(*before, label)
    return True
