"""Sentences bent at random, and which numbers of them a reading passed over."""

import random
import re

from corpus import sentences

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
SCRAPS = ("at most", "7", "-3 dB", "half", "and", "or", "%", "12 W", "between", "minimise", "no", "three designs",
          "seed 4", ",", ".", "not", "M.csv", "$9", "ninety-nine", "\u2264", "\U0001f680", "from", "\x00", "'", '"',
          "as", "-", "1e400", "max", "n-1", "\u00e9", "'; DROP", "__import__", "{}", "<script>", "9" * 400, "a" * 300,
          "0x10", "\u0663")


def bent(seed):
    """Return a network's key and a sentence of the corpus with words left out, doubled, moved or put in."""
    random_ = random.Random(seed)
    sentence = random_.choice(sentences())
    words = sentence.text.split() or ["at", "most"]
    for _ in range(random_.randint(1, 6)):
        place = random_.randrange(len(words) + 1)
        way = random_.choice(("out", "in", "move", "cut", "join"))
        if way == "in":
            words.insert(place, random_.choice(SCRAPS))
        elif way == "join":
            words += random_.choice(sentences()).text.split()[:5]
        elif len(words) > 1:
            word = words.pop(min(place, len(words) - 1))
            if way == "move":
                words.insert(random_.randrange(len(words) + 1), word)
            elif way == "cut" and len(word) > 2:
                words.insert(place, word[:random_.randrange(1, len(word))])
    return sentence.network, " ".join(words), sentence.before


def passed_over(reading):
    """Return the numbers in digits that neither belong to a piece understood nor to a question; none without a request,
    for then the operator is asked anyway.
    """
    if reading.request is None:
        return []
    places = [(piece.start, piece.end) for piece in (*reading.said, *reading.questions)]
    return [match.group() for match in NUMBER.finditer(reading.text)
            if not any(start <= match.start() and match.end() <= end for start, end in places)]
