"""A session in the time of its link, as pictures show it. Light to import: no matplotlib here."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.video_streaming.player import ROUND_TRIP
from aign.scenarios.video_streaming.session import PAST

Array = np.ndarray[Any, np.dtype[np.float64]]


class Moments(NamedTuple):
    """A session: after 0, 1, ..., t chunks the time on the clock of the trace [s], the last bitrate [Mbit/s], the
    buffer [s], the throughput of the last chunk [Mbit/s] and its stall [s]; and the link's segments, when each begins
    [s] and its throughput [Mbit/s].
    """

    time: Array
    bitrate: Array
    buffer: Array
    throughput: Array
    stall: Array
    link_time: Array
    link: Array

    @classmethod
    def of(cls, durations: Tensor, throughputs: Tensor, path: Tensor, chunk_seconds: float) -> Moments:
        """Return what states (t+1, S or more) tell of a session over a trace of such segments, each (N,)."""
        path = path.double()
        delay, buffer = path[:, PAST], path[:, 2 * PAST]
        before = torch.cat([buffer[:1], buffer[:-1]])
        full = (before - delay).clamp_min(0.0) + chunk_seconds
        full[0] = delay[0] = 0.0
        length = delay - ROUND_TRIP * (delay > 0) + (full - buffer).clamp_min(0.0)
        durations, throughputs = durations.double(), throughputs.double()
        return cls(time=length.cumsum(0).numpy(), bitrate=path[:, 2 * PAST + 1].numpy(), buffer=buffer.numpy(),
                   throughput=torch.exp2(path[:, 0]).numpy(), stall=(delay - before).clamp_min(0.0).numpy(),
                   link_time=(durations.cumsum(0) - durations).numpy(), link=throughputs.numpy())
