"""Bitrate, buffer and throughput over the time of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core.drawing import ACCENT, panels

if TYPE_CHECKING:
    from aign.scenarios.video_streaming.scenario import VideoStreaming


def draw(scenario: VideoStreaming, context: Tensor, path: Tensor, title: str) -> Figure:
    """Draw what states (t+1, S) or (t+1, Z) tell of a session: the bitrate that each chunk got, the buffer when the
    next one was requested, and the throughput that its download had.
    """
    moments = scenario.moments(context.cpu(), path.cpu())
    figure, (bitrates, buffers, speeds) = panels(title, (9, 7), rows=3, sharex=True)
    bitrates.step(moments.time[:-1], moments.bitrate[1:], where="post")
    bitrates.set(ylabel="bitrate [Mbit/s]", yticks=scenario.video.bitrates.tolist(), ylim=(0, None))
    buffers.plot(moments.time, moments.buffer)
    stalled = moments.stall > 0
    buffers.plot(moments.time[1:][stalled[1:]], np.zeros(int(stalled[1:].sum())), "x", color=ACCENT, label="stall")
    buffers.set(ylabel="buffer [s]", ylim=(-1, None))
    if stalled[1:].any():
        buffers.legend(loc="upper right")
    speeds.step(moments.link_time, moments.link, where="post", color="grey", linewidth=0.6, label="link")
    speeds.step(moments.time[:-1], moments.throughput[1:], where="post", label="of the chunk")
    speeds.set(xlabel="time [s]", ylabel="throughput [Mbit/s]", ylim=(0, None), xlim=(0, float(moments.time[-1]) + 1))
    speeds.legend(loc="upper right")
    return figure
