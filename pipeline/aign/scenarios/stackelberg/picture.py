"""Pictures of a design: the leader's utility over the price, the followers' answers, who computes how much, the way.

Axes: N devices, M prices on the abscissa, T steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.stackelberg.followers import L_MAX
from aign.scenarios.stackelberg.leader import PRICE_LOW

if TYPE_CHECKING:
    from aign.scenarios.stackelberg.scenario import Stackelberg

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
POINTS, WIDEST = 400, 1.0


def draw(scenario: Stackelberg, context: Tensor, path: Tensor, title: str) -> Figure:
    """Return the figure for context (C,) and path (T+1, X + N); its last state is the design."""
    context, path = context.cpu(), path.cpu()
    figure = Figure(figsize=(14, 3.6), layout="constrained")
    curve, answers, bars, way = figure.subplots(1, 4)
    highest = max(WIDEST, 1.1 * float(path[-1, :scenario.prices].max()))
    prices = torch.linspace(PRICE_LOW, highest, POINTS, dtype=torch.float64)
    certificate = scenario.certify(context[None])
    _utility(scenario, context, path[-1], certificate.design[0], prices, curve)
    _answers(scenario, context, path[-1], prices, answers)
    _layers(scenario, path[-1], certificate.design[0], bars)
    utility = scenario.utility(context.expand(len(path), -1), path)
    way.plot(range(len(path)), utility, "-o", color=ACCENT, markersize=4, label="path")
    way.axhline(float(certificate.utility[0]), color=INK, linestyle="--", linewidth=1, label=str(certificate.kind))
    way.set(xlabel="step", ylabel="utility", title="the way there")
    way.legend(loc="lower right")
    figure.suptitle(title)
    return figure


def _utility(scenario: Stackelberg, context: Tensor, design: Tensor, optimum: Tensor, prices: Tensor,
             axes: Axes) -> None:
    """Draw the utility of one price for all, and where the design and the optimum are."""
    common = prices[:, None].expand(-1, scenario.prices)
    axes.plot(prices, scenario.utility(context.expand(len(prices), -1), common), color=INK, linewidth=1,
              label="one price for all")
    for state, colour, marker, label in ((optimum, "gold", "*", "optimum P*"), (design, ACCENT, "o", "design")):
        place = state[:scenario.prices].mean()
        axes.plot(place, scenario.utility(context[None], state[None])[0], marker, color=colour, markersize=12,
                  markeredgecolor=INK, label=label)
    axes.set(xlabel="(mean) price per layer", ylabel="leader's utility", title="leader")
    axes.legend(loc="lower right", fontsize="small")


def _answers(scenario: Stackelberg, context: Tensor, design: Tensor, prices: Tensor, axes: Axes) -> None:
    """Draw every device's layers over its price, and the price it is offered."""
    layers = scenario.game(context[None]).devices.respond(prices[None, None])[0]
    for device, answer in enumerate(layers):
        axes.plot(prices, answer, color=SOFT, linewidth=0.8, alpha=0.8)
        offered = design[device % scenario.prices]
        axes.plot(offered, L_MAX * design[scenario.prices + device], "o", color=ACCENT, markersize=4)
    axes.set(xlabel="price per layer", ylabel="layers $L_n$", title="followers' answers", ylim=(-0.3, L_MAX + 0.3))


def _layers(scenario: Stackelberg, design: Tensor, optimum: Tensor, axes: Axes) -> None:
    """Draw the layers of every device in the design, with those at the optimum as marks."""
    device = np.arange(1, scenario.parameters.devices + 1)
    axes.bar(device, L_MAX * design[scenario.prices:].numpy(), color=SOFT, label="design")
    axes.plot(device, L_MAX * optimum[scenario.prices:].numpy(), "_", color=INK, markersize=10, label="optimum")
    axes.set(xlabel="device", ylabel="layers $L_n$", title="who computes how much", ylim=(0, L_MAX + 0.5))
    axes.legend(fontsize="small")
