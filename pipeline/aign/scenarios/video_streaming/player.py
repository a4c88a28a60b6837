"""The player: a chunk arrives, the buffer drains meanwhile, and a full buffer makes the next request wait.

Semantics and constants of Pensieve's simulator (Mao et al., Neural adaptive video streaming, 2017) and of its
successors, which publish what they reach under them.

Axes: any; all tensors of a call have one shape.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ROUND_TRIP = 0.08
"""From a request to the first byte [s]; a trace does not go on meanwhile, as in the published simulator."""
BUFFER = 60.0
"""Most video that is kept [s]."""
NAP = 0.5
"""A full buffer waits in multiples of this [s]."""
STALL_PENALTY = 4.3
"""QoE lost in a second without a picture: as much as a second of the highest bitrate, in Mbit/s, is worth."""


class Played(NamedTuple):
    """What one chunk did to the player, each [s].

    Attributes:
        stall: time without a picture.
        least: buffer when the chunk arrived.
        buffer: when the next request is sent.
        wait: between the arrival and the next request.
    """

    stall: Tensor
    least: Tensor
    buffer: Tensor
    wait: Tensor


def play(buffer: Tensor, delay: Tensor, chunk_seconds: float) -> Played:
    """Return what happens when a chunk arrives `delay` [s] after its request, the buffer [s] being full so far."""
    least = (buffer - delay).clamp_min(0.0)
    full = least + chunk_seconds
    wait = torch.ceil((full - BUFFER).clamp_min(0.0) / NAP) * NAP
    return Played((delay - buffer).clamp_min(0.0), least, full - wait, wait)


def quality(bitrate: Tensor, last: Tensor, stall: Tensor) -> Tensor:
    """Return the linear QoE of a chunk: bitrate - 4.3 stall - |bitrate - last bitrate|, in Mbit/s and seconds."""
    return bitrate - STALL_PENALTY * stall - (bitrate - last).abs()
