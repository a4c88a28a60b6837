"""The front as a figure: two objectives against each other, or more side by side.

Axes: K designs, J objectives.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aign.designs.front import Front

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"


def draw(front: Front, title: str = "") -> Figure:
    """Return a scatter of two objectives, or parallel coordinates of more, of the designs that meet the request."""
    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    axes = figure.gca()
    (scatter if len(front.objectives) == 2 else parallel)(axes, front)
    axes.set_title(title, fontsize=9, wrap=True)
    axes.legend(fontsize=8)
    return figure


def scatter(axes: Axes, front: Front) -> None:
    """Draw every generated design, the front among them as a line, and what the search knows."""
    values, places = front.values.numpy(), list(front.places)
    others = [place for place in range(len(values)) if bool(front.feasible[place]) and place not in places]
    axes.scatter(*values[others].T, color=SOFT, label="generated")
    line = values[places][values[places][:, 0].argsort()]
    axes.plot(*line.T, "-o", color=INK, linewidth=0.8, label="front of the generated designs")
    if front.searched:
        axes.scatter(*np.array([point.values for point in front.searched]).T, color=ACCENT, marker="x",
                     label="known to the search")
    axes.set(xlabel=str(front.objectives[0]), ylabel=str(front.objectives[1]))


def parallel(axes: Axes, front: Front) -> None:
    """Draw a line for each design across one axis an objective, each scaled to its own range, the better end above."""
    values = front.values.numpy()
    searched = np.array([point.values for point in front.searched]).reshape(-1, values.shape[1])
    shown = np.concatenate([values[front.feasible.numpy()], searched])
    low, high = (shown.min(axis=0), shown.max(axis=0)) if len(shown) else (values.min(axis=0), values.max(axis=0))
    better = np.array([-1.0 if objective.lower else 1.0 for objective in front.objectives])

    def lines(rows: NDArray[np.float64], colour: str, name: str) -> None:
        share = (rows - low) / np.where(high > low, high - low, 1.0)
        for number, row in enumerate(np.where(better > 0, share, 1 - share)):
            axes.plot(row, color=colour, label=name if number == 0 else None)

    kept = [place for place in range(len(values)) if bool(front.feasible[place]) and place not in front.places]
    lines(values[kept], SOFT, "generated")
    lines(values[list(front.places)], INK, "front of the generated designs")
    lines(searched, ACCENT, "known to the search")
    ends = [f"{objective}\n{bottom:.4g} to {top:.4g}" for objective, bottom, top in zip(
        front.objectives, np.where(better > 0, low, high), np.where(better > 0, high, low), strict=True)]
    axes.set_xticks(range(len(ends)), ends)
    axes.set_yticks([])
