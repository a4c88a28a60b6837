"""A plan on the map: width is modules, colour the utilisation in the worst scenario, dashed links are not lit.

Axes: T steps, L links, n nodes.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import Tensor

from aign.scenarios.ip_optical_planning.layered_problem import LayeredProblem
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.solver.instance import Floats
from aign.scenarios.ip_optical_planning.survivability import Survivability

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
COLOURS, SCALE = "YlOrRd", Normalize(0.0, 1.0)


def draw(problem: Problem, survivability: Survivability, context: Tensor, path: Tensor, title: str) -> Figure:
    """Return the figure of a context (P,) and a path (T+1, L), whose last state is the plan shown."""
    plan = path[-1].double()
    figure = Figure(figsize=(11, 5), layout="constrained")
    map_axes, path_axes = figure.subplots(1, 2, width_ratios=(1.6, 1))
    used = worst_utilisation(problem, survivability, context, plan)
    _map(problem, plan.numpy(), used, f"{problem.topology.name}: modules of each link", map_axes)
    figure.colorbar(ScalarMappable(SCALE, COLOURS), ax=map_axes, label="utilisation in the worst scenario", shrink=0.8)
    _growth(problem, survivability, context, path, path_axes)
    figure.suptitle(title)
    return figure


def draw_layers(problem: LayeredProblem, survivability: Survivability, context: Tensor, path: Tensor,
                title: str) -> Figure:
    """Return the figure of a plan in two layers: lightpaths, fibre pairs below them, and the way there."""
    plan, name = path[-1].double(), problem.topology.name
    figure = Figure(figsize=(15, 5), layout="constrained")
    upper, lower, path_axes = figure.subplots(1, 3, width_ratios=(1.4, 1.4, 1))
    _lightpaths(problem, plan.numpy(), worst_utilisation(problem, survivability, context, plan), upper)
    pairs = problem.pairs(plan[None])[0]
    channels = (plan @ problem.over / (problem.channels * pairs.clamp_min(1))).numpy()
    _map(problem, pairs.numpy(), channels, f"{name}: fibre pairs of each route, colour: channels in use", lower)
    figure.colorbar(ScalarMappable(SCALE, COLOURS), ax=lower, label="utilisation (above: in the worst cut)", shrink=0.8)
    _growth(problem, survivability, context, path, path_axes)
    figure.suptitle(title)
    return figure


def _lightpaths(problem: LayeredProblem, plan: Floats, utilisation: Floats, axes: Axes) -> None:
    """Draw lightpaths as arcs between their ends, bent away from the straight line where they pass nodes."""
    topology, colours = problem.topology, ScalarMappable(SCALE, COLOURS).to_rgba(utilisation)
    for number in np.flatnonzero(plan):
        start, end = (tuple(place) for place in topology.position[problem.lightpaths.ends[number]])
        bend = 0.0 if problem.lightpaths.direct[number] else 0.2
        axes.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-", zorder=1,
                                       color=colours[number], linewidth=0.8 + 0.7 * plan[number]))
    _cities(problem, f"{topology.name}: {plan.sum():g} lightpaths (bent: past nodes)", axes)


def worst_utilisation(problem: Problem, survivability: Survivability, context: Tensor, plan: Tensor) -> Floats:
    """Return the largest load over capacity (L,) of any scenario, each routed with the least overflow."""
    demand, capacity = context.double().numpy(), problem.module * plan.numpy()
    loads = [survivability.route(demand, plan.numpy(), scenario).load for scenario in range(problem.scenarios)]
    worst: Floats = np.max(loads, axis=0) / np.maximum(capacity, 1e-9)
    return np.where(capacity > 0, worst, 0.0)


def _map(problem: Problem, modules: Floats, utilisation: Floats, title: str, axes: Axes) -> None:
    topology = problem.topology
    colours = ScalarMappable(SCALE, COLOURS).to_rgba(utilisation)
    for link, ends in enumerate(topology.ends):
        east, north = topology.position[ends].T
        lit = modules[link] > 0
        axes.plot(east, north, color=colours[link] if lit else SOFT, linewidth=1.0 + modules[link],
                  linestyle="-" if lit else "--", solid_capstyle="round", zorder=1)
        if lit:
            axes.annotate(f"{modules[link]:g}", (east.mean(), north.mean()), fontsize=8, color=INK, ha="center",
                          va="center", bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0.4})
    _cities(problem, title, axes)


def _cities(problem: Problem, title: str, axes: Axes) -> None:
    topology = problem.topology
    axes.scatter(topology.position[:, 0], topology.position[:, 1], s=30, color=INK, zorder=2)
    for name, place in zip(topology.nodes, topology.position, strict=True):
        axes.annotate(name, place, xytext=(4, 4), textcoords="offset points", fontsize=7, color=INK, zorder=3,
                      bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.7, "linewidth": 0})
    middle = float(np.deg2rad(topology.position[:, 1].mean()))
    axes.set(xlabel="longitude [degree]", ylabel="latitude [degree]", aspect=1 / max(0.1, np.cos(middle)),
             title=title)


def _growth(problem: Problem, survivability: Survivability, context: Tensor, path: Tensor, axes: Axes) -> None:
    """Draw how modules and survived scenarios grow along the path."""
    contexts = context.expand(len(path), -1)
    carried = survivability.carried(contexts, path).double().mean(1)
    axes.plot(path.sum(1), "-o", color=SOFT, markersize=4, label="modules")
    axes.set(xlabel="step", ylabel="modules, all links", title="the way there")
    share = axes.twinx()
    share.plot(100 * carried, "-o", color=ACCENT, markersize=4)
    share.set(ylim=(-3, 103))
    share.set_ylabel("scenarios carried [%]", color=ACCENT)
    axes.legend(loc="lower right")
