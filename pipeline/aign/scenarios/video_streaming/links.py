"""A link whose throughput is piecewise constant and starts again from the beginning at its end.

Axes: B sessions, N segments of a trace.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PAYLOAD = 0.95
"""Share of what a link carries that is video; the rest is headers."""
LEAST_RATE = 1e-12
"""Mbit/s below which a segment carries nothing."""


@dataclass(frozen=True, eq=False)
class Links:
    """What B links carry, with the sums that make a download one look-up.

    Attributes:
        ends: (B, N) float64, time at which each segment ends, from the start of the trace [s].
        carried: (B, N) float64, video that the link has carried by then [Mbit].
    """

    ends: Tensor
    carried: Tensor

    @classmethod
    def of(cls, durations: Tensor, throughputs: Tensor) -> Links:
        """Return links with segments of these durations [s] and throughputs [Mbit/s], each (B, N); a duration of 0
        marks a segment that is not there.
        """
        durations = durations.double()
        return cls(durations.cumsum(1), (PAYLOAD * throughputs.double() * durations).cumsum(1))

    def amount(self, clock: Tensor) -> Tensor:
        """Return the video [Mbit] carried from the start of the trace until a time (B, K) [s]."""
        return _periodic(clock, self.ends, self.carried)

    def arrival(self, clock: Tensor, sizes: Tensor) -> Tensor:
        """Return when downloads (B, K) of so many Mbit, begun at `clock` (B, K) [s], end."""
        return _periodic(self.amount(clock) + sizes, self.carried, self.ends)


def _periodic(values: Tensor, knots: Tensor, heights: Tensor) -> Tensor:
    """Return a piecewise linear function at values (B, K): from (0, 0) through knots to heights, each (B, N), and on
    from there in the same steps.
    """
    period, rise = knots[:, -1:], heights[:, -1:]
    rounds = torch.floor(values / period)
    rest = (values - rounds * period).clamp_min(0.0)
    place = torch.searchsorted(knots, rest).clamp_max(knots.shape[1] - 1)
    before = (place - 1).clamp_min(0)
    first = place == 0
    left = knots.gather(1, before).masked_fill(first, 0.0)
    low = heights.gather(1, before).masked_fill(first, 0.0)
    width = (knots.gather(1, place) - left).clamp_min(LEAST_RATE)
    return rounds * rise + low + (rest - left) / width * (heights.gather(1, place) - low)
