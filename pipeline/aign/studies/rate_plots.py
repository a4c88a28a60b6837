"""Quality against processor time for the rate study: gap to the best known, log axes, one picture a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from aign.files.writing import writing
from aign.studies.rate_verdict import generates, rows

SMALLEST = 1e-7
"""A gap below this is drawn here: log axes have no zero."""
STYLES = {"gradient_ascent": "#1f77b4", "weighted_mmse": "#2ca02c", "fractional_programming": "#9467bd",
          "coordinate_ascent": "#8c564b"}


def draw(cases: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write rate_<stations>x<users>[-gains]-<request>-<seed>.png for every case."""
    for place, case in enumerate(cases):
        name = f"{case['base_stations']}x{case['users']}-{case['gains']}-{case['seed']}-{place}"
        figure = picture(case)
        with writing(folder / f"rate_{name}.png") as aside:
            figure.savefig(aside, dpi=110, format="png", metadata={"Software": None})


def picture(case: Mapping[str, Any]) -> Figure:
    """Draw one case: mean gap to the best known against milliseconds a context."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for method, points in rows(case).items():
        search = method.removeprefix("diffuser + ")
        colour = STYLES.get(search, "#d62728" if generates(method) else None)
        axes.plot([one["milliseconds"] for one in points],
                  [max(SMALLEST, 1 - one["utility_ratio_mean"]) for one in points],
                  "--s" if generates(method) else "-o", color=colour, markersize=4, label=method)
    request = ", ".join(case["constraints"]) or "no constraints"
    axes.set(xscale="log", yscale="log", xlabel="processor milliseconds a context (batched)",
             ylabel="gap, 1 - mean utility / best known",
             title=f"{case['base_stations']} base stations, {case['users']} users, {case['gains']} gains: {request}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncols=2)
    return figure
