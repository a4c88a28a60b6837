"""A design on the map: what links carry, what nodes cache, at which bitrates their streams come, and the way there."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.drawing import ACCENT, INK, SOFT, draw_utility, panels
from aign.scenarios.video_delivery.catalogue import BITRATES
from aign.scenarios.video_delivery.delivery import DeliveryNetwork

LOADS = ScalarMappable(Normalize(0.0, 1.0), "YlOrRd")
"""Colours of load over capacity."""
NOT_SERVED = "#c8ccd4"


def draw(network: DeliveryNetwork, context: Tensor, design: Tensor, utility: Tensor, certificate: Certificate,
         title: str) -> Figure:
    """Return the figure of a design (X,) in a context (C,), with the utility (T+1,) along the path to it."""
    figure, (place, served, way) = panels(title, (15, 5), columns=3, width_ratios=(1.5, 1, 0.8))
    delivery = network.simulate(context[None], design[None])
    _draw_map(place, network, delivery.load[0].numpy() / network.parameters.capacity, design)
    figure.colorbar(LOADS, ax=place, label="load over capacity", shrink=0.8)
    _draw_streams(served, network, delivery.streams[0].numpy(), design)
    draw_utility(way, utility, certificate)
    return figure


def _draw_map(axes: Axes, network: DeliveryNetwork, load: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
              design: Tensor) -> None:
    """Draw links as wide as their load and, beside each node, the classes it caches; the origin is a square."""
    topology, paths = network.topology, network.paths
    for link, ends in enumerate(topology.ends):
        east, north = topology.position[ends].T
        axes.plot(east, north, color=LOADS.to_rgba(load[link]), linewidth=1 + 6 * load[link], zorder=1)
    cached = network.split(design[None]).cached[0].tolist()
    for node, name in enumerate(topology.nodes):
        edge = (paths.edges == node).nonzero()[:, 0].tolist()
        held = [str(kind + 1) for kind, there in enumerate(cached[edge[0]]) if there] if edge else ["all"]
        place, colour = topology.position[node], INK if held else SOFT
        axes.scatter(place[0], place[1], s=30 if edge else 90, marker="o" if edge else "s", color=colour, zorder=2)
        axes.annotate(f"{name}: {','.join(held) or '-'}", place, xytext=(4, 4), textcoords="offset points", fontsize=7,
                      color=INK if edge else ACCENT, zorder=3, bbox={"boxstyle": "square,pad=0.1", "alpha": 0.7,
                                                                     "facecolor": "white", "linewidth": 0})
    middle = float(np.deg2rad(topology.position[:, 1].mean()))
    axes.set(xlabel="longitude [degree]", ylabel="latitude [degree]", aspect=1 / max(0.1, np.cos(middle)),
             title=f"{topology.name}: classes of titles that each node caches")


def _draw_streams(axes: Axes, network: DeliveryNetwork, streams: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
                  design: Tensor) -> None:
    """Draw each node's streams as a bar, by bitrate."""
    level = network.split(design[None]).level[0].numpy()
    names = [network.topology.nodes[node] for node in network.paths.edges.tolist()]
    left = np.zeros(len(names))
    colours = [NOT_SERVED, *(LOADS.cmap(share) for share in (0.2, 0.5, 0.85))]
    for number, (rate, colour) in enumerate(zip(BITRATES, colours, strict=True)):
        width = (streams * (level == number)).sum(1)
        axes.barh(names, width, left=left, color=colour, label=f"{rate:g} Mbit/s" if rate else "not served")
        left = left + width
    axes.set(xlabel="thousand streams", title="streams by bitrate")
    axes.legend(fontsize=7)
