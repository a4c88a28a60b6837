"""What goes wrong, in words: "link Gdansk-Warsaw fails", "if the demand grows by 20 %", or as written, in quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from aign.designs.events import context_names, failing
from aign.intents.draft import Draft
from aign.intents.reading import Question, Span
from aign.intents.tokens import stems
from aign.intents.vocabulary import vocabulary
from aign.scenarios.core.scenario import Scenario

QUOTED = re.compile(r'\bafter\s+("(?:[^"\\]|\\.)*")', re.IGNORECASE)
WHEN = r"(?:\b(?:after|when|if|once)\s+)?(?:\bthe\s+)?"
FAILS = r"(?:fails|has failed|failed|is down|goes down|breaks|is cut)\b"
UP, DOWN = "grows?|rises?|increases?|goes up", "drops?|falls?|shrinks?|decreases?|goes down"
SHARE = r"(?P<amount>\d+(?:\.\d+)?)\s*(?:%|percent\b|per cent\b)"


def undeployed(text: str) -> Question:
    """Return the question about a text where nothing is deployed that an event could strike."""
    return Question("Which design is deployed when that happens? Name its file.", ("starting from now.json",),
                    len(text), len(text))


def events(draft: Draft, scenario: Scenario[Any]) -> str:
    """Read what goes wrong into a draft; return the text with spaces in its place, for the rest to be read."""
    if not scenario.designs_transfer:
        return draft.text
    read: list[tuple[int, int, str]] = [
        (match.start(), match.end(), json.loads(match[1])) for match in QUOTED.finditer(draft.text)]
    failures, changes = _patterns(scenario)
    spellings = [(weight, spelling, name) for name in failing(scenario)
                 for weight, spelling in enumerate(_spellings(name))]
    names = {_plain(spelling): name for _, spelling, name in sorted(spellings, key=lambda each: each[0])}
    read += [(match.start(), match.end(), f"{names[_plain(match['part'])]} fails")
                 for match in failures.finditer(draft.text)]
    read += [(match.start(), match.end(), _change(match)) for match in changes.finditer(draft.text)]
    text = draft.text
    for start, end, event in sorted(read):
        if text[start:end] == draft.text[start:end]:  # not within another
            draft.fields["event"] = (*draft.fields.get("event", ()), event)
            draft.said.append(Span(start, end, draft.text[start:end], f"event {event}"))
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def _change(match: re.Match[str]) -> str:
    """Return a change of the situation as events are written."""
    name = match["owner"] or match["name"]
    sign = "+" if re.fullmatch(UP, match["way"], re.IGNORECASE) else "-"
    feature = (match["feature"] or match["beside"] or match["plain"]).lower()
    return f"{feature}{'' if name is None else f' of {name}'} {sign}{match['amount']}%"


def _spellings(name: str) -> list[str]:
    """Return how people call what can fail, the surest last: "link A-B" also B-A, link B-A, and A-B."""
    kind, _, ends = name.partition(" ")
    turned = "-".join(reversed(ends.split("-")))
    return [turned, f"{kind} {turned}", ends, name] if "-" in ends else [name]


def _plain(name: str) -> str:
    return re.sub(r"[\s\u2013-]+", "-", name.strip().lower())


def _patterns(scenario: Scenario[Any]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    features = {feature.name: tuple(dict.fromkeys(context_names(scenario, feature)))
                for feature in scenario.context_features}
    phrases = vocabulary(scenario).phrases
    alone = tuple(name for name in features if (name,) not in phrases and stems(name) not in phrases)
    return _compiled(tuple(failing(scenario)), tuple(features), alone,
                     tuple(dict.fromkeys(name for names in features.values() for name in names)))


@lru_cache(maxsize=64)
def _compiled(parts: tuple[str, ...], features: tuple[str, ...], alone: tuple[str, ...],
              names: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds failures and changes; a feature called like a label is read only beside a name."""
    part = _any((spelling for part in parts for spelling in _spellings(part)), spaced=True)
    owner = _any(names)
    change = (rf"{WHEN}(?:\b(?P<owner>{owner})['\u2019]s\s+(?P<feature>{_any(features)})s?|"
              rf"\b(?P<beside>{_any(features)})s?\s+of\s+(?:the\s+)?(?P<name>{owner})|\b(?P<plain>{_any(alone)})s?)"
              rf"\s+(?P<way>{UP}|{DOWN})\s+(?:by\s+)?{SHARE}")
    return (re.compile(rf"{WHEN}\b(?P<part>{part})\s+{FAILS}", re.IGNORECASE),
            re.compile(change, re.IGNORECASE))


def _any(names: Iterable[str], spaced: bool = False) -> str:
    """Return a pattern for one of several names, the longest first; one that matches nothing where there is none.
    `spaced` allows spaces about a hyphen.
    """
    ordered = sorted({name for name in names if name}, key=len, reverse=True)
    pattern = "|".join(map(re.escape, ordered)) or r"(?!)"
    return pattern.replace(r"\-", r"\s*[-\u2013]\s*") if spaced else pattern
