"""The page's section on rate utility, from the content of rate.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from studies.markdown import by_name, listing, table


def rate(content: Mapping[str, Any]) -> str:
    """Return verdict, cases and notes."""
    parts = [f"- verdict: {content['verdict']}", "### Cases"]
    for number, values in enumerate(content["cases"], start=1):
        parts += [f"#### {number}", *case(values)]
    return "\n\n".join([*parts, "### Notes", "\n".join(f"- {note}" for note in content["notes"])])


def case(values: Mapping[str, Any]) -> list[str]:
    """Return the parts of a case: what it is, its verdict, and a table or list for each kind of figure."""
    flat = pd.json_normalize(values["budgets"], sep=" ").dropna(axis="columns", how="all").astype(object)
    budgets: list[Any] = flat.where(flat.notna(), None).to_dict("records")
    points = sum(map(len, values["methods"].values()))
    bodies = {
        "best_known_by": listing(values["best_known_by"]),
        "budgets": table(budgets),
        "landscape": listing(values["landscape"]),
        "methods": f"{points} rows; they stand in the JSON file and are drawn in the plot.",
        "proof": listing(values["proof"]) if values["proof"] else "",
        "starts_needed": by_name(values["starts_needed"])}
    return [listing({name: value for name, value in values.items() if name not in bodies or value is None}),
            *(f"##### {name.replace('_', ' ').capitalize()}\n\n{body}" for name, body in bodies.items() if body)]
