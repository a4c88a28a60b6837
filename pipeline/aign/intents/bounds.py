"""From a number, a comparison and the words for a label to a constraint; or the question that has to be asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aign.intents.draft import Draft
from aign.intents.items import Item
from aign.intents.vocabulary import Phrase
from aign.scenarios.core.constraints import Constraint, Sense, written

Comparison = Sense | str
"""A sense, or "=" for both sides."""
SENSES: dict[str, tuple[Sense, ...]] = {"<=": ("<=",), ">=": (">=",), "<": ("<",), ">": (">",), "=": ("<=", ">=")}
SPOKEN: dict[str, str] = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than", "=": "exactly"}


def candidates(labels: Sequence[Item], sense: Comparison | None) -> dict[str, list[Phrase]]:
    """Return the labels that all of the items can mean where a label is bounded so, with the phrases that say so."""
    side = None if sense in (None, "=") else "<=" if sense in ("<", "<=") else ">="
    result: dict[str, list[Phrase]] | None = None
    for item in labels:
        fitting: dict[str, list[Phrase]] = {}
        for phrase in item.phrases:
            if phrase.side in (None, side) or side is None:
                fitting.setdefault(phrase.label, []).append(phrase)
        result = fitting if result is None else {name: [*result[name], *fitting[name]] for name in result
                                                 if name in fitting}
    return result or {}


def bound(draft: Draft, number: Item, labels: Sequence[Item], sense: Comparison | None, rest: Sequence[Item]) -> bool:
    """Read one bound into a draft; returns whether it is one, else a question was asked.

    Args:
        draft: what is read.
        number: that was said.
        labels: items that name the label; none: the unit has to.
        sense: of the comparison; None where none was said.
        rest: further items that belong to it, for what is shown.
    """
    name = _label(draft, number, labels, sense)
    if name is None:
        draft.used.add((number.start, number.end))
        return False
    phrases = candidates(labels, sense).get(name, [])
    if sense in (None, "="):
        sense = next((phrase.side for phrase in phrases if phrase.says_side), sense)
    if sense is None:
        sense = "<=" if number.value == 0 and counts_harm(draft, name) else _side_said(draft, number, labels)
    if sense is None:
        words = draft.words([number])
        draft.ask([number], f"{draft.vocabulary.spoken(name)} {words}: at most or at least?",
                  (f"at most {words}", f"at least {words}"))
        return False
    return _take(draft, [number, *labels, *rest], number, name, sense)


def _label(draft: Draft, number: Item, labels: Sequence[Item], sense: Comparison | None) -> str | None:
    """Return the one label that is meant; None where that had to be asked."""
    counted = [label for label in labels if number.factors is None and label.start >= number.end
               and not draft.text[number.end:label.start].strip()]
    possible = candidates([_not_counted(label) if label in counted else label for label in labels], sense)
    if labels and not possible:
        _ask(draft, labels, f"{draft.words(labels)!r} names no single label here. Which is meant?",
             [phrase.label for item in labels for phrase in item.phrases])
        return None
    names = list(possible) or [label.name for label in draft.vocabulary.labels]
    fitting = [name for name in names if _fits(draft, number, name)]
    if not fitting:
        _ask_unit(draft, number, list(possible))
        return None
    if not labels:
        fitting = _by_unit_alone(draft, number, fitting, sense)
    spoken = draft.vocabulary.spoken(fitting[0])
    if len(fitting) > 1 or (not labels and number.factors is None):
        pieces = labels or [number]
        _ask(draft, pieces, f"Which label is meant by {draft.words(pieces)!r}?", fitting,
             "" if labels else f"{draft.words([number])} of ")
    elif _counts_parts(draft, number, fitting[0], labels):
        _ask(draft, [number, *labels], f"{draft.words([number])} is a number, and {spoken} a share. Which share is "
                                       "meant?", [])
    elif labels and all(phrase.vague for phrase in possible[fitting[0]]):
        _ask(draft, labels, f"{draft.words(labels)!r} is not clear. Is the {spoken} meant?", fitting)
    else:
        return fitting[0]
    return None


def _side_said(draft: Draft, number: Item, labels: Sequence[Item]) -> Comparison | None:
    """Return what "a minimum rate of 6" says; None where the number follows no such words."""
    for label in labels:
        first = draft.text[label.start:label.end].lower()
        if draft.text[label.end:number.start].strip() == "of":
            return ">=" if first.startswith("min") else "<=" if first.startswith("max") else None
    return None


def _not_counted(label: Item) -> Item:
    """Return a label's item without what it means in "no user below": behind a number, users are counted."""
    return replace(label, phrases=tuple(phrase for phrase in label.phrases if phrase.side is None or phrase.says_side))


