"""Bitrate, buffer and throughput over the time of a session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from aign.scenarios.core.drawing import ACCENT, panels
from aign.scenarios.video_streaming.moments import Moments


def draw(moments: Moments, ladder: Sequence[float], title: str) -> Figure:
    """Draw the bitrate that each chunk got, of those there are [Mbit/s], the buffer when the next one was requested,
    and the throughput that its download had.
    """
    figure, (bitrates, buffers, speeds) = panels(title, (9, 7), rows=3, sharex=True)
    bitrates.step(moments.time[:-1], moments.bitrate[1:], where="post")
    bitrates.set(ylabel="bitrate [Mbit/s]", yticks=list(ladder), ylim=(0, None))
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
