"""A sentence as a list of words, numbers, names of files and signs, each with its place in the text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "number", "file", "sign"]

FILE_ENDINGS = "json|ya?ml|csv|txt|xml|graphml"
PATTERN = re.compile(
    rf"""(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<file>(?<![\w./~-])[\w./~-]*\w\.(?:{FILE_ENDINGS})\b)
    |(?P<risk>\b[Nn]\s?-\s?\d\b)
    |(?P<number>(?:(?<![\w.)%])[-\u2212])?(?:\d{{1,3}}(?:(?:[,\u00a0\u202f]\d{{3}})+|(?:[ ]000)+)(?!\d)|\d+)(?:\.\d+)?
        (?:[eE][-+]?\d+(?!\w))?
        |(?:(?<![\w.)%])[-\u2212])?\.\d+(?:[eE][-+]?\d+(?!\w))?)
    |(?P<word>[^\W\d_]\w*(?:['\u2019](?:s|t|re|d|ve|ll|m)\b)?)
    |(?P<sign><=|>=|\S)""", re.VERBOSE)
"""A minus belongs to a number where nothing stands before it that could be subtracted from. Groups of three digits may
stand apart; by a plain space only noughts, for "300 400" may be two numbers.
"""
SUFFIXES = {"k": 1e3, "M": 1e6, "bn": 1e9}
"""Written to a number, such as 30k, they multiply it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text.

    Attributes:
        kind: what it is.
        text: as it is written; of a quoted file the name itself.
        start: of its first character; end: behind its last one.
        value: of a number; else None.
    """

    kind: Kind
    text: str
    start: int
    end: int
    value: float | None = None

    @property
    def stem(self) -> str:
        """The word without its ending, in lower case; a sign itself."""
        return stem(self.text) if self.kind == "word" else self.text


def tokens(text: str) -> list[Token]:
    """Return the pieces of a text in its order; nothing but spaces is left out."""
    pieces: list[Token] = []
    for match in PATTERN.finditer(text):
        kind, written = match.lastgroup, match.group()
        place = match.start(), match.end()
        if kind == "quoted":
            pieces.append(Token("file", _unquoted(written), *place))
        elif kind == "risk":
            pieces.append(Token("word", re.sub(r"\s", "", written), *place))
        elif kind == "number":
            pieces.append(Token("number", written, *place, _value(written)))
        elif kind == "word" and written in SUFFIXES and pieces and pieces[-1].kind == "number" \
                and pieces[-1].end == place[0]:
            last = pieces.pop()
            pieces.append(Token("number", last.text + written, last.start, place[1],
                                float(f"{(last.value or 0.0) * SUFFIXES[written]:.15g}")))
        else:
            pieces.append(Token("word" if kind == "word" else "file" if kind == "file" else "sign", written, *place))
    return pieces


def _unquoted(written: str) -> str:
    try:
        return str(json.loads(written))
    except ValueError:
        return written[1:-1]


def _value(written: str) -> float:
    return float(re.sub("[, \u00a0\u202f]", "", written).replace("\u2212", "-"))


def stem(word: str) -> str:
    """Return a word in lower case without possessive, plural and verb endings; not a dictionary's stem, but one for all
    forms of a word.
    """
    text = re.sub(r"['\u2019]s$", "", word.lower()).replace("\u2019", "'")
    if "'" in text or re.search(r"[_\d]", text):
        return text
    if text.endswith("ies") and len(text) > 4:
        text = text[:-3] + "y"
    elif text.endswith("s") and len(text) > 3 and not text.endswith(("ss", "us", "is")):
        text = text[:-1]
    for ending in ("ing", "ed"):
        if text.endswith(ending) and len(text) - len(ending) >= 4:
            text = text[:-len(ending)]
            break
    return text[:-1] if text.endswith("e") and len(text) > 4 else text


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of all pieces of a text."""
    return tuple(token.stem for token in tokens(text.replace("_", " ")))
