"""Questions about what nothing was read of in a clause: a word, a unit, a comparison without a number, an "or"."""

from __future__ import annotations

import difflib
import re

from aign.intents.bounds import SPOKEN, candidates
from aign.intents.clauses import Clause
from aign.intents.draft import Draft
from aign.intents.items import Item
from aign.scenarios.core.constraints import written

MONEY = ("$", "\u20ac", "\u00a3", "\u00a5")


def ask_of_rest(clause: Clause) -> None:
    """Ask about every item left, except another word for a label that something was read of."""
    draft = clause.draft
    for item in clause.items:
        text = draft.words([item])
        if item.kind == "label" and {phrase.label for phrase in item.phrases} & clause.labels:
            continue
        if item.kind == "label" and any(phrase.says_side for phrase in item.phrases):
            draft.ask([item], f"How much is {text}?", after=True)
        elif item.kind == "label":
            spoken = [draft.vocabulary.spoken(name) for name in candidates([item], None)]
            draft.ask([item], f"What of {text!r}? Say a bound, or that it is to be the best.",
                      [f"best {name}" for name in spoken])
        elif item.kind == "compare":
            draft.ask([item], f"{SPOKEN.get(str(item.value), text).capitalize()} how much, and of what?")
        elif item.kind == "or":
            draft.ask([item], "A request cannot say 'or': all that it asks for has to hold. Ask twice instead?",
                      ("and",))
        elif not _asked_as_unit(clause, item):
            draft.ask([item], f"What does {text!r} mean here?", near(text, draft))


def _asked_as_unit(clause: Clause, item: Item) -> bool:
    """Ask about a word or sign right beside a number as about its unit; returns whether it is one."""
    draft = clause.draft
    for number in clause.numbers:
        signed = item.end == number.start and str(item.value) in MONEY
        behind = item.start >= number.end and not draft.text[number.end:item.start].strip(" -")
        if signed or (behind and number.factors is None):
            units = dict.fromkeys(draft.vocabulary.label(name).unit for name in sorted(clause.labels))
            value = written(100 * number.value if number.share else number.value, 15)
            draft.ask([number, item], f"{draft.words([number, item])!r}: in which unit? {draft.words([item])!r} is "
                                      "none of what is meant.", [f"{value} {unit}" for unit in units if unit != "1"])
            return True
    return False


def near(text: str, draft: Draft) -> list[str]:
    """Return the labels whose words are like a word that is not known; all where none is."""
    spoken = [draft.vocabulary.spoken(label.name) for label in draft.vocabulary.labels]
    alike = [name for name in spoken if difflib.get_close_matches(text.lower(), re.split(r"[\s-]", name), 1, 0.7)]
    return alike or spoken
