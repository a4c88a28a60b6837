"""Pictures of designs: who computes where, with what share, how long it takes, and how the design came about."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.drawing import ACCENT, INK, SOFT, draw_utility, panels
from aign.scenarios.offloading.physics import Network


def draw(network: Network, server: Tensor, utility: Tensor, certificate: Certificate, title: str) -> Figure:
    """Return the figure of the last of choices (T+1, N) in one network, with the utility (T+1,) of each."""
    figure, (places, delays, way) = panels(title, (12, 4.2), columns=3, width_ratios=(1.4, 1, 1))
    _draw_shares(places, network, server[-1:])
    _draw_delays(delays, network, server[-1:])
    draw_utility(way, utility, certificate)
    return figure


def _draw_shares(axes: Axes, network: Network, server: Tensor) -> None:
    """Draw each server as a bar that its users share, and those who compute locally as a list."""
    served = network.serve(server)
    where, share = served.server[0].tolist(), served.share[0].tolist()
    for place in range(1, network.power.shape[2]):
        start = 0.0
        for user in (number for number, other in enumerate(where) if other == place):
            axes.bar(place, share[user], bottom=start, color=SOFT, edgecolor="white")
            middle = (place, start + share[user] / 2)
            axes.annotate(str(user + 1), middle, ha="center", va="center", fontsize=7, color=INK)
            start += share[user]
    local = [str(number + 1) for number, place in enumerate(where) if place == 0]
    lines = [", ".join(local[start:start + 12]) for start in range(0, len(local), 12)]
    axes.set(xlabel="server", ylabel="share", ylim=(0, 1), xlim=(0.4, network.power.shape[2] - 0.4),
             title="users of each server; locally:\n" + ("\n".join(lines) or "nobody"))


def _draw_delays(axes: Axes, network: Network, server: Tensor) -> None:
    """Draw each user's delay against the deadline; dark where it offloads."""
    served = network.serve(server)
    colours = [INK if place else SOFT for place in served.server[0].tolist()]
    axes.bar(range(1, server.shape[1] + 1), served.delay[0].tolist(), color=colours)
    axes.axhline(network.semantics.deadline, color=ACCENT, linestyle="--", linewidth=1, label="deadline")
    axes.set(xlabel="user", ylabel="delay [s]", title="dark: offloaded")
    axes.legend(loc="upper right")
