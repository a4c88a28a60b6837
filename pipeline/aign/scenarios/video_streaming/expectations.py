"""What each bitrate is worth, expected over a Markov chain of throughputs: stochastic dynamic programming.

With last bitrate l, buffer b and throughput w of the last chunk, V_t(b, l, w) = max_a E_t(b, a, w) - |q_a - q_l| and
E_t(b, a, w) = sum_v P(v | w) [q_a - 4.3 stall(b, a, v) + V_{t+1}(b', a, v)]. Where switches are limited, those left
are a part of the state.

Axes: T chunks, K numbers of switches left, G buffers, J bitrates, M levels of throughput.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.video_streaming.chain import LEVELS, LOWEST, Chain, levels, position
from aign.scenarios.video_streaming.chain import STEP as LEVEL
from aign.scenarios.video_streaming.player import BUFFER, ROUND_TRIP, STALL_PENALTY, play
from aign.scenarios.video_streaming.video import Video

STEP = 0.5
"""Between buffers of the table [s]; values between them are interpolated."""
GRID = round(BUFFER / STEP) + 1
FORBIDDEN = -1e6
"""What a switch is worth when none is left."""


@dataclass(frozen=True, eq=False)
class Expectations:
    """The table E, solved backwards from the end of a video.

    Attributes:
        table: T tensors (K, G, J, M), float32.
        video: that is played.
        limited: whether the number of switches is limited; K is 1 where it is not.
    """

    table: Sequence[Tensor]
    video: Video
    limited: bool

    @classmethod
    def solved(cls, video: Video, chain: Chain, switches: int | None = None) -> Expectations:
        """Return the table for a video, where no more than so many switches are allowed, or any number."""
        kinds = 1 if switches is None else switches + 1
        bitrates = video.bitrates
        change = (bitrates[:, None] - bitrates).abs()  # (last, next)
        different = change > 0
        value = torch.zeros(kinds, GRID, len(bitrates), LEVELS, dtype=torch.float64)
        table: list[Tensor] = []
        for sizes in reversed(video.sizes.unbind(0)):
            expected = downloaded(video, sizes, value) @ chain.transitions.T
            table.append(expected.float())
            kept = expected[:, :, None] - change[:, :, None]  # (K, G, last, next, M)
            if switches is not None:
                fewer = torch.cat([torch.full_like(kept[:1], FORBIDDEN), kept[:-1]])
                kept = torch.where(different[:, :, None], fewer, kept)
            value = kept.amax(3)
        return cls(table[::-1], video, switches is not None)

    def first_worth(self, chain: Chain, last: Tensor, left: Tensor | None = None) -> Tensor:
        """Return what each first bitrate (B, J) is worth where no throughput was seen: as often as the chain has it."""
        each = [self.worth(0, torch.zeros_like(last, dtype=torch.float32), last,
                           torch.full_like(last, LOWEST + LEVEL * level, dtype=torch.float32), left)
                for level in range(LEVELS)]
        return torch.einsum("mbj,m->bj", torch.stack(each), chain.stationary().float())

    def worth(self, time: int, buffer: Tensor, last: Tensor, logarithm: Tensor, left: Tensor | None = None) -> Tensor:
        """Return what each bitrate (..., J) is worth in the rest of the session; zero after its end.

        Args:
            time: chunks that have been played.
            buffer: (...) [s].
            last: (...) int64, the last bitrate's number.
            logarithm: (...) log2 of the last throughput [Mbit/s].
            left: (...) int64, switches left; read where switches are limited.
        """
        bitrates = self.video.bitrates.float()
        size = len(bitrates)
        if time >= len(self.table):
            return torch.zeros(*buffer.shape, size)
        choice = torch.arange(size)
        kinds = torch.zeros_like(choice)
        if self.limited and left is not None:
            kinds = left.long()[..., None] - (choice != last[..., None]).long()
        worth = read(self.table[time], kinds, buffer, logarithm) - (bitrates - bitrates[last][..., None]).abs()
        return worth.masked_fill(kinds < 0, FORBIDDEN)


def downloaded(video: Video, sizes: Tensor, value: Tensor) -> Tensor:
    """Return what a chunk of sizes (J,) is worth by buffer, bitrate and the throughput it meets (K, G, J, M), where the
    rest is worth `value` (K, G, J, M) after it.
    """
    delay = (sizes[:, None] / levels() + ROUND_TRIP).expand(GRID, -1, -1)
    buffers = STEP * torch.arange(GRID, dtype=torch.float64)[:, None, None]
    played = play(buffers.expand_as(delay), delay, video.chunk_seconds)
    place = (played.buffer / STEP).long().clamp_max(GRID - 2)
    share = played.buffer / STEP - place
    below, above = (value.gather(1, (place + more).expand(len(value), -1, -1, -1)) for more in (0, 1))
    return video.bitrates[:, None] - STALL_PENALTY * played.stall + below + share * (above - below)


def read(table: Tensor, kinds: Tensor, buffer: Tensor, logarithm: Tensor) -> Tensor:
    """Return the values (..., J) of a table (K, G, J, M) for kinds (..., J), those outside being the nearest,
    interpolated between buffers (...) [s] and log2 throughputs (...) [Mbit/s].
    """
    size = table.shape[2]
    height, low = buffer.float().clamp(0.0, BUFFER) / STEP, position(logarithm.float())
    foot = height.long().clamp_max(GRID - 2)
    index = ((kinds.clamp(0, len(table) - 1) * GRID + foot[..., None]) * size + torch.arange(size)) * LEVELS
    index = index + low[0][..., None]
    flat = table.view(-1)
    up, right = (height - foot)[..., None], low[1].float()[..., None]
    near = torch.lerp(flat[index], flat[index + 1], right)
    far = torch.lerp(flat[index + size * LEVELS], flat[index + size * LEVELS + 1], right)
    return torch.lerp(near, far, up)
