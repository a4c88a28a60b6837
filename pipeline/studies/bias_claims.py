"""What the AIGN paper says of biased and small datasets (section IV and Table II), with the figures that decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studies.markdown import words
from studies.subsets import SMALL, WHOLE

HURT = 0.02
"""A fall of the pooled return, from learning the whole dataset to learning a part, that counts as harm."""
FAILED = 0.0
"""A pooled return below this, the cheap reference, counts as failing to learn."""
Q_LEARNING, DIFFUSER, DATA = "bcq", "diffuser_single", "best_training_design"
Claim = tuple[str, Sequence[bool], str]
"""A claim, whether it holds in each case that is looked at, and the figure that decides."""


def claims(rows: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """Return the claims that the rows of bias.json decide; each is asked for every part of the dataset it speaks of."""
    parts = list(dict.fromkeys(str(row["subset"]) for row in rows))
    biased = [part for part in parts if part not in (WHOLE, SMALL)]
    scores = {(row["method"], row["subset"]): float(row["normalised_return_pooled"]["mean"]) for row in rows}
    gains = {row["subset"]: row["gain_of_showing_the_return"] for row in rows if row["method"] == DIFFUSER}

    def lost(method: str, *subsets: str) -> dict[str, float]:
        """Return by how much a method is worse on each part than on the whole dataset."""
        return {name: scores[method, WHOLE] - scores[method, name] for name in subsets}

    def ahead(rival: str, subsets: Sequence[str]) -> dict[str, float]:
        """Return by how much the diffuser is better than a rival on each part."""
        return {name: scores[DIFFUSER, name] - scores[rival, name] for name in subsets}

    failed = [words(name) for name in biased if scores[Q_LEARNING, name] < FAILED]
    q_loss, small_loss = lost(Q_LEARNING, *biased), lost(Q_LEARNING, SMALL)[SMALL]
    diffuser_loss, better, beyond = lost(DIFFUSER, *biased, SMALL), ahead(Q_LEARNING, biased), ahead(DATA, [*gains])
    harm = f"(harm from {HURT})"
    return [
        ("BCQ: dataset bias", [value >= HURT for value in q_loss.values()],
         f"pooled return lost against the whole dataset: {listed(q_loss)} {harm}; worse than the cheap reference on: "
         f"{', '.join(failed) or 'none'}"),
        ("BCQ: overfitting", [small_loss >= HURT],
         f"pooled return lost by learning a tenth of the dataset: {small_loss:+.4f} {harm}"),
        ("Proposed: overcomes dataset bias (better than BCQ on biased data)", [value > 0 for value in better.values()],
         f"pooled return of a single design minus BCQ's: {listed(better)}"),
        ("Proposed: conditioning on the return helps to overcome dataset bias",  # the interval over seeds above zero
         [(value["mean"] if value["low"] is None else value["low"]) > 0 for value in gains.values()],
         "pooled return gained by asking a single design for a high return, against the return hidden: "
         + ", ".join(f"{words(name)} {interval(value)}" for name, value in gains.items())),
        ("Proposed: requires large and diverse datasets", [value >= HURT for value in diffuser_loss.values()],
         f"pooled return lost against the whole dataset: {listed(diffuser_loss)} {harm}"),
        ("Proposed: designs better than any in its data", [value > 0 for value in beyond.values()],
         f"pooled return minus that of the best training design, found by simulation: {listed(beyond)}")]


def listed(values: Mapping[str, float]) -> str:
    """Return values by name."""
    return ", ".join(f"{words(name)} {value:+.4f}" for name, value in values.items())


def interval(value: Mapping[str, Any]) -> str:
    """Return a mean with its interval over seeds, where there are several."""
    ends = "" if value["low"] is None else f" [{value['low']:+.4f}, {value['high']:+.4f}]"
    return f"{value['mean']:+.4f}{ends}"
