"""Convergence: quality of single designs against gradient steps, seconds and environment steps, over seeds.

Every learner is scored alike: the pooled return on the same 64 validation contexts, one design each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from studies.figures import save

AXES = {"gradient_steps": "gradient steps", "seconds": "seconds of training, one process",
        "environment_steps": "environment steps"}
ONLINE = ("sac", "ppo")
COLOURS = {"sac": "#7a9cc6", "ppo": "#1f2a44", "bcq": "#e09f3e", "unet": "#d1495b", "set": "#2a9d8f"}
NAMES = {"sac": "SAC (online)", "ppo": "PPO (online)", "bcq": "BCQ (offline)", "unet": "diffuser, temporal U-Net",
         "set": "diffuser, users as a set (one model for all numbers of users)"}
GOALS = (0.95, 0.98, 0.99)
"""Pooled returns whose first reaching is timed."""
SMALLEST = 1e-4
"""Smallest gap a logarithmic axis shows."""
Curve = Sequence[Mapping[str, Any]]


def quality(point: Mapping[str, Any], users: int) -> float:
    """Return a point's pooled return at a number of users; a model for several has a figure for each.

    NaN where a broken policy has none.
    """
    value = point.get(f"normalised_return_pooled_{users}_users", point.get("normalised_return_pooled"))
    return math.nan if value is None else float(value)


def reached(curve: Curve, users: int, goal: float, axis: str) -> float | None:
    """Return where a curve first reaches a quality; None where it never does, or has no such axis."""
    return next((float(point[axis]) for point in curve
                 if quality(point, users) >= goal and point.get(axis) is not None), None)


def steadiness(curve: Curve, users: int) -> float:
    """Return the largest fall of the quality below the best before it, after its first point."""
    values = [quality(point, users) for point in curve]
    return max((max(values[:index + 1]) - value for index, value in enumerate(values)), default=0.0)


def summary(curves: Mapping[str, Mapping[int, Sequence[Curve]]]) -> list[dict[str, Any]]:
    """Return one row a method and number of users: where its seeds reach each goal, and how steadily; `curves`: method
    -> number of users -> one curve a seed.
    """
    rows = []
    for method, sizes in curves.items():
        for users, seeds in sizes.items():
            goals = {str(goal): {axis: typical([reached(curve, users, goal, axis) for curve in seeds])
                                 for axis in AXES} for goal in GOALS}
            rows.append({"method": method, "users": users, "seeds": len(seeds), "reached": goals,
                          "final": fmean([quality(curve[-1], users) for curve in seeds]),
                          "largest_fall": max(steadiness(curve, users) for curve in seeds)})
    return rows


def typical(places: Sequence[float | None]) -> float | None:
    """Return the mean place; None where one of the seeds never gets there."""
    there = [place for place in places if place is not None]
    return fmean(there) if there and len(there) == len(places) else None


def draw(curves: Mapping[str, Mapping[int, Sequence[Curve]]], users: Sequence[int], path: Path) -> None:
    """Draw a row for each number of users and a column for each axis; a line is the mean, a band all seeds."""
    figure = Figure(figsize=(13, 3.2 * len(users) + 0.6), layout="constrained")
    grid = figure.subplots(len(users), len(AXES), squeeze=False, sharey="row")
    for row, size in zip(grid, users, strict=True):
        for axes, (axis, label) in zip(row, AXES.items(), strict=True):
            for method, sizes in curves.items():
                if size in sizes:
                    _line(axes, sizes[size], size, method, axis)
            axes.set(xscale="log", yscale="log", xlabel=label)
            axes.xaxis.set_minor_formatter(NullFormatter())  # they overlap where the range is short
            axes.grid(alpha=0.3)
        row[0].set_ylabel(f"{size} users\ngap, 1 - pooled return")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    save(figure, path)


def _line(axes: Axes, seeds: Sequence[Curve], users: int, method: str, axis: str) -> None:
    """Add one method: its seeds' mean and range; a single mark where all its data were there before it began."""
    count = min(map(len, seeds))
    gaps = np.array([[max(SMALLEST, 1 - quality(point, users)) for point in curve[:count]] for curve in seeds])
    style: dict[str, Any] = {"color": COLOURS.get(method, "#555555"), "label": NAMES.get(method, method)}
    if axis == "environment_steps" and method not in ONLINE:
        axes.plot([seeds[0][-1][axis]], [gaps[:, -1].mean()], "D", markersize=6, **style)
        return
    timed = [curve for curve in seeds if curve[0].get(axis) is not None]
    if not timed:
        return
    places = np.array([[point[axis] for point in curve[:count]] for curve in timed], dtype=float).mean(axis=0)
    axes.plot(places, gaps.mean(axis=0), "-o", markersize=2.5, **style)
    axes.fill_between(places, gaps.min(axis=0), gaps.max(axis=0), color=style["color"], alpha=0.2, linewidth=0)
