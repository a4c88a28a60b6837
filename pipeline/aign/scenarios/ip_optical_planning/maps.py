"""Maps: the modules of a plan, both layers of a plan, and how many futures need which link.

Axes: L links, F fibre routes, n nodes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from aign.files.writing import writing
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Integers

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
SHARE = ScalarMappable(Normalize(0.0, 1.0), "viridis_r")
"""Colours of the share of futures."""
WIDEST = 7.0
"""Width of the widest line [points]."""
FEWEST = 4.0
"""Modules to which the widest line belongs where no link has more."""
NAMED = 20
"""Nodes of the largest network whose nodes are named."""


def plan_map(topology: Topology, modules: Floats, title: str) -> Figure:
    """Return the map of a plan (L,): width and number are modules, dashed links have none."""
    figure, (axes,) = _figure(topology, 1, title)
    draw_links(axes, topology, topology.ends, modules, np.where(modules > 0, ACCENT, SOFT),
               [f"{count:g}" if count else "" for count in modules])
    return figure


def layers_map(topology: Topology, ends: Integers, direct: Flags, modules: Floats, pairs: Floats,
               title: str) -> Figure:
    """Return the maps of both layers: lightpaths (L,) between `ends` (L, 2), and lit fibre pairs (F,) below.

    Args:
        topology: the fibre routes.
        ends: (L, 2) nodes that each candidate joins.
        direct: (L,) whether it runs over one fibre route only; the others pass nodes by.
        modules: (L,) lightpaths of each candidate.
        pairs: (F,) lit fibre pairs.
        title: above both.
    """
    figure, (above, below) = _figure(topology, 2, title)
    used = modules > 0
    draw_links(above, topology, ends[used], modules[used], np.where(direct[used], SOFT, ACCENT),
               [f"{count:g}" for count in modules[used]], bent=True)
    above.set_title("IP layer: lightpaths (red ones pass nodes by)")
    draw_links(below, topology, topology.ends, pairs, np.where(pairs > 0, INK, SOFT),
               [f"{count:g}" if count else "" for count in pairs])
    below.set_title("optical layer: lit fibre pairs")
    return figure


def survey_map(topology: Topology, needed: Floats, mean: Floats, high: Floats, title: str) -> Figure:
    """Return the map of a survey: colour is the share of futures that need a link (L,), width their mean modules (L,),
    the number what 95 of 100 futures are content with (L,).
    """
    figure, (axes,) = _figure(topology, 1, title)
    draw_links(axes, topology, topology.ends, mean, SHARE.to_rgba(needed), [f"{count:g}" for count in high])
    figure.colorbar(SHARE, ax=axes, label="share of the futures that need the link", shrink=0.8)
    return figure


def draw_links(axes: Axes, topology: Topology, ends: Integers, amount: Floats, colours: np.ndarray[tuple[int, ...],
               np.dtype[np.generic]], texts: list[str], bent: bool = False) -> None:
    """Draw links (L,) as lines as wide as their amount, dashed where it is 0, each with its text in the middle.

    Lines between the same two nodes lie beside each other where they are `bent`.
    """
    places = topology.position[ends]
    middle = places.mean(1)
    if bent:
        across = (places[:, 1] - places[:, 0])[:, ::-1] * np.array([-1.0, 1.0])
        seen: dict[tuple[int, int], int] = {}
        for row, pair in enumerate(map(tuple, np.sort(ends, 1).tolist())):
            seen[pair] = seen.get(pair, 0) + 1
            middle[row] += across[row] * 0.12 * (seen[pair] // 2) * (-1) ** seen[pair]
    lines = np.stack([places[:, 0], middle, places[:, 1]], 1)
    widths = 0.8 + (WIDEST - 0.8) * amount / max(FEWEST, float(amount.max(initial=0.0)))
    axes.add_collection(LineCollection(list(lines), colors=colours.tolist(), linewidths=widths, capstyle="round",
                                       linestyles=["-" if value > 0 else ":" for value in amount], zorder=1))
    for place, text in zip(middle, texts, strict=True):
        if text:
            axes.annotate(text, place, fontsize=7, color=INK, ha="center", va="center", zorder=3, bbox={
                "boxstyle": "round,pad=0.12", "facecolor": "white", "linewidth": 0.3})


def save(figure: Figure, path: Path) -> None:
    """Write a PNG file, whole or not at all: equal content is equal bytes."""
    with writing(path) as aside:
        figure.savefig(aside, dpi=90, format="png", metadata={"Software": None})


def _figure(topology: Topology, count: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with maps that show the nodes."""
    figure = Figure(figsize=(7.5 * count, 6), layout="constrained")
    maps = list(np.atleast_1d(figure.subplots(1, count)))
    on_earth = bool((np.abs(topology.position) <= (180.0, 90.0)).all())  # some published networks lie in a plane
    middle = float(np.deg2rad(topology.position[:, 1].mean())) if on_earth else 0.0
    for axes in maps:
        axes.scatter(topology.position[:, 0], topology.position[:, 1], s=14, color=INK, zorder=2)
        axes.set(xlabel="longitude [degree]" if on_earth else "", ylabel="latitude [degree]" if on_earth else "",
                 aspect=1 / max(0.1, np.cos(middle)))
        for name, place in zip(topology.nodes, topology.position, strict=True):
            if topology.size <= NAMED:
                axes.annotate(name, place, xytext=(4, 4), textcoords="offset points", fontsize=6, color=INK, zorder=4,
                              bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.7, "linewidth": 0})
    figure.suptitle(title)
    return figure, maps
