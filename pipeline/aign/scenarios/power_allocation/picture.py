"""Pictures of designs: utility contours with the path for two users, bars of power and rate otherwise."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.drawing import ACCENT, INK, SOFT, draw_utility, panels
from aign.scenarios.power_allocation.physics import P_MAX, rates
from aign.scenarios.power_allocation.uplink import Uplink


def draw(uplink: Uplink, context: Tensor, certificate: Certificate, path: Tensor, title: str) -> Figure:
    """Return the figure for context (C,) with its certificate, and path (T+1, N)."""
    if uplink.users == 2:
        figure, (plane, way) = panels(title, (9.5, 4.2), columns=2, width_ratios=(1.25, 1))
        _contours(plane, uplink, context, path)
    else:
        figure, (powers, rate, way) = panels(title, (11, 3.6), columns=3)
        user = np.arange(1, uplink.users + 1)
        powers.bar(user, path[-1].numpy(), color=SOFT)
        powers.set(xlabel="user", ylabel="power [level]", title="design", ylim=(0, P_MAX))
        rate.bar(user, rates(context[None], path[-1:])[0].numpy(), color=INK)
        rate.set(xlabel="user", ylabel="rate [Mbit/s]", title="what each user gets")
    draw_utility(way, uplink.utility(context.expand(len(path), -1), path), certificate)
    return figure


def _contours(axes: Axes, uplink: Uplink, context: Tensor, path: Tensor) -> None:
    """Draw utility contours over the 41 x 41 grid with the path and the optimum (the paper's Fig. 3)."""
    level = torch.arange(P_MAX + 1.0)
    grid = torch.cartesian_prod(level, level)
    value = uplink.utility(context.expand(len(grid), -1), grid).reshape(P_MAX + 1, P_MAX + 1).T
    top = float(value.max())
    filled = axes.contourf(level, level, value.clamp_min(top - 30), levels=np.linspace(top - 30, top, 25), cmap="Blues")
    near = [top - 1, top - 0.3, top - 0.1, top - 0.02]
    axes.contour(level, level, value, levels=near, colors="white", linewidths=0.8)
    axes.figure.colorbar(filled, ax=axes, label="utility")
    axes.plot(path[:, 0], path[:, 1], "-o", color=ACCENT, markersize=4, label="generated path")
    best = int(value.T.reshape(-1).argmax())
    axes.plot(*grid[best].tolist(), marker="*", markersize=16, color="gold", markeredgecolor=INK, linestyle="none",
              label="optimum, by exhaustive search")
    axes.set(xlabel="power of user 1 [level]", ylabel="power of user 2 [level]")
    axes.legend(loc="lower right")
