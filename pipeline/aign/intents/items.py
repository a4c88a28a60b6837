"""What a sentence is made of for the reader: numbers with their units, labels, comparisons, directions, files, words.

At each place the longest phrase wins, be it of the network's labels or of `words`; a label's phrase may have words that
mean nothing between its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from aign.intents import words
from aign.intents.numbers import Number, numbers
from aign.intents.tokens import Token, stem, stems, tokens
from aign.intents.vocabulary import Phrase, Vocabulary

LONGEST = 9
"""Words of the longest phrase looked for."""
JOINING = ("-", "'", "\u2019")
"""Signs within a phrase."""
T = TypeVar("T")
Closed = tuple[str, Any]
"""Kind and value of a phrase that means the same in every network."""


@dataclass(frozen=True)
class Item:
    """A piece of a sentence that means something, or a word that is not known.

    Attributes:
        kind: "number", "label", "file", "noun", "word", "tighter" (a comparative), "move", "scale", or a kind of
            `words.Mark`.
        start: of its first character; end: behind its last one.
        value: a number; the sense of a comparison; a direction; a name.
        phrases: of a label or a comparative.
        factors: of a number with a unit: by label, how many of the label's unit its unit is; None without a unit.
        share: of a number, whether it was said as a part of a whole; fraction: as a fraction in words.
    """

    kind: str
    start: int
    end: int
    value: Any = None
    phrases: tuple[Phrase, ...] = ()
    factors: Mapping[str, float] | None = None
    share: bool = False
    fraction: bool = False


def items(text: str, vocabulary: Vocabulary, refining: bool = False) -> list[Item]:
    """Return the pieces of a text in its order.

    Args:
        text: what was said.
        vocabulary: of the network.
        refining: whether words that change a request are known, such as "relax" and "drop".
    """
    pieces = numbers(_replaced(tokens(text)))
    closed, names = _closed(refining), {name: (name,) for name in vocabulary.names}
    result: list[Item] = []
    place = 0
    while place < len(pieces):
        here, piece = place, pieces[place]
        if isinstance(piece, Number):
            item, end = _number(text, piece, vocabulary)
            place += 1
            while place < len(pieces) and pieces[place].start < end:
                place += 1
            result.append(item)
            continue
        label, after_label = _longest(pieces, place, vocabulary.phrases, words.FILLERS)
        name, after_name = _longest(pieces, place, names, words.ARTICLES)
        mark, after_mark = _closed_at(pieces, place, closed)
        begins = not result and _closed_at(pieces, after_name, closed)[0] in (None, ("soft cut", None))
        if name and (after_name > max(after_label, after_mark) or (begins and after_name == after_label)):
            place = after_name
            result.append(Item("skip", piece.start, pieces[place - 1].end))
        elif label and after_label >= after_mark:
            place = after_label
            result.append(Item("label", piece.start, pieces[place - 1].end, phrases=label))
        elif mark is not None:
            place = after_mark
            result.append(Item(mark[0], piece.start, pieces[place - 1].end, mark[1]))
        else:
            place += 1
            result += _word(piece, pieces[here + 1] if here + 1 < len(pieces) else None, vocabulary, refining)
    return result


def _replaced(pieces: Sequence[Token]) -> list[Token]:
    """Return the tokens with "nobody" and "everyone" as words for users."""
    result: list[Token] = []
    place = 0
    while place < len(pieces):
        for length in (2, 1):
            said = tuple(piece.text.lower() for piece in pieces[place:place + length])
            if said in words.REPLACED:
                start, end = pieces[place].start, pieces[place:place + length][-1].end
                result += [Token("word", word, start, end) for word in words.REPLACED[said].split()]
                place += length
                break
        else:
            result.append(pieces[place])
            place += 1
    return result


def _number(text: str, number: Number, vocabulary: Vocabulary) -> tuple[Item, int]:
    unit = None if number.share else vocabulary.unit_at(text, number.end)
    end = number.end if unit is None else unit[0]
    return Item("number", number.start, end, number.value, factors=None if unit is None else unit[1],
                share=number.share, fraction=number.fraction), end


def _longest(pieces: Sequence[Token | Number], place: int,
             phrases: Mapping[tuple[str, ...], tuple[T, ...]], fillers: frozenset[str]) -> tuple[tuple[T, ...], int]:
    """Return what the longest phrase means that begins at a place, fillers aside, and the place behind it."""
    best: tuple[tuple[T, ...], int] = ((), place)
    said: list[str] = []
    for after in range(place, min(place + 2 * LONGEST, len(pieces))):
        piece = pieces[after]
        if not isinstance(piece, Token) or piece.kind not in ("word", "sign") or (
                piece.kind == "sign" and piece.text not in JOINING):
            break
        if piece.stem not in fillers and piece.text not in JOINING:
            said.append(piece.stem)
            matching = phrases.get(tuple(said)) or phrases.get((piece.text.lower(),) if after == place else ())
            if matching:
                best = matching, after + 1
        elif after == place:
            break
    return best


def _closed_at(pieces: Sequence[Token | Number], place: int,
               closed: Mapping[tuple[str, ...], Closed]) -> tuple[Closed | None, int]:
    """Return the longest closed phrase that begins at a place, and the place behind it."""
    best: tuple[Closed | None, int] = (None, place)
    said: list[str] = []
    for after in range(place, min(place + LONGEST, len(pieces))):
        piece = pieces[after]
        if not isinstance(piece, Token) or piece.kind not in ("word", "sign"):
            break
        said.append(piece.stem)
        if tuple(said) in closed:
            best = closed[tuple(said)], after + 1
    return best


def _word(token: Token, following: Token | Number | None, vocabulary: Vocabulary, refining: bool) -> list[Item]:
    """Return what a word alone means: a file, a counted thing, a superlative, a comparative, nothing, or itself."""
    place = token.start, token.end
    if token.kind == "file":
        return [Item("file", *place, token.text)]
    if token.stem in words.NOUNS:
        return [Item("noun", *place)]
    for ending, kind in (("est", "optimise"), ("er", "tighter")):
        adjective = _adjective(token.text.lower(), ending, vocabulary)
        if adjective and kind == "optimise":
            return [Item("optimise", *place, "best"), Item("label", *place, phrases=adjective)]
        if adjective:
            return [Item("tighter", *place, phrases=adjective)]
    ignored = words.FILLERS | words.SOFT | (words.REFINE_FILLERS if refining else frozenset())
    if token.text in (",", ";") or (token.text == "." and (following is None or following.start > token.end)):
        return [Item("cut", *place, token.text)]
    return [] if token.stem in ignored else [Item("word", *place, token.text)]


def _adjective(word: str, ending: str, vocabulary: Vocabulary) -> tuple[Phrase, ...]:
    if not word.endswith(ending) or len(word) < len(ending) + 3:
        return ()
    base = word.removesuffix(ending)
    forms = [base, base + "e", base[:-1] + "y" if base.endswith("i") else base, base[:-1]]
    return next((vocabulary.phrases[(stem(form),)] for form in forms if (stem(form),) in vocabulary.phrases), ())


@cache
def _closed(refining: bool) -> Mapping[tuple[str, ...], Closed]:
    """Return the closed phrases by their stems."""
    groups: list[tuple[str, Any, str]] = []
    if refining:
        groups += [("move", way, text) for way, text in words.MOVES.items()]
        groups += [("scale", factor, text) for factor, text in words.SCALES.items()]
        groups += [(mark, None, text) for mark, text in words.CHANGES.items()]
    groups = [("compare", sense, text) for sense, text in words.COMPARISONS.items()] + [
        ("extreme", way, text) for way, text in words.EXTREMES.items()] + [
        ("optimise", way, text) for way, text in words.DIRECTIONS.items()] + [
        (mark, None, text) for mark, text in words.OTHERS.items()] + groups
    phrases: dict[tuple[str, ...], Closed] = {}
    for kind, value, text in groups:
        for phrase in text.split(";"):
            phrases[stems(phrase)] = (kind, value)
    return phrases
