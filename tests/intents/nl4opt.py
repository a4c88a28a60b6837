"""NL4Opt's problems: whether a comparison said in words is read with the direction and the number that people declared.

Only bounds with one number are asked about; the sentence that says it is cut from the problem by its number.
"""

import json
import re
from collections import Counter

from aign.intents.items import items
from aign.intents.vocabulary import Vocabulary

EMPTY = Vocabulary((), frozenset(), {}, frozenset(), ())
SIDES = {"LESS_OR_EQUAL": "<=", "GREATER_OR_EQUAL": ">="}


def comparisons(file):
    """Return how many of the declared limits are read right, wrong, or not understood."""
    verdicts = Counter()
    for line in file.read_text().splitlines():
        problem = json.loads(line)
        for constraint in problem["constraints"]:
            if constraint.get("limit") and constraint.get("operator") in SIDES:
                verdicts[_verdict(constraint)] += 1
    return {"comparisons": sum(verdicts.values()),
            **{kind: verdicts[kind] for kind in ("right", "not_understood", "wrong")}}


def _verdict(constraint):
    """Return how the comparison's own words, with the limit behind them, are read."""
    read = items(f"{constraint['direction']} {constraint['limit']}", EMPTY)
    senses = [item.value for item in read if item.kind in ("compare", "extreme")]
    values = [item.value for item in read if item.kind == "number"]
    if len(senses) != 1 or len(values) != 1:
        return "not_understood"
    negated = sum(item.kind == "no" for item in read) % 2
    upper = (senses[0] in ("<=", "<", "max")) != bool(negated)
    limit, due = constraint["limit"], None
    if re.fullmatch(r"[$]?[\d,.]+%?", limit):
        due = float(re.sub("[,%$]", "", limit)) / (100 if limit.endswith("%") else 1)
    right = upper == (constraint["operator"] == "LESS_OR_EQUAL") and (due is None or abs(values[0] - due) < 1e-9)
    return "right" if right else "wrong"
