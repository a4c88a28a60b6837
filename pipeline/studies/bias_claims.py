"""What the AIGN paper says of biased and small datasets (section IV and Table II), decided by the rows of bias.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studies.subsets import SMALL, WHOLE
from studies.verdicts import decided

HURT = 0.02
"""A fall of the pooled return, from learning the whole dataset to learning a part, that counts as harm."""
FAILED = 0.0
"""A pooled return below this, the cheap reference, counts as failing to learn."""
Q_LEARNING, DIFFUSER = "bcq", "diffuser_single"
Rows = Sequence[Mapping[str, Any]]


def claims(rows: Rows) -> list[dict[str, str]]:
    """Return rows of table2.json: claim, verdict and the figure that decides."""
    return [hurt(rows), overfits(rows), less_hurt(rows), conditioned(rows), diverse(rows), beyond_data(rows)]


def hurt(rows: Rows) -> dict[str, str]:
    """BCQ suffers from biased data: every biased part costs it HURT or more."""
    lost = {name: loss(rows, Q_LEARNING, name) for name in biased(rows)}
    failed = [name for name in lost if score(rows, Q_LEARNING, name) < FAILED]
    figure = f"pooled return lost against the whole dataset: {listed(lost)} (harm from {HURT})"
    return decided("BCQ: dataset bias", [value >= HURT for value in lost.values()],
                   f"{figure}; worse than the cheap reference on: {', '.join(map(spelled, failed)) or 'none'}")


def overfits(rows: Rows) -> dict[str, str]:
    """BCQ overfits a small dataset: a tenth of the data, unbiased, costs it HURT or more."""
    lost = loss(rows, Q_LEARNING, SMALL)
    return decided("BCQ: overfitting", [lost >= HURT],
                   f"pooled return lost by learning a tenth of the dataset: {lost:+.4f} (harm from {HURT})")


def less_hurt(rows: Rows) -> dict[str, str]:
    """The diffuser overcomes bias: on every biased part a single design of it beats BCQ's."""
    better = {name: score(rows, DIFFUSER, name) - score(rows, Q_LEARNING, name) for name in biased(rows)}
    return decided("Proposed: overcomes dataset bias (better than BCQ on biased data)",
                   [value > 0 for value in better.values()],
                   f"pooled return of a single design minus BCQ's: {listed(better)}")


def conditioned(rows: Rows) -> dict[str, str]:
    """Conditioning helps: asking for high returns gains on every part, the interval over seeds above zero."""
    gains = {row["subset"]: row["gain_of_showing_the_return"] for row in rows if row["method"] == DIFFUSER}
    sure = [value["mean"] > 0 if value["low"] is None else value["low"] > 0 for value in gains.values()]
    return decided("Proposed: conditioning on the return helps to overcome dataset bias", sure,
                   "pooled return gained by asking a single design for a high return, against the return hidden: "
                   + ", ".join(f"{spelled(name)} {interval(value)}" for name, value in gains.items()))


def diverse(rows: Rows) -> dict[str, str]:
    """The diffuser too needs large and diverse data: every part of the dataset costs it HURT or more."""
    lost = {name: loss(rows, DIFFUSER, name) for name in (*biased(rows), SMALL)}
    return decided("Proposed: requires large and diverse datasets", [value >= HURT for value in lost.values()],
                   f"pooled return lost against the whole dataset: {listed(lost)} (harm from {HURT})")


def beyond_data(rows: Rows) -> dict[str, str]:
    """Learning is more than memory: a single design beats the best design of its own data on every part."""
    better = {row["subset"]: float(row["normalised_return_pooled"]["mean"]) - score(rows, "best_training_design",
                                                                          row["subset"])
              for row in rows if row["method"] == DIFFUSER}
    return decided("Proposed: designs better than any in its data", [value > 0 for value in better.values()],
                   f"pooled return minus that of the best training design, found by simulation: {listed(better)}")


# --- reading rows ----------------------------------------------------------------------------------------------------

def biased(rows: Rows) -> list[str]:
    """Return the parts that were not drawn evenly."""
    return [name for name in dict.fromkeys(str(row["subset"]) for row in rows) if name not in (WHOLE, SMALL)]


def score(rows: Rows, method: str, subset: str) -> float:
    """Return a method's pooled return after learning a part of the data."""
    return next(float(row["normalised_return_pooled"]["mean"]) for row in rows
                if row["method"] == method and row["subset"] == subset)


def loss(rows: Rows, method: str, subset: str) -> float:
    """Return what learning a part instead of the whole costs a method."""
    return score(rows, method, WHOLE) - score(rows, method, subset)


def listed(values: Mapping[str, float]) -> str:
    """Return values by name."""
    return ", ".join(f"{spelled(name)} {value:+.4f}" for name, value in values.items())


def interval(value: Mapping[str, Any]) -> str:
    """Return a mean with its interval over seeds, where there are several."""
    ends = "" if value["low"] is None else f" [{value['low']:+.4f}, {value['high']:+.4f}]"
    return f"{value['mean']:+.4f}{ends}"


def spelled(name: str) -> str:
    """Return a name as readers see it."""
    return name.replace("_", " ")
