"""Pictures of designs: utility contours with the path for two users, bars of power and rate otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core import DesignScenario
from aign.scenarios.power_allocation.physics import P_MAX, rates

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"


def draw(scenario: DesignScenario[Any], context: Tensor, path: Tensor, title: str) -> Figure:
    """Return the figure for context (C,) and path (T+1, N)."""
    if scenario.parameters.users == 2:
        return contours(scenario, context, path, title)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    powers_axes, rates_axes, path_axes = figure.subplots(1, 3)
    user = np.arange(1, scenario.parameters.users + 1)
    powers_axes.bar(user, path[-1].numpy(), color=SOFT)
    powers_axes.set(xlabel="user", ylabel="power [level]", title="design", ylim=(0, P_MAX))
    rate = rates(context[None], path[-1:])[0].numpy()
    rates_axes.bar(user, rate, color=INK)
    rates_axes.set(xlabel="user", ylabel="rate [Mbit/s]", title="what each user gets")
    climb(scenario, context, path, path_axes)
    figure.suptitle(title)
    return figure


def contours(scenario: DesignScenario[Any], context: Tensor, path: Tensor, title: str) -> Figure:
    """Return utility contours over the 41 x 41 grid with the path and its end (the paper's Fig. 3)."""
    level = torch.arange(P_MAX + 1.0)
    grid = torch.cartesian_prod(level, level)
    value = scenario.utility(context.expand(len(grid), -1), grid).reshape(P_MAX + 1, P_MAX + 1).T
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    map_axes, path_axes = figure.subplots(1, 2, width_ratios=(1.25, 1))
    top = float(value.max())
    drawn = map_axes.contourf(level, level, value.clamp_min(top - 30), levels=np.linspace(top - 30, top, 25),
                              cmap="Blues")
    near = [top - 1, top - 0.3, top - 0.1, top - 0.02]
    map_axes.contour(level, level, value, levels=near, colors="white", linewidths=0.8)
    figure.colorbar(drawn, ax=map_axes, label="utility")
    map_axes.plot(path[:, 0], path[:, 1], "-o", color=ACCENT, markersize=4, label="generated path")
    best = int(value.T.reshape(-1).argmax())
    map_axes.plot(*grid[best].tolist(), marker="*", markersize=16, color="gold", markeredgecolor=INK, linestyle="none",
                  label="optimum, by exhaustive search")
    map_axes.set(xlabel="power of user 1 [level]", ylabel="power of user 2 [level]")
    map_axes.legend(loc="lower right")
    climb(scenario, context, path, path_axes)
    figure.suptitle(title)
    return figure


def climb(scenario: DesignScenario[Any], context: Tensor, path: Tensor, axes: Axes) -> None:
    """Draw the utility along the path, and the certified optimum."""
    utility = scenario.utility(context.expand(len(path), -1), path)
    axes.plot(range(len(path)), utility, "-o", color=ACCENT, markersize=4, label="path")
    certificate = scenario.certify(context[None])
    axes.axhline(float(certificate.utility[0]), color=INK, linestyle="--", linewidth=1, label=str(certificate.kind))
    axes.set(xlabel="step", ylabel="utility", title="the way there")
    axes.legend(loc="lower right")
