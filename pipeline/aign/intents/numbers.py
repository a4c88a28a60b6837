"""The numbers of a sentence: digits and number words become values; "no one" and "N-1" are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aign.intents.tokens import Token

UNITS = {name: value for value, name in enumerate(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
     "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"))}
TENS = {name: 10 * value for value, name in enumerate(
    ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2)}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
         "ninth": 9, "tenth": 10, "twentieth": 20, "hundredth": 100}
NEGATIVE = ("minus", "negative")
PERCENT = ("%", "percent", "pct")


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was said.

    Attributes:
        value: of it.
        start: of its first character; end: behind its last one.
        share: whether it was said as a part of something: 90 %, half of them, nine out of ten.
        fraction: whether it was said as a fraction in words: half, two thirds.
    """

    value: float
    start: int
    end: int
    share: bool = False
    fraction: bool = False


def numbers(tokens: Sequence[Token]) -> list[Token | Number]:
    """Return the tokens with every run of them that says a number replaced by the number."""
    result: list[Token | Number] = []
    place = 0
    while place < len(tokens):
        taken = _number_at(tokens, place)
        if taken is None:
            result.append(tokens[place])
            place += 1
        else:
            number, place = taken
            result.append(number)
    return result


def _number_at(tokens: Sequence[Token], place: int) -> tuple[Number, int] | None:
    """Return the number that begins at a place, and the place behind it."""
    begin, sign, fraction = place, 1.0, False
    if _word(tokens, place) in NEGATIVE:
        sign, place = -1.0, place + 1
    counted = _count(tokens, place)
    part = _part(tokens, place, counted)
    if part is not None:
        value, place, fraction = part
        share = fraction and _word(tokens, place) == "of"
    elif counted is not None:
        (value, place), share = counted, False
        value, place, share = _ratio(tokens, value, place)
    else:
        return None
    percent = 2 if _word(tokens, place) == "per" and _word(tokens, place + 1) == "cent" else int(
        _word(tokens, place) in PERCENT)
    if percent:
        value, place, share = value / 100, place + percent, True
    return Number(float(f"{sign * value:.15g}") if percent or sign < 0 else value, tokens[begin].start,
                  tokens[place - 1].end, share, fraction), place


def _word(tokens: Sequence[Token], place: int) -> str:
    """Return the word or sign at a place, in lower case; "" beyond the end and for numbers."""
    if not 0 <= place < len(tokens) or tokens[place].kind not in ("word", "sign"):
        return ""
    return tokens[place].text.lower()


def _count(tokens: Sequence[Token], place: int) -> tuple[float, int] | None:
    """Return the value of digits or number words at a place, and the place behind them; "a dozen" is twelve."""
    if place < len(tokens) and tokens[place].kind == "number":
        value, place = tokens[place].value or 0.0, place + 1
        while _word(tokens, place) in SCALES:
            value, place = value * SCALES[_word(tokens, place)], place + 1
        return value, place
    if _word(tokens, place) in ("a", "half") and _word(tokens, place + (article := int(
            _word(tokens, place) == "a"))) == "dozen":
        return 12.0, place + article + 1
    if _word(tokens, place) == "dozen":
        return 12.0, place + 1
    if _word(tokens, place) == "one" and (_word(tokens, place - 1) in ("no", "each", "every", "any", "which")):
        return None
    total, group, begin, last = 0.0, 0.0, place, ""
    while True:
        word = _word(tokens, place)
        joined = word == "and" and last in SCALES and _word(tokens, place + 1) in (UNITS | TENS)
        hyphen = word == "-" and last in TENS and _word(tokens, place + 1) in UNITS
        if joined or hyphen:
            place += 1
        elif word in UNITS and (not last or last in SCALES or (last in TENS and 0 < UNITS[word] < 10)):
            group, last, place = group + UNITS[word], word, place + 1
        elif word in TENS and (not last or last in SCALES):
            group, last, place = group + TENS[word], word, place + 1
        elif word == "a" and not last and _word(tokens, place + 1) in SCALES:
            group, place = 1.0, place + 1
        elif word in SCALES and (group or total):
            if word == "hundred":
                group *= 100
            else:
                total, group = total + (group or 1.0) * SCALES[word], 0.0
            last, place = word, place + 1
        else:
            break
    return None if place == begin or not last else (_point(tokens, total + group, place))


def _point(tokens: Sequence[Token], value: float, place: int) -> tuple[float, int]:
    """Add what follows a "point": "zero point nine five"."""
    if _word(tokens, place) != "point" or UNITS.get(_word(tokens, place + 1), 10) > 9:
        return value, place
    digits, place = "", place + 1
    while UNITS.get(_word(tokens, place), 10) <= 9:
        digits, place = digits + str(UNITS[_word(tokens, place)]), place + 1
    return float(f"{value:.0f}.{digits}"), place


def _part(tokens: Sequence[Token], place: int,
          counted: tuple[float, int] | None) -> tuple[float, int, bool] | None:
    """Return "half", "two thirds", "one and a half", "half a": value, place behind it, whether a fraction."""
    count, after = counted if counted is not None else (1.0, place + int(_word(tokens, place) == "a"))
    if counted is not None and _word(tokens, after) == "and" and _word(tokens, after + 1) in ("a", "half"):
        after += 1 + int(_word(tokens, after + 1) == "a")
        if _word(tokens, after) in PARTS:
            return count + 1 / PARTS[_word(tokens, after)], after + 1, False
        return None
    word = _word(tokens, after)
    name = word.removesuffix("s") if counted is not None and count > 1 else word
    if name not in PARTS or (word == "quarters" and counted is None):
        return None
    after += 1
    article = int(_word(tokens, after) == "of")
    if _word(tokens, after + article) in ("a", "an"):  # of a unit: half a minute, a quarter of a watt
        return count / PARTS[name], after + article + 1, False
    return count / PARTS[name], after, True


def _ratio(tokens: Sequence[Token], value: float, place: int) -> tuple[float, int, bool]:
    """Return "nine out of ten" as a share."""
    if _word(tokens, place) == "out" and _word(tokens, place + 1) == "of":
        whole = _count(tokens, place + 2)
        if whole is not None and whole[0] > 0:
            return value / whole[0], whole[1], True
    return value, place, False
