"""The picture of an episode: what is observed, what is decided, what is earned.

Axes: T steps, S observed values, W values of a decision.
"""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.drawing import INK, SOFT, panels

MOST_LINES = 12
"""Most observed values drawn as lines; more become a map."""


def draw(observed: Tensor, decisions: Tensor, earned: Tensor, unit: str, title: str) -> Figure:
    """Draw observed values (T+1, S), decisions (T, W), and the return so far (T+1,)."""
    figure, (state, action, total) = panels(title, (7, 7), rows=3, sharex=True)
    if observed.shape[1] <= MOST_LINES:
        state.plot(observed.cpu().numpy(), drawstyle="steps-post")
        state.set_ylabel("observed")
    else:
        state.imshow(observed.T.cpu().numpy(), aspect="auto", interpolation="nearest")
        state.set_ylabel("observed value")
    if decisions.shape[1] == 1:
        action.plot(decisions[:, 0].cpu().numpy(), drawstyle="steps-post", color=INK)
        action.set_ylabel(unit)
    else:
        action.imshow(decisions.T.cpu().numpy(), aspect="auto", interpolation="nearest", vmin=-1, vmax=1, cmap="Blues")
        action.set_ylabel("action value")
    total.plot(earned.cpu().numpy(), color=SOFT)
    total.set(xlabel="step", ylabel="return so far")
    return figure
