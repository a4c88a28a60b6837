"""Table I with certificates: one row a method, number of users and kind of gains, over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aign.studies.comparison import CERTIFIED, ROUNDED
from aign.studies.intervals import mean, over_seeds

PAPER = {"sac": {20: 254.04, 50: 488.90, 80: 632.89},
         "bcq": {20: 254.16, 50: 489.08, 80: 632.59},
         "diffuser_unet": {20: 254.15, 50: 489.02, 80: 633.02}}
"""Table I of the AIGN paper (Huang et al.), "best reward values": one figure each, without optimum, seeds or spread."""
COSTS = {"sac": "sac", "ppo": "ppo", "bcq": "bcq", "diffuser_unet": "unet", "diffuser_set": "set",
         "best_training_design": "memory"}
"""What each learned method was trained as, by the start of its name."""
BOUNDS = (CERTIFIED, ROUNDED)
"""Rows that compete with nobody: the yardstick, and the design the certificate comes with."""


def rows(compared: Mapping[tuple[int, str], Sequence[Mapping[str, Any]]],
         costs: Mapping[tuple[str, int], Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """Return the rows of table1.json.

    Args:
        compared: (number of users, gains) -> what the comparison of each seed found.
        costs: (what was trained, number of users) -> training_seconds and environment_steps.
    """
    found = []
    for (users, gains), seeds in compared.items():
        for method in seeds[0]["methods"]:
            figures = [one["methods"][method] for one in seeds]
            cost = costs.get((trained_as(method), users), {"training_seconds": 0.0, "environment_steps": 0})
            found.append({
                "users": users, "gains": gains, "method": method, "seeds": len(seeds),
                "utility": mean([one["utility"] for one in figures]),
                "paper": paper(method, users) if gains == "preset" else None,
                "utility_ratio": over_seeds([one["utility_ratio"]["mean"] for one in figures]),
                "normalised_return_pooled": over_seeds([one["normalised_return_pooled"]["mean"] for one in figures]),
                **cost,
                "milliseconds_per_design": rounded(mean([one["milliseconds_per_design"] for one in figures])),
            })
    return found


def details(compared: Mapping[tuple[int, str], Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return what the rows leave out: the spread over contexts, and the worst of them."""
    found = []
    for (users, gains), seeds in compared.items():
        for method in seeds[0]["methods"]:
            figures = [one["methods"][method] for one in seeds]
            ratios = [one["utility_ratio"] for one in figures]
            found.append({
                "users": users, "gains": gains, "method": method, "contexts": seeds[0]["contexts"],
                "ratio_by_seed": [one["mean"] for one in ratios],
                "ratio_interval_over_contexts": [{"low": one["mean_low"], "high": one["mean_high"]} for one in ratios],
                "ratio_q05": mean([one["q05"] for one in ratios]), "ratio_worst": min(one["worst"] for one in ratios),
                "normalised_return_pooled_worst": min(one["normalised_return_pooled"]["worst"] for one in figures),
            })
    return found


def trained_as(method: str) -> str:
    """Return what a method was trained as; the name itself where it was not trained."""
    return next((kind for start, kind in COSTS.items() if method.startswith(start)), method)


def paper(method: str, users: int) -> float | None:
    """Return the figure the paper prints for a method; None where it prints none."""
    printed = next((figures for start, figures in PAPER.items() if method.startswith(start)), {})
    return printed.get(users)


def rounded(milliseconds: float) -> float:
    """Return a time with three digits: more are noise."""
    return float(f"{milliseconds:.3g}")


def winner(rows_of_block: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the best competing row by pooled return of one number of users and kind of gains."""
    competing = [row for row in rows_of_block if row["method"] not in BOUNDS]
    return max(competing, key=merit)


def block(table: Sequence[Mapping[str, Any]], users: int, gains: str) -> list[Mapping[str, Any]]:
    """Return the rows of one number of users and kind of gains, the best first."""
    chosen = [row for row in table if row["users"] == users and row["gains"] == gains]
    return sorted(chosen, key=merit, reverse=True)


def merit(row: Mapping[str, Any]) -> float:
    """Return by what rows are ranked: the pooled return."""
    return float(row["normalised_return_pooled"]["mean"])


def place(table: Sequence[Mapping[str, Any]], users: int, gains: str, method: str) -> Mapping[str, Any]:
    """Return one row.

    Raises:
        KeyError: there is none.
    """
    for row in table:
        if (row["users"], row["gains"], row["method"]) == (users, gains, method):
            return row
    raise KeyError(f"{users} users, {gains} gains, {method}")
