"""Pictures of a menu: the contracts with indifference curves, who prefers what, and the way there.

Axes: Q types, T steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.contract.menu import sign, slacks

if TYPE_CHECKING:
    from aign.scenarios.contract.scenario import Contract

INK, ACCENT = "#1f2a44", "#d1495b"
SHOWN = 6
"""Rows of the table and curves at most: more types than these are thinned out."""


def draw(scenario: Contract, context: Tensor, path: Tensor, title: str) -> Figure:
    """Return the figure for context (C,) and path (T+1, 2Q)."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    plane, heat, table = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    market = scenario.market(context[None].cpu())
    speed, reward = path[-1:].double().cpu().split(scenario.parameters.types, 1)
    longest, cost = float(market.longest[0]), market.cost[0].numpy()
    signed = sign(market, speed, reward)
    contracts = longest / speed[0].numpy(), reward[0].numpy()
    types = len(cost)
    few = np.unique(np.linspace(0, types - 1, min(types, SHOWN)).round().astype(int))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, types))
    latency = np.geomspace(longest / scenario.parameters.x_max, longest, 200)
    for q in few:
        level = float(signed.payoffs[0, q].amax().clamp_min(0))
        plane.plot(latency, level + cost[q] * longest / latency, color=colours[q], linewidth=1,
                   label=f"type {q + 1}, payoff {level:.2f}")
    plane.scatter(*contracts, c=colours, s=60, edgecolors=INK, zorder=3)
    plane.set(xlabel="latency L [s]", ylabel="reward R [credit]", title="contracts and indifference curves",
              ylim=(0, 1.3 * float(max(contracts[1].max(), cost.max()))))
    plane.legend(fontsize=8)
    _preferences(heat, slacks(signed.payoffs)[1][0])
    _table(table, [[str(q + 1), f"{float(market.share[0, q]):.2f}", f"{contracts[0][q]:.1f}", f"{contracts[1][q]:.2f}",
                    _choice(signed.payoffs[0, q], bool(signed.accepted[0, q]), q)] for q in few])
    figure.suptitle(title)
    return figure


def _preferences(axes: Axes, compatible: Tensor) -> None:
    """Draw how much more each type has from its own contract than from each other one (Q, Q)."""
    limit = max(1e-6, float(compatible.abs().amax()))
    image = axes.imshow(compatible.numpy(), cmap="RdBu", vmin=-limit, vmax=limit)
    ticks = range(0, len(compatible), max(1, len(compatible) // 10))
    names = [str(k + 1) for k in ticks]
    axes.set(xlabel="contract", ylabel="type", title="own payoff less that of another contract", xticks=ticks,
             yticks=ticks, xticklabels=names, yticklabels=names)
    axes.figure.colorbar(image, ax=axes, label="credit (red: not incentive compatible)")


def _table(axes: Axes, rows: list[list[str]]) -> None:
    axes.axis("off")
    axes.set(title="menu")
    table = axes.table(rows, colLabels=["type", "p", "L [s]", "R", "signs"], loc="center", cellLoc="center")
    table.set_fontsize(9)
    table.scale(1, 1.5)


def _choice(payoffs: Tensor, accepted: bool, own: int) -> str:
    """Return the number of the contract a type signs, or "none"."""
    if not accepted:
        return "none"
    best = int(torch.argmax(payoffs))
    return str(own + 1 if float(payoffs[own]) >= float(payoffs[best]) - 1e-6 else best + 1)
