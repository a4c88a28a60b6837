"""Table I with certificates: one row a method, number of users and kind of gains, over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from studies.comparison import CERTIFIED, ROUNDED, over_seeds

PAPER = {"sac": {20: 254.04, 50: 488.90, 80: 632.89},
         "bcq": {20: 254.16, 50: 489.08, 80: 632.59},
         "diffuser_unet": {20: 254.15, 50: 489.02, 80: 633.02}}
"""Table I of the AIGN paper (Huang et al.), "best reward values": one figure each, without optimum, seeds or spread."""
COSTS = {"sac": "sac", "ppo": "ppo", "bcq": "bcq", "diffuser_unet": "unet", "diffuser_set": "set",
         "best_training_design": "training_designs"}
"""What each learned method was trained as, by the start of its name."""
BOUNDS = (CERTIFIED, ROUNDED)
"""Rows that compete with nobody: the bound itself, and the design the certificate comes with."""
RETURN, PLAIN = "normalised_return_pooled", "normalised_return"
"""By what rows are ranked; what earlier programs recorded: plain means over contexts."""
Row = Mapping[str, Any]
Compared = Mapping[tuple[int, str], Sequence[Row]]
"""(number of users, gains) -> what the comparison of each seed found."""


def rows(compared: Compared, costs: Mapping[tuple[str, int], Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """Return the rows of table1.json; `costs`: (what was trained, users) -> training_seconds, environment_steps."""
    free = {"training_seconds": 0.0, "environment_steps": 0}
    return [{"users": users, "gains": gains, "method": method, **over_seeds(figures),
             "paper": paper(method, users) if gains == "preset" else None,
             **costs.get((trained_as(method), users), free), "milliseconds_per_design": milliseconds(figures)}
            for users, gains, method, figures in by_method(compared)]


def by_method(compared: Compared) -> Iterator[tuple[int, str, str, list[Row]]]:
    """Yield number of users, gains, method, and the method's figures of each seed."""
    for (users, gains), seeds in compared.items():
        for method in seeds[0]["methods"]:
            yield users, gains, method, [run["methods"][method] for run in seeds]


def details(compared: Compared) -> list[dict[str, Any]]:
    """Return what the rows leave out: the spread over contexts, and the worst of them."""
    table = []
    for users, gains, method, figures in by_method(compared):
        ratios = [values["utility_ratio"] for values in figures]
        table.append({
            "users": users, "gains": gains, "method": method, "contexts": compared[users, gains][0]["contexts"],
            "ratio_by_seed": [ratio["mean"] for ratio in ratios],
            "ratio_interval_over_contexts": [{"low": ratio["mean_low"], "high": ratio["mean_high"]}
                                             for ratio in ratios],
            "ratio_q05": fmean(ratio["q05"] for ratio in ratios),
            "ratio_worst": min(ratio["worst"] for ratio in ratios),
            "normalised_return_pooled_worst": min(values[RETURN]["worst"] for values in figures)})
    return table


def trained_as(method: str) -> str:
    """Return what a method was trained as; the name itself where it was not trained."""
    return next((kind for start, kind in COSTS.items() if method.startswith(start)), method)


def paper(method: str, users: int) -> float | None:
    """Return the figure the paper prints for a method; None where it prints none."""
    return next((figures for start, figures in PAPER.items() if method.startswith(start)), {}).get(users)


def milliseconds(figures: Sequence[Row]) -> float:
    """Return the mean time of a design with three digits: more are noise."""
    return float(f"{fmean(values['milliseconds_per_design'] for values in figures):.3g}")


def competing(table: Sequence[Row]) -> list[Row]:
    """Return the rows that compete, the best first."""
    return [row for row in ranked(table) if row["method"] not in BOUNDS]


def ranked(table: Sequence[Row]) -> list[Row]:
    """Return rows by falling return."""
    return sorted(table, key=lambda row: -float(row[measure(row)]["mean"]))


def measure(row: Row) -> str:
    """Return the key of a row's return, as it was recorded."""
    return RETURN if RETURN in row else PLAIN


def block(table: Sequence[Row], users: int, gains: str) -> list[Row]:
    """Return the rows of one number of users and kind of gains, the best first."""
    return ranked([row for row in table if (row["users"], row["gains"]) == (users, gains)])


def find(table: Sequence[Row], users: int, gains: str, method: str) -> Row:
    """Return one row; KeyError where there is none."""
    for row in block(table, users, gains):
        if row["method"] == method:
            return row
    raise KeyError(f"{users} users, {gains} gains, {method}")
