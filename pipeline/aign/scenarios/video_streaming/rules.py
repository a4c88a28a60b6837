"""Published rules of bitrate selection. A rule takes a `View` and returns scores (B, J), of which the largest decides.

Axes: B sessions, J bitrates, H past chunks, F chunks ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from aign.scenarios.video_streaming.player import BUFFER, STALL_PENALTY
from aign.scenarios.video_streaming.video import Video

RESERVOIR, CUSHION = 5.0, 10.0
"""Buffer below which BBA takes the lowest bitrate, and over which it rises to the highest [s]."""
BOLA_GAIN = 5.0
"""gamma p of BOLA: how much an avoided stall weighs beside the logarithm of the bitrate."""
RECENT = 5
"""Past chunks whose harmonic mean predicts throughput, and past predictions whose errors make it robust."""
FINE, DEEPEST = 0.1, 100.0
"""Step and end of the buffers on which predictive control plans [s]."""


@dataclass(frozen=True, eq=False)
class View:
    """What a rule may look at after the first chunk.

    Attributes:
        video: that is played.
        time: chunks played, the same in all sessions.
        buffer: (B,) [s].
        last: (B,) int64, number of the last bitrate.
        throughput: (B, H) of the last chunks, the newest first: size over download time with the round trip [Mbit/s];
            0 where there was none.
    """

    video: Video
    time: int
    buffer: Tensor
    last: Tensor
    throughput: Tensor


Policy = Callable[[View], Tensor]


def rate_based(view: View) -> Tensor:
    """Choose the highest bitrate below the harmonic mean of the last throughputs."""
    fits = view.video.bitrates <= harmonic_mean(view.throughput[:, :RECENT])[:, None]
    return _only(fits.sum(1).sub(1).clamp_min(0), view)


def bba(view: View) -> Tensor:
    """Choose by the buffer alone: the lowest bitrate up to the reservoir, then linearly up to the highest (Huang et al.
    2014).
    """
    share = ((view.buffer - RESERVOIR) / CUSHION).clamp(0.0, 1.0)
    return _only((share * (len(view.video.bitrates) - 1)).long(), view)


def bola(view: View) -> Tensor:
    """Choose by the buffer, as Lyapunov optimisation says (Spiteri et al. 2016, BOLA-BASIC)."""
    utility = (view.video.bitrates / view.video.bitrates[0]).log()
    control = (BUFFER - view.video.chunk_seconds) / (utility[-1] + BOLA_GAIN)
    return (control * (utility + BOLA_GAIN) - view.buffer[:, None]) / view.video.bitrates


def robust_mpc(chunks: int) -> Policy:
    """Return robust model-predictive control (Yin et al. 2015): plan `chunks` ahead as if every one came at the
    harmonic mean of the last throughputs over 1 + the largest of its latest relative errors.
    """
    def policy(view: View) -> Tensor:
        past = view.throughput
        recent = past[:, :RECENT]
        errors = torch.zeros_like(recent)
        for age in range(min(RECENT, past.shape[1] - 1)):
            before = past[:, age + 1:age + 1 + RECENT]
            error = (harmonic_mean(before) - past[:, age]).abs() / past[:, age].clamp_min(1e-9)
            errors[:, age] = error.where(before[:, 0] > 0, torch.zeros_like(error))
        predicted = harmonic_mean(recent) / (1.0 + errors.amax(1))
        return planned(view, predicted, chunks)
    return policy


def planned(view: View, throughput: Tensor, chunks: int) -> Tensor:
    """Return what each next bitrate (B, J) is worth over so many chunks if all come at a throughput (B,) [Mbit/s].

    Dynamic programming backwards over buffers; between them values are interpolated.
    """
    video, first = view.video, view.time
    ahead = video.sizes[first:first + chunks]
    grid = torch.arange(0.0, DEEPEST + FINE, FINE, dtype=torch.float64)
    change = (video.bitrates[:, None] - video.bitrates).abs()
    value = torch.zeros(len(throughput), len(grid), len(video.bitrates), dtype=torch.float64)
    for sizes in reversed(ahead[1:].unbind(0)):
        gained = _gain(grid.expand(len(throughput), -1), value, sizes, throughput, video)
        value = (gained[:, :, None] - change).amax(3)
    return _gain(view.buffer[:, None].double(), value, ahead[0], throughput, video)[:, 0] - change[view.last]


def _gain(buffers: Tensor, value: Tensor, sizes: Tensor, throughput: Tensor, video: Video) -> Tensor:
    """Return bitrate less stalls and what follows (B, G, J), where the buffers are (B, G) and the values (B, N, J)."""
    delay = sizes / throughput[:, None, None]
    stall = (delay - buffers[:, :, None]).clamp_min(0.0)
    after = ((buffers[:, :, None] - delay).clamp_min(0.0) + video.chunk_seconds) / FINE
    place = after.long().clamp_max(value.shape[1] - 2)
    below, above = value.gather(1, place), value.gather(1, place + 1)
    return video.bitrates - STALL_PENALTY * stall + below + (after - place) * (above - below)


def harmonic_mean(values: Tensor) -> Tensor:
    """Return the harmonic mean (B,) of the positive ones of values (B, n); 0 where there are none."""
    there = values > 0
    total = (1.0 / values.where(there, torch.inf)).sum(1)
    return there.sum(1) / total.clamp_min(1e-12) * there.any(1)


def _only(choice: Tensor, view: View) -> Tensor:
    return one_hot(choice, len(view.video.bitrates)).double()


RULES: dict[str, Policy] = {"rate_based": rate_based, "bba": bba, "bola": bola, "robust_mpc_5": robust_mpc(5),
                            "robust_mpc_8": robust_mpc(8)}
