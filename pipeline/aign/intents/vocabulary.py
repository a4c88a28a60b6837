"""How operators speak of a network: the phrases and units that its labels declare, ready to be looked up.

A label's `phrases`, of which the first is the one that confirmations use, are written so:

- `total power` names the label;
- `user>=` names it where it is bounded from below, as in "no user below 6 Mbit/s"; `user<=` from above;
- `lambda>=?` names it and says the bound, whose number follows;
- `N-1 secure>=1` is a whole constraint;
- `rate?` may mean the label, but always has to be asked about.

A one-word phrase is also an adjective: of `cheap` the reader knows cheaper, cheapest, and as cheap as possible. Labels
may share a phrase: then unit and side decide, or the operator is asked. Of `units`, ("%", 0.01) says that shares are
allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from aign.intents.tokens import stem, stems
from aign.intents.words import ARTICLES, FILLERS
from aign.scenarios.core.constraints import Label
from aign.scenarios.core.scenario import Scenario

Bound = Literal["<=", ">="]
PHRASE = re.compile(r"(?P<words>[^<>=?]+)(?:(?P<side><=|>=)(?P<value>\?|-?[\d.]+)?|(?P<vague>\?))?")
SHARE = "%"


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to speak of a label.

    Attributes:
        words: stems, without fillers.
        label: its name.
        side: on which side the label is bounded; None: on any.
        value: of a whole constraint; else None.
        says_side: whether the words say the bound, too.
        vague: whether the operator always has to be asked.
    """

    words: tuple[str, ...]
    label: str
    side: Bound | None = None
    value: float | None = None
    says_side: bool = False
    vague: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """The words for the labels of one network.

    Attributes:
        labels: of the network.
        whole: names of those that only take whole values.
        phrases: by their words; labels that share words have one entry each.
        names: ways to say what kind of network it is or what it is for, such as "IP and optical" and "stream video",
            which ask for nothing; without articles.
        units: spelling, label, how many of the label's unit it is; longest spelling first.
    """

    labels: tuple[Label, ...]
    whole: frozenset[str]
    phrases: dict[tuple[str, ...], tuple[Phrase, ...]]
    names: frozenset[tuple[str, ...]]
    units: tuple[tuple[re.Pattern[str], str, float], ...]

    def label(self, name: str) -> Label:
        """Return the label of that name; KeyError where there is none."""
        return {label.name: label for label in self.labels}[name]

    def unit_at(self, text: str, place: int) -> tuple[int, dict[str, float]] | None:
        """Return where the unit that stands at a place of a text ends, and by label how many of its unit that is."""
        best, factors = place, dict[str, float]()
        for pattern, label, factor in self.units:
            match = pattern.match(text, place)
            if match is not None and match.end() >= best and (match.end() > place):
                factors = factors if match.end() == best else {}
                best = match.end()
                factors[label] = factor
        return (best, factors) if factors else None

    def shares(self, name: str) -> bool:
        """Return whether a label is a share, such as 90 %, of which 1 is the whole."""
        return any(unit == SHARE for unit, _ in self.label(name).units)

    def spoken(self, name: str) -> str:
        """Return the label in the words of confirmations."""
        return spoken(self.label(name))


def spoken(label: Label) -> str:
    """Return the first plain phrase of a label, else its name in words."""
    plain = (text for text in label.phrases if not re.search("[<>=?]", text))
    return next(plain, label.name.replace("_", " "))


def content(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words without those that mean nothing."""
    return tuple(word for word in words if word not in FILLERS)


def vocabulary(scenario: Scenario[Any]) -> Vocabulary:
    """Return the words for a network's labels; see `_vocabulary`."""
    return _vocabulary(scenario.name, tuple(scenario.labels), frozenset(scenario.integer_labels),
                       tuple(scenario.purposes))


@lru_cache(maxsize=64)
def _vocabulary(name: str, labels: tuple[Label, ...], whole: frozenset[str], purposes: tuple[str, ...]) -> Vocabulary:
    """Return the words for labels of a network of this name, of which those in `whole` only take whole values.

    Raises:
        ValueError: a phrase is written otherwise than this module's text says.
    """
    phrases: dict[tuple[str, ...], tuple[Phrase, ...]] = {}
    for label in labels:
        for phrase in _phrases(label):
            same = phrases.get(phrase.words, ())
            if phrase not in same:
                phrases[phrase.words] = (*same, phrase)
    said = (tuple(word for word in stems(purpose) if word not in ARTICLES) for purpose in purposes)
    names = frozenset([*_names(name), *said])
    return Vocabulary(labels, whole, phrases, names, tuple(_units(labels)))


def _names(name: str) -> Iterable[tuple[str, ...]]:
    """Return two or more words in a row of a network's name, also joined: "IP optical", "IP over optical"."""
    words = [stem(word) for word in name.split("-")]
    for first in range(len(words)):
        for last in range(first + 2, len(words) + 1):
            for joint in ((), ("and",), ("over",)):
                yield tuple(part for word in words[first:last] for part in (*joint, word))[len(joint):]


def _phrases(label: Label) -> Iterable[Phrase]:
    """Return the phrases of a label; its name, spoken and as written, is one of them."""
    yield Phrase((label.name.lower(),), label.name)
    for text in (label.name.replace("_", " "), *label.phrases):
        match = PHRASE.fullmatch(text)
        if match is None:
            raise ValueError(f"label {label.name}: phrase {text!r} cannot be read")
        words, value = content(stems(match["words"])), match["value"]
        side: Bound | None = None if match["side"] is None else "<=" if match["side"] == "<=" else ">="
        if words:
            yield Phrase(words, label.name, side, float(value) if value not in (None, "?") else None, value == "?",
                         match["vague"] is not None)


def _units(labels: Sequence[Label]) -> Iterable[tuple[re.Pattern[str], str, float]]:
    for label in labels:
        for unit, factor in ((label.unit, 1.0), *label.units):
            if unit not in ("1", SHARE):
                yield _spelling(unit), label.name, factor


def is_word(unit: str) -> bool:
    """Return whether a unit is a word, such as level, and no sign, such as dB: words have a plural."""
    return unit.isalpha() and unit.islower() and len(unit) > 3


def _spelling(unit: str) -> re.Pattern[str]:
    """Return what finds a unit behind a number; short ones as they are written (mW is not MW), words in any case."""
    word = is_word(unit)
    text = r"\s+".join(re.escape(part) for part in unit.split())
    plural = "s?" if word and not unit.endswith("s") else ""
    return re.compile(rf"[\s-]*{text}{plural}(?![\w*/])", re.IGNORECASE if word else 0)
