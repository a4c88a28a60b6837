"""Pictures of a design: the leader's utility over the price, the followers' answers, who computes how much, the way.

Axes: N devices, X prices of a design, M prices on the abscissa, T steps.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.drawing import ACCENT, INK, SOFT, draw_utility, panels
from aign.scenarios.stackelberg.followers import L_MAX
from aign.scenarios.stackelberg.leader import PRICE_LOW, Game

POINTS, WIDEST = 400, 1.0


def draw(game: Game, certificate: Certificate, path: Tensor, title: str) -> Figure:
    """Return the figure of a path (T+1, X + N) in one network (B = 1) with its certificate; its last state is the
    design.
    """
    figure, (curve, answers, bars, way) = panels(title, (14, 3.6), columns=4)
    size = path.shape[1] - game.devices.power.shape[1]
    (offered, shares), (best, best_shares) = (state.split([size, path.shape[1] - size])
                                              for state in (path[-1], certificate.design[0]))
    prices = torch.linspace(PRICE_LOW, max(WIDEST, 1.1 * float(offered.max())), POINTS, dtype=torch.float64)
    _utility(curve, game, prices, {"optimum P*": best, "design": offered})
    _answers(answers, game, prices, offered, shares)
    _layers(bars, shares, best_shares)
    draw_utility(way, game.repeated(len(path)).utility(path[:, :size]), certificate)
    return figure


def _utility(axes: Axes, game: Game, prices: Tensor, designs: dict[str, Tensor]) -> None:
    """Draw the utility of one price for all (M,), and where the prices (X,) of designs are."""
    common = prices[:, None].expand(-1, len(designs["design"]))
    axes.plot(prices, game.repeated(len(prices)).utility(common), color=INK, linewidth=1, label="one price for all")
    for (label, offered), colour, marker in zip(designs.items(), ("gold", ACCENT), "*o", strict=True):
        axes.plot(offered.mean(), game.utility(offered[None])[0], marker, color=colour, markersize=12,
                  markeredgecolor=INK, label=label)
    axes.set(xlabel="(mean) price per layer", ylabel="leader's utility", title="leader")
    axes.legend(loc="lower right", fontsize="small")


def _answers(axes: Axes, game: Game, prices: Tensor, offered: Tensor, shares: Tensor) -> None:
    """Draw every device's layers over its price, and the price it is offered."""
    for answer in game.devices.respond(prices[None, None])[0]:
        axes.plot(prices, answer, color=SOFT, linewidth=0.8, alpha=0.8)
    axes.plot(offered.expand_as(shares), L_MAX * shares, "o", color=ACCENT, markersize=4)
    axes.set(xlabel="price per layer", ylabel="layers $L_n$", title="followers' answers", ylim=(-0.3, L_MAX + 0.3))


def _layers(axes: Axes, shares: Tensor, optimum: Tensor) -> None:
    """Draw the layers of every device in the design, with those at the optimum as marks."""
    device = np.arange(1, len(shares) + 1)
    axes.bar(device, L_MAX * shares.numpy(), color=SOFT, label="design")
    axes.plot(device, L_MAX * optimum.numpy(), "_", color=INK, markersize=10, label="optimum")
    axes.set(xlabel="device", ylabel="layers $L_n$", title="who computes how much", ylim=(0, L_MAX + 0.5))
    axes.legend(fontsize="small")
