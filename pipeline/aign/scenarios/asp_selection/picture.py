"""Who ran what, and how full each provider was."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from aign.scenarios.asp_selection.providers import runtime
from aign.scenarios.asp_selection.simulation import Schedule
from aign.scenarios.core.drawing import ACCENT, panels

HOUR = 3600.0
COLOURS = colormaps["viridis"]


class Box(NamedTuple):
    """A task that ran: start and length [s], provider, foot and height in units of demand, utility."""

    start: float
    length: float
    provider: int
    foot: float
    height: float
    utility: float


def draw(schedule: Schedule, title: str) -> Figure:
    """Draw the capacity in use over time as a heat map, and above it the tasks where the decisions are known."""
    with_tasks = schedule.decisions is not None
    figure, axes = panels(title, (9, 7 if with_tasks else 3.5), rows=2 if with_tasks else 1, sharex=True)
    if with_tasks:
        _tasks(schedule, axes[0])
    _occupancy(schedule, axes[-1])
    axes[-1].set_xlabel("time [h]")
    for each in axes:
        each.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _occupancy(schedule: Schedule, axes: Axes) -> None:
    arrivals, used = schedule.workload.arrivals[0].numpy() / HOUR, 1.0 - schedule.free.double().numpy()
    moments = arrivals[np.minimum(np.arange(len(used)), len(arrivals) - 1)]
    edges = np.append(moments, moments[-1] + 1.0)
    image = axes.pcolormesh(edges, np.arange(used.shape[1] + 1), used.T, vmin=0, vmax=1, cmap="magma")
    axes.figure.colorbar(image, ax=axes, label="share of capacity in use")
    axes.set_ylabel("provider")


def _tasks(schedule: Schedule, axes: Axes) -> None:
    """Draw each task as a box as long as it ran and as high as its demand; a line marks the capacity.

    Boxes lie in the lowest gap that holds them, so they may reach above the line: several gaps may hold one task.
    """
    boxes, crashes = boxes_and_crashes(schedule)
    scale, capacity = schedule.largest, schedule.workload.fleet.capacity[0].tolist()
    for box in boxes:
        axes.add_patch(Rectangle((box.start / HOUR, box.provider + box.foot / scale), box.length / HOUR,
                                 box.height / scale, facecolor=COLOURS(box.utility), linewidth=0))
    for provider, most in enumerate(capacity):
        axes.hlines(provider + most / scale, 0, schedule.workload.arrivals[0, -1] / HOUR, color="grey", linewidth=0.6)
    if crashes:
        times, providers = zip(*crashes, strict=True)
        axes.plot(np.array(times) / HOUR, np.array(providers) + 0.5, "x", color=ACCENT, label="crash")
        axes.legend(loc="upper right")
    axes.figure.colorbar(ScalarMappable(Normalize(0, 1), COLOURS), ax=axes, label="utility")
    axes.set(ylabel="provider, demand up to its capacity", ylim=(0, len(capacity)))


def boxes_and_crashes(schedule: Schedule) -> tuple[list[Box], list[tuple[float, int]]]:
    """Return a box for each task that ran, cut off where its provider crashed, and the crashes (time [s], provider)."""
    workload, last = schedule.workload, len(schedule.free) - 1
    if schedule.decisions is None or schedule.crashed is None:
        return [], []
    boxes: list[Box] = []
    crashes: list[tuple[float, int]] = []
    for task, provider in enumerate(schedule.decisions.tolist()):
        now, demand = float(workload.arrivals[0, task]), workload.demands[:, task].double()
        if int(schedule.crashed[min(task + 1, last), provider]) == task:
            crashes.append((now, provider))
            boxes = [box._replace(length=min(box.length, now - box.start)) if box.provider == provider else box
                     for box in boxes]
            continue
        foot = 0.0
        for box in sorted((box for box in boxes if box.provider == provider and box.start + box.length > now),
                          key=lambda box: box.foot):
            if foot + float(demand) <= box.foot:
                break
            foot = max(foot, box.foot + box.height)
        utility = float(workload.fleet.utility(demand)[0, provider])
        boxes.append(Box(now, float(runtime(demand)), provider, foot, float(demand), utility))
    return boxes, crashes