def _counts_parts(draft: Draft, number: Item, name: str, labels: Sequence[Item]) -> bool:
    """Return whether a whole number counts what a label is a share of: "at least one provider signs"."""
    whole = not (number.share or number.fraction) and number.value.is_integer()
    return whole and draft.vocabulary.shares(name) and any(label.start >= number.end for label in labels)


def _take(draft: Draft, pieces: Sequence[Item], number: Item, name: str, sense: Comparison) -> bool:
    threshold = converted(number, name)
    if not math.isfinite(threshold):
        draft.ask([number], f"{draft.words([number])} is no finite number. Which is meant?")
        return False
    formula = re.search(rf"\b{re.escape(name)}\s*[<>]=?\s*$", draft.text[:number.start]) is not None
    if draft.vocabulary.shares(name) and not number.share and not 0 <= threshold <= 1 and not formula:
        draft.ask([number], f"{draft.vocabulary.spoken(name)} is a share from 0 to 1, or 0 % to 100 %. What does "
                            f"{draft.words([number])} mean?", (f"{written(number.value, 15)} %",) * (threshold > 1))
        return False
    draft.constrain(pieces, *(Constraint(name, each, threshold) for each in SENSES[sense]))
    return True


def converted(number: Item, name: str) -> float:
    """Return a number in the label's unit."""
    factor = 1.0 if number.factors is None else number.factors[name]
    return number.value if factor == 1 else float(f"{number.value * factor:.15g}")


def counts_harm(draft: Draft, name: str) -> bool:
    """Return whether a label is one of which there can be none, and less is better: crashes, lost packets."""
    return name in draft.vocabulary.whole and draft.vocabulary.label(name).better == "lower"


def _fits(draft: Draft, number: Item, name: str) -> bool:
    if number.share or (number.fraction and name in draft.vocabulary.whole):
        return draft.vocabulary.shares(name)
    return number.factors is None or name in number.factors


def _by_unit_alone(draft: Draft, number: Item, names: Iterable[str], sense: Comparison | None) -> list[str]:
    """Return the labels that a number with a unit can bound: those that are usually bounded on that side."""
    names = list(names)
    if number.factors is None or sense in (None, "="):
        return names
    better = "lower" if sense in ("<", "<=") else "higher"
    usual = [name for name in names if draft.vocabulary.label(name).better == better]
    return usual or names


def _ask(draft: Draft, pieces: Sequence[Item], question: str, names: Iterable[str], before: str = "") -> None:
    draft.ask(pieces, question, [before + draft.vocabulary.spoken(name) for name in dict.fromkeys(names)])


def _ask_unit(draft: Draft, number: Item, names: Sequence[str]) -> None:
    """Ask about a unit that the label does not have."""
    spoken = " or ".join(draft.vocabulary.spoken(name) for name in names) or "any label"
    units = [unit for name in names for unit in (draft.vocabulary.label(name).unit,) if unit != "1"]
    units += ["%"] * any(draft.vocabulary.shares(name) for name in names)
    value = written(100 * number.value if number.share else number.value, 15)
    draft.ask([number], f"{draft.words([number])} is in no unit of {spoken}. Which value is meant?",
              [f"{value} {unit}" for unit in dict.fromkeys(units)] or ([value] if names else []))
