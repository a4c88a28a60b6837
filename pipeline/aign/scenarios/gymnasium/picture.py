"""The picture of an episode: what is observed, what is decided, what is earned.

Axes: T steps, S observed values, W values of a decision.
"""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

LINES = 12
"""Most observed values drawn as lines; more become a map."""


def picture(observed: Tensor, decisions: Tensor, earned: Tensor, unit: str, title: str) -> Figure:
    """Draw observed values (T+1, S), decisions (T, W), and the return so far (T+1,)."""
    figure = Figure(figsize=(7, 7), layout="constrained")
    seen, done, got = figure.subplots(3, sharex=True)
    if observed.shape[1] <= LINES:
        seen.plot(observed.cpu().numpy(), drawstyle="steps-post")
        seen.set_ylabel("observed")
    else:
        seen.imshow(observed.T.cpu().numpy(), aspect="auto", interpolation="nearest")
        seen.set_ylabel("observed value")
    if decisions.shape[1] == 1:
        done.plot(decisions[:, 0].cpu().numpy(), drawstyle="steps-post", color="#1f2a44")
        done.set_ylabel(unit)
    else:
        done.imshow(decisions.T.cpu().numpy(), aspect="auto", interpolation="nearest", vmin=-1, vmax=1, cmap="Blues")
        done.set_ylabel("action value")
    got.plot(earned.cpu().numpy(), color="#7a9cc6")
    got.set(xlabel="step", ylabel="return so far")
    seen.set_title(title)
    return figure
