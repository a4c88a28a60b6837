"""What each bitrate is worth by the last throughput and the running mean of those before it: the dynamic program of
`expectations` with one state more. Links differ in how fast they are for long; the last chunk alone says little of it.

Axes: B sessions, T chunks, A levels of the mean, G buffers, J bitrates, M levels of throughput, N observed chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.video_streaming.chain import LEVELS, LOWEST, Chain, position
from aign.scenarios.video_streaming.chain import STEP as LEVEL
from aign.scenarios.video_streaming.expectations import GRID, Expectations, downloaded, read
from aign.scenarios.video_streaming.session import PAST
from aign.scenarios.video_streaming.video import Video

GAIN = 0.25
"""How far the mean of log2 throughputs goes towards each new one."""
MEANS, LEAST, MOST = 16, -3.0, 3.0
"""Levels of the mean [log2 Mbit/s]: how many, the lowest, the highest."""
SPACING = (MOST - LEAST) / (MEANS - 1)
WIDTH, MEAN_WIDTH = 0.3, 0.2
"""How near observed throughputs and means count, as standard deviations [log2 Mbit/s]."""
PRIOR = 5.0
"""Weight, in observed chunks, of the chain that knows the last throughput only."""


@dataclass(frozen=True, eq=False)
class MeanExpectations:
    """The table, solved backwards from the end of a video.

    Attributes:
        table: T tensors (A, G, J, M), float32.
        video: that is played.
    """

    table: Sequence[Tensor]
    video: Video

    @classmethod
    def solved(cls, video: Video, chain: Chain, logarithms: Tensor) -> MeanExpectations:
        """Return the table for log2 throughputs (B, T) of chunks, of which `chain` is fitted."""
        law = transitions(chain, logarithms).transpose(1, 2)[:, None]  # (A, 1, next, last)
        place, share = _place(moved(means()[:, None], throughputs()))  # (A, M)
        change = (video.bitrates[:, None] - video.bitrates).abs()  # (last, next)
        value = torch.zeros(MEANS, GRID, len(video.bitrates), LEVELS, dtype=torch.float64)
        table: list[Tensor] = []
        for sizes in reversed(video.sizes.unbind(0)):
            after = downloaded(video, sizes, value)
            low, high = (after.gather(0, (place + more)[:, None, None].expand_as(after)) for more in (0, 1))
            expected = (low + share[:, None, None] * (high - low)) @ law
            table.append(expected.float())
            value = (expected[:, :, None] - change[:, :, None]).amax(3)
        return cls(table[::-1], video)

    def worth(self, time: int, buffer: Tensor, last: Tensor, logarithm: Tensor, mean: Tensor) -> Tensor:
        """Return what each bitrate (..., J) is worth in the rest of the session; zero after its end.

        Args:
            time: chunks that have been played.
            buffer: (...) [s].
            last: (...) int64, the last bitrate's number.
            logarithm: (...) log2 of the last throughput [Mbit/s].
            mean: (...) of log2 throughputs; see `running_mean`.
        """
        bitrates = self.video.bitrates.float()
        if time >= len(self.table):
            return torch.zeros(*buffer.shape, len(bitrates))
        place, share = _place(mean.float())
        low, high = (read(self.table[time], (place + more)[..., None].expand(*buffer.shape, len(bitrates)), buffer,
                          logarithm) for more in (0, 1))
        return torch.lerp(low, high, share[..., None]) - (bitrates - bitrates[last][..., None]).abs()


@dataclass(frozen=True, eq=False)
class Worth:
    """What the rest of a session is worth, by all that is known of it.

    Attributes:
        table: by the last throughput, with switches where they are limited.
        free: the same without limits; read where there are means.
        means: by the running mean, too; None where the last throughput says all.
    """

    table: Expectations
    free: Expectations
    means: MeanExpectations | None

    def __call__(self, time: int, buffer: Tensor, last: Tensor, logarithm: Tensor, mean: Tensor,
                 left: Tensor | None) -> Tensor:
        """Return what each bitrate (..., J) is worth; what the mean changes is taken to be the same under limits."""
        if self.means is None:
            return self.table.worth(time, buffer, last, logarithm, left)
        known = self.means.worth(time, buffer, last, logarithm, mean)
        if self.table is self.free:
            return known
        return self.table.worth(time, buffer, last, logarithm, left) + known - self.free.worth(time, buffer, last,
                                                                                              logarithm)


def means() -> Tensor:
    """Return the levels of the mean (A,), float64 [log2 Mbit/s]."""
    return LEAST + SPACING * torch.arange(MEANS, dtype=torch.float64)


def throughputs() -> Tensor:
    """Return the levels of the last throughput (M,), float64 [log2 Mbit/s]."""
    return LOWEST + LEVEL * torch.arange(LEVELS, dtype=torch.float64)


def moved(mean: Tensor, logarithm: Tensor) -> Tensor:
    """Return the running mean after one more log2 throughput."""
    return mean + GAIN * (logarithm - mean)


def running_mean(logarithms: Tensor) -> Tensor:
    """Return the running mean (B,) of log2 throughputs (B, H) of past chunks, the newest first."""
    oldest = logarithms.flip(1).unbind(1)
    mean = oldest[0]
    for logarithm in oldest[1:]:
        mean = moved(mean, logarithm)
    return mean


def transitions(chain: Chain, logarithms: Tensor) -> Tensor:
    """Return how throughput is distributed (A, M, M), float64, a chunk after each mean and each level: what followed
    similar ones among log2 throughputs (B, T), and the chain's row where few are similar.
    """
    logarithms = logarithms.double()
    past = [running_mean(logarithms[:, max(0, end - PAST):end].flip(1)) for end in range(1, logarithms.shape[1])]
    last, mean, following = logarithms[:, :-1], torch.stack(past, 1), logarithms[:, 1:].flatten()
    near = _nearness(throughputs(), last, WIDTH)[None] * _nearness(means(), mean, MEAN_WIDTH)[:, None]  # (A, M, N)
    place, share = position(following)
    reached = torch.zeros(len(following), LEVELS, dtype=torch.float64)
    reached.scatter_(1, place[:, None], 1.0 - share[:, None]).scatter_add_(1, place[:, None] + 1, share[:, None])
    counts = near @ reached + PRIOR * chain.transitions
    return counts / counts.sum(2, keepdim=True)


def _nearness(levels: Tensor, values: Tensor, width: float) -> Tensor:
    """Return how much values (B, T) count at levels (L,), as (L, B T)."""
    apart = levels[:, None] - values.flatten().clamp(float(levels[0]), float(levels[-1]))
    return torch.exp(-0.5 * (apart / width).square())


def _place(mean: Tensor) -> tuple[Tensor, Tensor]:
    """Return the level below each mean, int64 and at most A - 2, and the share (0 to 1) of the next one."""
    scaled = ((mean - LEAST) / SPACING).clamp(0.0, MEANS - 1.0)
    place = scaled.long().clamp_max(MEANS - 2)
    return place, scaled - place
