"""From a sentence to a request, by rules alone: the same sentence always means the same, and no number is dropped.

What the rules do not cover is asked about: a unit that the label does not have, words that two labels share, a word that
is not known, a number that belongs to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aign.designs.requests import Request
from aign.errors import AignError
from aign.intents.clauses import Clause, clauses
from aign.intents.draft import Draft
from aign.intents.items import Item, items
from aign.intents.reading import Question, Reading, reading
from aign.intents.surroundings import surroundings
from aign.intents.vocabulary import vocabulary
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.scenario import Scenario

LONGEST_TEXT = 4_000
"""Characters of the longest sentence read."""
NO_REQUEST = "What is wanted? Say a bound, such as {example}, or what is to be the best."


def read(text: str, scenario: Scenario[Any]) -> Reading:
    """Read a sentence of an operator of a network.

    Args:
        text: in English, of up to `LONGEST_TEXT` characters.
        scenario: the network.

    Returns:
        the request, or the questions to be answered first; with the words that each part was read from.
    """
    draft = Draft(text, vocabulary(scenario))
    if len(text) > LONGEST_TEXT:
        question = f"The text has {len(text)} characters; at most {LONGEST_TEXT} are read. Can it be said shorter?"
        return reading(text, None, (), [Question(question, (), 0, len(text))])
    pieces = items(text, draft.vocabulary)
    interpret(surroundings(pieces, draft, scenario), draft)
    return finished(draft, scenario, anything=_nouns(pieces))


def interpret(pieces: Sequence[Item], draft: Draft) -> None:
    """Read constraints and objectives into a draft, clause by clause."""
    before = None
    for clause in clauses(ranges(pieces)):
        before = Clause(draft, clause, before)
        before.read()


def ranges(pieces: Sequence[Item]) -> list[Item]:
    """Return the items with "between 5 and 10" and "from 5 to 10" as one item that holds both numbers."""
    result: list[Item] = []
    place = 0
    while place < len(pieces):
        first = pieces[place]
        rest = [item for item in pieces[place + 1:place + 4]]
        numbers = [item for item in rest if item.kind == "number"]
        joined = len(rest) > 1 and rest[0].kind == "number" and (
            rest[1].kind == "number" or (len(rest) > 2 and rest[1].kind == "cut" and rest[2].kind == "number"))
        if first.kind == "range" and joined:
            low, high = numbers[:2]
            low = low if low.factors is not None or low.share else Item(
                "number", low.start, low.end, low.value, factors=high.factors)
            result.append(Item("range", first.start, high.end, (low, high)))
            place += 1 + rest.index(high) + 1
        else:
            result.append(first)
            place += 1
    return result


def finished(draft: Draft, scenario: Scenario[Any], anything: bool, before: Request | None = None) -> Reading:
    """Return what was read, checked as a whole; a request that says nothing at all is asked about."""
    questions = list(draft.questions)
    whole = Question("", (), 0, len(draft.text))
    if not questions and not (draft.constraints or draft.objectives or draft.fields or draft.said or anything):
        example = f"{draft.vocabulary.spoken(scenario.labels[0].name)} at most 10" if scenario.labels else "three designs"
        return reading(draft.text, None, (), [Question(NO_REQUEST.format(example=repr(example)), (), 0, len(draft.text))])
    request = None
    if not questions:
        try:
            bounds = parse(map(str, draft.constraints), scenario.labels)
            request = Request(where=tuple(map(str, bounds)), objective=tuple(draft.objectives), **draft.fields)
        except AignError as error:
            questions.append(Question(str(error), (), whole.start, whole.end))
    return reading(draft.text, request, draft.said, questions)


def _nouns(pieces: Sequence[Item]) -> bool:
    """Return whether designs are asked for at all."""
    return any(item.kind == "noun" for item in pieces)
