"""A session: what is observed of it, what adds up, and what a chunk does to both.

Axes: B sessions, T chunks, J bitrates, S observed values, K totals.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core import Feature
from aign.scenarios.video_streaming.player import BUFFER, ROUND_TRIP, play, quality
from aign.scenarios.video_streaming.rules import View
from aign.scenarios.video_streaming.video import Video

TOTALS = ("clock", "utility", "stall", "bitrate_sum", "variation", "switches", "least_buffer", "startup")
PAST = 10
"""Past chunks that are observed: as many as predictive control looks back to know its latest five errors."""
START = 1
"""Number of the bitrate that counts as the last one before the first chunk; published rules begin with it."""
SLOWEST, FASTEST = -6.0, 6.0
"""log2 of the least and the largest throughput that is told apart [Mbit/s]."""
LONGEST_DOWNLOAD = 120.0
"""Longer downloads are not told apart [s]."""


@dataclass(frozen=True, eq=False)
class Session:
    """Sessions of one video.

    Attributes:
        video: of T chunks.
        chunks: T.
    """

    video: Video
    chunks: int

    def features(self) -> tuple[Feature, ...]:
        """Return what is observed, S values."""
        return (Feature("throughput", "log2 Mbit/s", SLOWEST, FASTEST),
                Feature("earlier_throughput", "log2 Mbit/s", SLOWEST, FASTEST, PAST - 1),
                Feature("download_time", "s", 0.0, LONGEST_DOWNLOAD, PAST),
                Feature("buffer", "s", 0.0, BUFFER),
                Feature("bitrate", "Mbit/s", 0.0, float(self.video.bitrates[-1])),
                Feature("size", "Mbit", 0.0, float(self.video.sizes.max()), len(self.video.bitrates)),
                Feature("chunks_left", "1", 0.0, float(self.chunks)))

    def start(self) -> tuple[Tensor, Tensor]:
        """Return what is observed of an empty player (S,) and the first totals (K,), float64."""
        known = torch.cat([torch.zeros(2 * PAST + 1), self.video.bitrates[START:START + 1], self.video.sizes[0],
                           torch.tensor([float(self.chunks)])]).double()
        totals = torch.zeros(len(TOTALS), dtype=torch.float64)
        totals[TOTALS.index("least_buffer")] = BUFFER
        return known, totals

    def played(self, observed: Tensor, totals: Tensor, time: Tensor, choice: Tensor, download: Tensor,
               ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is observed (B, S), the totals (B, K) and the QoE (B,) after a chunk was downloaded and played.

        Args:
            observed: (B, S) before.
            totals: (B, K) before.
            time: (B,) int64, chunks played before.
            choice: (B,) int64, number of the bitrate.
            download: (B,) seconds that the link took, without the round trip.
        """
        sizes, bitrates = (values.to(observed.device) for values in (self.video.sizes, self.video.bitrates))
        size, bitrate, observed = sizes[time, choice], bitrates[choice], observed.double()
        logarithms, delays, rest = observed.split([PAST, PAST, observed.shape[1] - 2 * PAST], dim=1)
        played = play(rest[:, 0], download + ROUND_TRIP, self.video.chunk_seconds)
        reward = quality(bitrate, rest[:, 1], played.stall)
        throughput = (size / download.clamp_min(1e-9)).log2().clamp(SLOWEST, FASTEST)
        delay = (download + ROUND_TRIP).clamp_max(LONGEST_DOWNLOAD)
        following = torch.cat([
            throughput[:, None], logarithms[:, :-1], delay[:, None], delays[:, :-1], played.buffer[:, None],
            bitrate[:, None], sizes[(time + 1).clamp_max(self.chunks - 1)],
            (self.chunks - 1.0 - time)[:, None].double()], dim=1)
        first, change = time == 0, (bitrate - rest[:, 1]).abs()
        added = torch.stack([download + played.wait, reward, played.stall, bitrate, change,
                             (change > 0).double()], dim=1)
        least = torch.where(first, totals[:, 6], totals[:, 6].minimum(played.least))
        startup = torch.where(first, played.stall, totals[:, 7])
        return following, torch.cat([totals[:, :6] + added, least[:, None], startup[:, None]], dim=1), reward

    def result(self, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,), of sessions with these totals (B, K)."""
        _, utility, stall, bitrates, variation, switches, least, _ = totals.double().unbind(1)
        length = self.chunks * self.video.chunk_seconds
        return utility, {"rebuffer": stall, "rebuffer_ratio": stall / (length + stall),
                         "mean_bitrate": bitrates / self.chunks, "switches": switches, "least_buffer": least,
                         "variation": variation}

    def last_choice(self, observed: Tensor) -> Tensor:
        """Return the number of the last bitrate (B,) int64 of what is observed (B, S or more)."""
        bitrate = observed[:, 2 * PAST + 1:2 * PAST + 2].double()
        return (bitrate - self.video.bitrates.to(observed.device)).abs().argmin(1)

    def view(self, observed: Tensor, time: int) -> View:
        """Return what rules look at in what is observed (B, S) after so many chunks."""
        delay = observed[:, PAST:2 * PAST].double()
        carried = torch.exp2(observed[:, :PAST].double()) * (delay - ROUND_TRIP)
        throughput = torch.where(delay > 0, carried / delay.clamp_min(ROUND_TRIP), 0.0)
        return View(self.video, time, observed[:, 2 * PAST].double(), self.last_choice(observed), throughput)
