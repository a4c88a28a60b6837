"""What the pictures of all networks share: colours, a figure of panels, and the utility along a path."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.certificate import Certificate

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"


def panels(title: str, size: tuple[float, float], rows: int = 1, columns: int = 1,
           **layout: Any) -> tuple[Figure, list[Axes]]:
    """Return a titled figure of a size [inch] and its panels, row by row; `layout` goes to `Figure.subplots`."""
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title)
    return figure, list(figure.subplots(rows, columns, squeeze=False, **layout).flat)


def draw_utility(axes: Axes, utility: Tensor, certificate: Certificate) -> None:
    """Draw the utility (T+1,) along a path, and what the certificate of its context states."""
    axes.plot(range(len(utility)), utility, "-o", color=ACCENT, markersize=4, label="path")
    axes.axhline(float(certificate.utility[0]), color=INK, linestyle="--", linewidth=1, label=str(certificate.kind))
    axes.set(xlabel="step", ylabel="utility", title="the way there")
    axes.legend(loc="lower right")
