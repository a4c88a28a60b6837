"""Which network a sentence is about: that whose name, labels and sizes it speaks of; asked where that is not clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aign.intents.items import items
from aign.intents.numbers import Number, numbers
from aign.intents.reading import Question
from aign.intents.sizes import sizes
from aign.intents.tokens import Token, stem, stems, tokens
from aign.intents.vocabulary import content, vocabulary
from aign.intents.words import FILLERS
from aign.scenarios.core.scenario import Scenario

NAME, LABEL, SUMMARY, SIZE, UNKNOWN = 2.0, 2.0, 1.0, 3.0, -1.5
"""Weights: of a word of the network's name, of words for a label, of a word of its summary, of a size that it has, and
of a word that it does not know.
"""
CLEAR = 1.0
"""By how much the best has to stand out."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The network meant, or a question.

    Attributes:
        name: of the catalogue; None where it is not clear.
        question: what to ask then, with the names that come into question.
    """

    name: str | None
    question: Question | None = None


def choose(text: str, catalogue: Mapping[str, Scenario[Any]]) -> Choice:
    """Return which network of a catalogue a text is about; of several of one kind that it could be, the largest."""
    scores = {name: _score(text, name, scenario) for name, scenario in catalogue.items()}
    best = max(scores.values(), default=0.0)
    speaks = bool(scores) and best > min(scores.values())
    near = [name for name, score in scores.items() if score > best - CLEAR]
    if speaks and len({catalogue[name].name for name in near}) == 1:
        near = [max(near, key=lambda name: catalogue[name].action_size)]
    if speaks and len(near) == 1:
        return Choice(near[0])
    asked = near if speaks else list(catalogue)
    return Choice(None, Question("Which network is meant?", tuple(asked), 0, len(text)))


def _score(text: str, name: str, scenario: Scenario[Any]) -> float:
    """Return how much of a text speaks of a network."""
    said = set(content(stems(text)))
    named = (set(stems(scenario.name.replace("-", " "))) | set(stems(name.replace("-", " ")))) - {"-"}
    described = set(content(stems(" ".join((scenario.summary, *scenario.purposes))))) - named
    pieces = items(text, vocabulary(scenario))
    labels = {frozenset(phrase.label for phrase in item.phrases) for item in pieces if item.kind == "label"
              and not set(stems(text[item.start:item.end])) <= FILLERS}
    unknown = sum(item.kind == "word" and stem(str(item.value)) not in named | described for item in pieces)
    return (NAME * len(said & named) + LABEL * len(labels) + SUMMARY * len(said & described) + UNKNOWN * unknown
            + _size_score(text, scenario))


def _size_score(text: str, scenario: Scenario[Any]) -> float:
    """Return the weight of the sizes that a text says, such as "20 users": for the right ones, against the others."""
    known, score = sizes(scenario), 0.0
    pieces = [piece for piece in numbers(tokens(text)) if not (isinstance(piece, Token) and piece.text == "-")]
    for number, noun in pairwise(pieces):
        if isinstance(number, Number) and isinstance(noun, Token) and stem(noun.text) in known:
            score += SIZE if known[stem(noun.text)] == number.value else -SIZE
    return score
