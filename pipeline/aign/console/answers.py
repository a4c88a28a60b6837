"""What the page says of an answer beside its figures: one sentence, how good a design is, what could be relaxed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aign.designs.answer import Answer
from aign.designs.requests import ResolvedRequest
from aign.scenarios.core.certificate import CertificateKind

BEYOND = 0.3
"""Of the range of the designs."""


def shown(answered: Answer) -> dict[str, Any]:
    """Return what the page shows of an answer beside what it says itself."""
    return {"headline": headline(answered), "bounds": bounds(answered.request), "relaxations": relaxations(answered),
            "reach": reach(answered)}


def headline(answered: Answer) -> str:
    """Return in one sentence what came of a request."""
    if not answered.feasible:
        return "This cannot be had as asked."
    count, met = len(answered.rows()), int(answered.candidates.feasible.sum())
    designs = f"{count} different design{'s' if count > 1 else ''} of {answered.request.count} generated"
    who = str(met) if met < count else "all" if count > 1 else "it"
    return f"{designs}; {who} meet{'' if count > 1 else 's'} the request."


def standing(answer: Mapping[str, Any], rank: int) -> list[str]:
    """Return how good a design of an answer is and, of the best one, why it is ahead of the next."""
    gap, runner_up = answer["designs"][rank - 1]["gap"], answer["runner_up"]
    unproven = answer["certificate"] == str(CertificateKind.BEST_KNOWN) and answer["objectives"] == [None]
    text = "It is {} behind the best design known; that no design is better is not proven." if unproven else \
        "No design can be better by more than {}: that is proven."
    return [*([] if gap is None else [text.format(f"{max(gap, 0.0):.2%}")]),
            *([] if answer["where"] else ["The request has no constraints, so none holds this design back."]),
            *([runner_up["sentence"]] if rank == 1 and runner_up and answer["feasible"] else [])]


def bounds(request: ResolvedRequest) -> list[dict[str, Any]]:
    """Return the constraints taken apart, for drawing."""
    return [{"label": bound.label, "upper": bound.upper, "threshold": bound.threshold} for bound in request.constraints]


def reach(answered: Answer) -> dict[str, tuple[float, float]]:
    """Return for each label the values that a slider of its bound should reach: somewhat beyond the designs'."""
    ranges = {}
    for name, column in answered.candidates.labels.items():
        values = column[column.isfinite()]
        if len(values):
            low, high = float(values.min()), float(values.max())
            room = BEYOND * ((high - low) or abs(high) or 1.0)
            ends = max(0.0, low - room) if low >= 0 else low - room, high + room
            whole = name in answered.scenario.integer_labels
            ranges[name] = (float(math.floor(ends[0])), float(math.ceil(ends[1]))) if whole else ends
    return ranges


def relaxations(answered: Answer) -> list[dict[str, Any]]:
    """Return to what a constraint can be relaxed so that the request can be met, with all constraints then; the
    smallest change first.
    """
    tried = answered.diagnosis.relaxations if answered.diagnosis else ()
    helpful = [each for each in tried if each.relaxed not in (None, each.constraint)]
    asked = answered.request.constraints
    return [{"shown": str(each), "where": [str(each).partition(" (")[0] if bound == each.constraint else str(bound)
                                           for bound in asked]}
            for each in sorted(helpful, key=lambda each: each.share)]
