"""Pictures of a menu: the contracts with indifference curves, who prefers what, and the menu as a table.

Axes: Q types, T steps.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.contract.menu import Market, MenuChoice, sign, slacks, split
from aign.scenarios.core.drawing import INK, panels

MOST_TYPES = 6
"""Rows of the table and curves at most: more types than these are thinned out."""


def draw(market: Market, path: Tensor, title: str) -> Figure:
    """Return the figure of a path (T+1, 2Q) in one market (B = 1); its last state is the design."""
    figure, (plane, heat, table) = panels(title, (13, 4.2), columns=3, width_ratios=(1.3, 1, 1))
    speed, reward = split(path[-1:].cpu(), market.terms)
    choice, types = sign(market, speed, reward), market.terms.types
    contracts = float(market.longest[0]) / speed[0].numpy(), reward[0].numpy()
    few = np.unique(np.linspace(0, types - 1, min(types, MOST_TYPES)).round().astype(int))
    _contracts(plane, market, choice, contracts, few)
    _preferences(heat, slacks(choice.payoffs)[1][0])
    _table(table, [[str(q + 1), f"{float(market.share[0, q]):.2f}", f"{contracts[0][q]:.1f}", f"{contracts[1][q]:.2f}",
                    _signed(choice, q)] for q in few])
    return figure


def _contracts(axes: Axes, market: Market, choice: MenuChoice, contracts: tuple[np.ndarray, np.ndarray],
               few: np.ndarray) -> None:
    """Draw latencies and rewards, and each type's indifference curve through the contract it signs."""
    longest, cost = float(market.longest[0]), market.cost[0].numpy()
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(cost)))
    latency = np.geomspace(longest / market.terms.x_max, longest, 200)
    for q in few:
        level = float(choice.payoffs[0, q].amax().clamp_min(0))
        axes.plot(latency, level + cost[q] * longest / latency, color=colours[q], linewidth=1,
                  label=f"type {q + 1}, payoff {level:.2f}")
    axes.scatter(*contracts, c=colours, s=60, edgecolors=INK, zorder=3)
    axes.set(xlabel="latency L [s]", ylabel="reward R [credit]", title="contracts and indifference curves",
             ylim=(0, 1.3 * float(max(contracts[1].max(), cost.max()))))
    axes.legend(fontsize=8)


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


def _signed(choice: MenuChoice, type_: int) -> str:
    """Return the number of the contract a type signs, or "none"."""
    if not bool(choice.accepted[0, type_]):
        return "none"
    payoffs = choice.payoffs[0, type_]
    best = int(torch.argmax(payoffs))
    return str(type_ + 1 if float(payoffs[type_]) >= float(payoffs[best]) - 1e-6 else best + 1)
