"""From a sentence to a request, by rules alone: a sentence always means the same, and no number is dropped.

What the rules do not cover is asked about: a unit that the label does not have, words that two labels share, a word
that is not known, a number that belongs to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aign.designs.requests import Request
from aign.errors import AignError
from aign.intents.draft import Draft
from aign.intents.events import events, undeployed
from aign.intents.interpretation import interpret
from aign.intents.items import Item, items
from aign.intents.reading import Question, Reading, reading
from aign.intents.surroundings import surroundings
from aign.intents.vocabulary import vocabulary
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.scenario import Scenario

LONGEST_TEXT = 4_000
"""Characters of the longest sentence read."""
NO_REQUEST = "What is wanted? Say a bound, such as {example}, or what is to be the best."


def read(text: str, scenario: Scenario[Any], deployed: bool = False) -> Reading:
    """Read a sentence of an operator of a network.

    Args:
        text: in English, of up to `LONGEST_TEXT` characters.
        scenario: the network.
        deployed: whether a design is deployed already, so that events need not name one.

    Returns:
        the request, or the questions to be answered first; with the words that each part was read from.
    """
    draft = Draft(text, vocabulary(scenario))
    if len(text) > LONGEST_TEXT:
        question = f"The text has {len(text)} characters; at most {LONGEST_TEXT} are read. Can it be said shorter?"
        return reading(text, None, (), [Question(question, (), 0, len(text))])
    pieces = items(events(draft, scenario), draft.vocabulary)
    interpret(surroundings(pieces, draft, scenario), draft)
    if "event" in draft.fields and "start" not in draft.fields and not deployed:
        draft.questions.append(undeployed(text))
    return finished(draft, scenario, pieces, anything=any(item.kind == "noun" for item in pieces))


def finished(draft: Draft, scenario: Scenario[Any], pieces: Sequence[Item], anything: bool) -> Reading:
    """Return what was read, checked as a whole: no number is left, and something was said, be it that designs are
    wanted (`anything`).
    """
    draft.ask_of_unused(pieces)
    questions, place = list(draft.questions), (0, len(draft.text))
    if not questions and not (draft.said or anything):
        example = f"'{draft.vocabulary.spoken(scenario.labels[0].name)} at most 10'"
        return reading(draft.text, None, (), [Question(NO_REQUEST.format(example=example), (), *place)])
    request = None
    if not questions:
        try:
            bounds = parse(map(str, draft.constraints), scenario.labels)
            request = Request(where=tuple(map(str, bounds)), objective=tuple(draft.objectives), **draft.fields)
        except AignError as error:
            questions.append(Question(str(error), (), *place))
    return reading(draft.text, request, draft.said, questions)
