"""What each next bitrate is worth over forecast throughputs, the rest of the session being left to the table.

Axes: B sessions, F futures, H chunks ahead, J bitrates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.video_streaming.means import Worth, moved
from aign.scenarios.video_streaming.player import ROUND_TRIP, play, quality
from aign.scenarios.video_streaming.rules import View


def mean_worth(worth: Worth, view: View, logarithms: Tensor, mean: Tensor, left: Tensor | None) -> Tensor:
    """Return the mean QoE (B, J) of each next bitrate over futures of log2 throughput (B, F, H).

    In each future the next chunk has that bitrate, and those after it what the table would choose by what it has seen
    by then (a rollout: Bertsekas and Castanon 1999); behind the last forecast chunk the table's value counts.

    Args:
        worth: of the video, with switches where they are limited.
        view: of the sessions.
        logarithms: futures.
        mean: (B,) running mean of the log2 throughputs so far.
        left: (B,) switches left; None where they are not limited.
    """
    video, size = worth.table.video, len(worth.table.video.bitrates)
    shape = (*logarithms.shape[:2], size)
    bitrates = video.bitrates.float()
    choice = torch.arange(size).expand(shape)
    last = view.last[:, None, None].expand(shape)
    buffer = view.buffer.float()[:, None, None].expand(shape)
    mean = mean.float()[:, None, None].expand(shape)
    remaining = None if left is None else left[:, None, None].expand(shape)
    total = torch.zeros(shape)
    for ahead, logarithm in enumerate(logarithms.unbind(2)):
        time = view.time + ahead
        if time >= len(video.sizes):
            return total.mean(1)
        if remaining is not None:
            remaining = remaining - (choice != last).long()
            if ahead == 0:
                total = total.masked_fill(remaining < 0, -1e6)
            remaining = remaining.clamp_min(0)
        delay = video.sizes[time].float()[choice] / torch.exp2(logarithm)[:, :, None] + ROUND_TRIP
        played = play(buffer, delay, video.chunk_seconds)
        total = total + quality(bitrates[choice], bitrates[last], played.stall)
        buffer, last = played.buffer, choice
        seen = logarithm[:, :, None].expand(shape)
        mean = moved(mean, seen)
        after = worth(time + 1, buffer, last, seen, mean, remaining)
        value, choice = after.max(3)
    return (total + value).mean(1)
