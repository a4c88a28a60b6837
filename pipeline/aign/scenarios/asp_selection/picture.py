"""Who ran what, and how full each provider was.

Axes: J providers, T tasks, S observed values, Z state values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from aign.scenarios.asp_selection.providers import Fleet, runtime

if TYPE_CHECKING:
    from aign.scenarios.asp_selection.scenario import AspSelection

HOUR = 3600.0
COLOURS = colormaps["viridis"]
CRASHED = "#c0392b"


def draw(scenario: AspSelection, context: Tensor, path: Tensor, title: str) -> Figure:
    """Draw the free shares along a path as a heat map, and above it the tasks if the path's states tell of them.

    Args:
        scenario: whose network it is.
        context: (C,).
        path: (t+1, Z) states of the first t steps, or (t+1, S) the observed part of them.
        title: of the figure.
    """
    context, path = context.cpu(), path.cpu()
    whole = path.shape[1] > scenario.state_size
    figure = Figure(figsize=(9, 7 if whole else 3.5), layout="constrained")
    axes = figure.subplots(2 if whole else 1, 1, squeeze=False, sharex=True)[:, 0]
    figure.suptitle(title)
    if whole:
        _tasks(scenario, axes[0], context, path)
    _occupancy(scenario, axes[-1], context, path)
    axes[-1].set_xlabel("time [h]")
    axes[-1].yaxis.get_major_locator().set_params(integer=True)
    return figure


def _occupancy(scenario: AspSelection, axes: Axes, context: Tensor, path: Tensor) -> None:
    arrivals = scenario.tasks_of(context[None])[0][0].numpy() / HOUR
    used = 1.0 - path[:, :scenario.size].double().numpy().T
    moments = arrivals[np.minimum(np.arange(len(path)), len(arrivals) - 1)]
    edges = np.append(moments, moments[-1] + 1.0)
    image = axes.pcolormesh(edges, np.arange(scenario.size + 1), used, vmin=0, vmax=1, cmap="magma")
    axes.figure.colorbar(image, ax=axes, label="share of capacity in use")
    axes.set_ylabel("provider")


def _tasks(scenario: AspSelection, axes: Axes, context: Tensor, path: Tensor) -> None:
    """Draw each task as a box as long as it ran and as high as its demand; a line marks the capacity.

    Boxes lie in the lowest gap that holds them, so they may reach above the line: several gaps may hold one.
    """
    fleet = scenario.fleet_of(context[None])
    boxes, crashes = _boxes(scenario, context, path, fleet)
    scale = scenario.largest
    for start, length, provider, foot, height, utility in boxes:
        axes.add_patch(Rectangle((start / HOUR, provider + foot / scale), length / HOUR, height / scale,
                                 facecolor=COLOURS(utility), linewidth=0))
    for provider, capacity in enumerate(fleet.capacity[0].tolist()):
        axes.hlines(provider + capacity / scale, 0, scenario.tasks_of(context[None])[0][0, -1] / HOUR, color="grey",
                    linewidth=0.6)
    if crashes:
        times, providers = zip(*crashes, strict=True)
        axes.plot(np.array(times) / HOUR, np.array(providers) + 0.5, "x", color=CRASHED, label="crash")
        axes.legend(loc="upper right")
    axes.figure.colorbar(ScalarMappable(Normalize(0, 1), COLOURS), ax=axes, label="utility")
    axes.set(ylabel="provider, demand up to its capacity", ylim=(0, scenario.size))


Box = tuple[float, float, int, float, float, float]
"""Start [s], length [s], provider, foot and height in units of demand, utility."""


def _boxes(scenario: AspSelection, context: Tensor, path: Tensor,
           fleet: Fleet) -> tuple[list[Box], list[tuple[float, int]]]:
    """Return a box for each task that ran, cut off where its provider crashed, and the crashes (time [s], provider)."""
    arrivals, demands = (values[0].double() for values in scenario.tasks_of(context[None]))
    decisions, steps = scenario.design_of(path[-1:])[0].long(), int(scenario.parts(path[-1:])[2][0])
    last_crash = scenario.parts(path)[1][:, -scenario.size:]
    running: dict[int, list[list[float]]] = {provider: [] for provider in range(scenario.size)}
    boxes: list[Box] = []
    crashes: list[tuple[float, int]] = []
    for task in range(steps):
        now, provider, demand = float(arrivals[task]), int(decisions[task]), float(demands[task])
        there = [one for one in running[provider] if one[1] > now]
        if int(last_crash[min(task + 1, len(path) - 1), provider]) == task:
            crashes.append((now, provider))
            boxes = [(box[0], min(box[1], now - box[0]), *box[2:]) if box[2] == provider else box for box in boxes]
            running[provider] = []
            continue
        foot = _gap(there, demand)
        length = float(runtime(demand))
        running[provider] = [*there, [now, now + length, foot, demand]]
        utility = float(fleet.utility(demands[task:task + 1])[0, provider])
        boxes.append((now, length, provider, foot, demand, utility))
    return boxes, crashes


def _gap(running: list[list[float]], demand: float) -> float:
    """Return the lowest foot at which a box of this height overlaps none of those running."""
    foot = 0.0
    for _, _, low, height in sorted(running, key=lambda one: one[2]):
        if foot + demand <= low:
            break
        foot = max(foot, low + height)
    return foot
