"""What no player can do better, throughput being known beforehand: dynamic programming over the clock.

Let c_k be when chunk k arrives on the clock of the trace and r the round trip. Its lateness is c_k + (k + 1) r - k L
with chunks of L seconds, and the stalls of a session add up to the largest lateness R. For each limit on R the best
bitrates then follow from one state, the clock: an earlier one is never worse, as the player may wait. The buffer keeps
the clock from running ahead: before chunk t it is at least t (L - r) + R0 - 60, R0 being the least start-up delay.

Rounding the clock down at every chunk gives an upper bound of the utility, rounding it up a design that comes near it.

Axes: R limits on the stalls, K numbers of switches left, C times, J bitrates, T chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.video_streaming.links import Links
from aign.scenarios.video_streaming.player import BUFFER, ROUND_TRIP, STALL_PENALTY, play, quality
from aign.scenarios.video_streaming.video import Video

STEPS, STEPS_LIMITED = (0.3, 0.1, 0.05), (0.5, 0.25, 0.15)
"""Between times [s], in rounds: each goes on with those ranges of stalls that may hold the optimum, cut finer. The
second ones where switches are limited, and there are as many states more."""
PARTS, NARROW = 4, 0.1
"""Pieces into which a range of stalls is cut, and the width [s] below which it is not."""
ABOVE = (0.0, 0.2, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 13.0, 16.0, 20.0, 25.0, 30.0, 36.0, 43.0, 50.0, 1e4)
"""Limits on the stalls over the least possible ones [s]; the last is none."""
LATEST = 50.0
"""Times later than this after the least possible stalls are not told apart [s]."""
NEVER = -1e9
ROUNDING = 1e-3
"""Added to bounds: more than sums in single precision can be short by."""
FIRST = 1
"""The bitrate's number that counts as the last one before the first chunk."""
Rounding = Callable[[Tensor], Tensor]
"""Down (in favour of the player) or up."""
STATEMENT = ("Dynamic programming over the clock, throughput known beforehand; times are rounded down, so no sequence "
             "of bitrates has a higher utility. Limits on switches and stalls are part of it, other constraints are "
             "only checked on the design: the best of the same program's, rounded up, and of the rules'.")


@dataclass(frozen=True)
class Limits:
    """What of a request the program heeds: most switches (None: any number) and most stalls [s]."""

    switches: int | None
    stalls: float

    @classmethod
    def of(cls, constraints: Sequence[Constraint], chunks: int, chunk_seconds: float) -> Limits:
        """Return the tightest upper limits among constraints."""
        switches: int | None = None
        stalls, length = float("inf"), chunks * chunk_seconds
        for constraint in constraints:
            if constraint.upper and constraint.label == "switches":
                most = int(constraint.threshold) if constraint.threshold >= 0 else -1
                switches = most if switches is None else min(switches, most)
            elif constraint.upper and constraint.label == "rebuffer":
                stalls = min(stalls, constraint.threshold)
            elif constraint.upper and constraint.label == "rebuffer_ratio" and constraint.threshold < 1:
                stalls = min(stalls, length * constraint.threshold / (1 - constraint.threshold))
        return cls(None if switches is not None and switches >= chunks else switches, stalls)


@dataclass(frozen=True, eq=False)
class Solved:
    """The bound of one context, far below zero where nothing keeps to the limits, and a design (T,)."""

    bound: float
    design: Tensor


def solve(video: Video, links: Links, limits: Limits) -> Solved:
    """Return the bound and a design of one session."""
    floors = stall_floors(video, links)
    lowest = float(floors.min())
    if limits.stalls < lowest or (limits.switches is not None and limits.switches < 0):
        return Solved(NEVER, torch.zeros(len(video.sizes)))
    most = torch.tensor(sorted({min(lowest + above, limits.stalls) for above in ABOVE}
                               | {float(floor) for floor in floors if floor <= limits.stalls}), dtype=torch.float64)
    least = torch.cat([most[:1], most[:-1]])  # stalls up to one limit are more than the one below
    design, known, bound = torch.zeros(len(video.sizes)), NEVER, NEVER
    for step in STEPS if limits.switches is None else STEPS_LIMITED:
        program = Program(video, links, most, limits.switches, step)
        paid = STALL_PENALTY * least[:, None].maximum(floors)  # at least those that the first bitrate leads to
        bounds = (program.first(program.values(torch.floor)[1], torch.floor) - paid).amax(1) + ROUNDING
        worth, stalls, better = program.design(program.values(torch.ceil))
        if worth > known and stalls <= limits.stalls:
            design, known = better, worth
        bound = max(float(bounds.max()), known)
        kept = bounds >= known  # the others are worse than a session that is known
        least, most = parted(least[kept], most[kept])
    return Solved(bound, design)


def parted(least: Tensor, most: Tensor) -> tuple[Tensor, Tensor]:
    """Return ranges of stalls, given by both ends (R,) [s], cut into pieces where they are wide."""
    pieces = [(low + (high - low) * place / parts, low + (high - low) * (place + 1) / parts)
              for low, high in zip(least.tolist(), most.tolist(), strict=True)
              for parts in (PARTS if high - low > NARROW else 1,) for place in range(parts)]
    low, high = torch.tensor(pieces, dtype=torch.float64).unbind(1)
    return low, high


def stall_floors(video: Video, links: Links) -> Tensor:
    """Return the least stalls (J,) [s] of sessions by their first bitrate: the lowest one at once after it."""
    size = len(video.bitrates)
    clock = torch.zeros(1, size, dtype=torch.float64)
    worst = torch.zeros(1, size, dtype=torch.float64)
    for chunk, sizes in enumerate(video.sizes):
        clock = links.arrival(clock, sizes[None] if chunk == 0 else sizes[:1].expand(1, size))
        worst = worst.maximum(clock + (chunk + 1) * ROUND_TRIP - chunk * video.chunk_seconds)
    return worst[0]


class Program:
    """The dynamic program of one session, for all limits on the stalls at once.

    Args:
        video: that is played.
        links: of the session, B = 1.
        most: (R,) limits, rising [s].
        switches: allowed; None: any number.
        step: between times [s].
    """

    def __init__(self, video: Video, links: Links, most: Tensor, switches: int | None, step: float) -> None:
        self.video, self.links, self.most, self.switches, self.step = video, links, most, switches, step
        self.kinds = 1 if switches is None else switches + 1
        startup = float(links.arrival(torch.zeros(1, 1).double(), video.sizes[:1, :1])) + ROUND_TRIP
        slack = BUFFER - startup + min(float(most[-1]), float(most[0]) + LATEST)
        self.cells = int(slack / self.step) + 2
        self.startup = startup
        self.change = (video.bitrates[:, None] - video.bitrates).abs()

    def begin(self, chunk: int) -> float:
        """Return the earliest time [s] at which a chunk can be requested, as the buffer holds no more than 60 s."""
        return max(0.0, chunk * (self.video.chunk_seconds - ROUND_TRIP) + self.startup - BUFFER)

    def arrivals(self, chunk: int, clock: Tensor, rounding: Rounding) -> tuple[Tensor, Tensor]:
        """Return the cells (C, J) of the times at which a chunk arrives, and its lateness (C, J) [s].

        Args:
            chunk: its number.
            clock: (C,) when it is requested.
            rounding: of times.
        """
        shape = len(clock), len(self.video.bitrates)
        sizes = self.video.sizes[chunk].expand(shape).reshape(1, -1)
        arrival = self.links.arrival(clock[:, None].expand(shape).reshape(1, -1), sizes).view(shape)
        cell = rounding((arrival - self.begin(chunk + 1)) / self.step)
        late = arrival + (chunk + 1) * ROUND_TRIP - chunk * self.video.chunk_seconds
        return cell.clamp(0, self.cells - 1).long(), late

    def values(self, rounding: Rounding) -> list[Tensor]:
        """Return the bitrates less changes that chunks from t on can add up to: T + 1 tensors (R, K, C, J), by the last
        bitrate, `NEVER` where a limit is broken; the first is not computed.
        """
        shape = len(self.most), self.kinds, self.cells, len(self.video.bitrates)
        values = [torch.zeros(shape)]
        for chunk in range(len(self.video.sizes) - 1, 0, -1):
            clock = self.begin(chunk) + self.step * torch.arange(self.cells, dtype=torch.float64)
            values.append(self._choices(chunk, clock, values[-1], rounding).amax(4))
        return [torch.empty(0), *values[::-1]]

    def _choices(self, chunk: int, clock: Tensor, value: Tensor, rounding: Rounding) -> Tensor:
        """Return what each choice adds up to (R, K, C, last, J) from times (C,), given the values after it."""
        cell, late = self.arrivals(chunk, clock, rounding)
        after = value.gather(2, cell.expand(*value.shape[:2], -1, -1))
        after = after.masked_fill((late > self.most[:, None, None] + 1e-9)[:, None], NEVER)
        kept = (after + self.video.bitrates.float())[:, :, :, None] - self.change.float()
        if self.switches is None:
            return kept
        fewer = torch.cat([torch.full_like(kept[:, :1], NEVER), kept[:, :-1]], dim=1)
        return torch.where(self.change > 0, fewer, kept)

    def first(self, value: Tensor, rounding: Rounding) -> Tensor:
        """Return what sessions add up to by limit and first bitrate (R, J), given the values after the first chunk."""
        return self._choices(0, torch.zeros(1).double(), value, rounding)[:, -1, 0, FIRST].double()

    def design(self, values: list[Tensor]) -> tuple[float, float, Tensor]:
        """Return utility, stalls [s] and bitrates (T,), float32, that values rounded against the player lead to."""
        floors = stall_floors(self.video, self.links)
        worth = self.first(values[1], torch.ceil) - STALL_PENALTY * self.most[:, None].maximum(floors)
        limit, choice = divmod(int(worth.argmax()), worth.shape[1])
        clock, buffer = torch.zeros(1).double(), torch.zeros(1).double()
        last, left, chosen, utility, stalls = FIRST, self.kinds - 1, [], 0.0, 0.0
        for chunk in range(len(self.video.sizes)):
            if chunk > 0:
                choice = self._next(chunk, clock, values[chunk + 1], limit, left, last)
            left = max(0, left - int(choice != last)) if self.switches is not None else left
            arrival = self.links.arrival(clock[None], self.video.sizes[chunk, choice].view(1, 1))[0]
            played = play(buffer, arrival - clock + ROUND_TRIP, self.video.chunk_seconds)
            stalls += float(played.stall)
            utility += float(quality(self.video.bitrates[choice], self.video.bitrates[last], played.stall))
            clock, buffer, last = arrival + played.wait, played.buffer, choice
            chosen.append(choice)
        return utility, stalls, torch.tensor(chosen, dtype=torch.float32)

    def _next(self, chunk: int, clock: Tensor, value: Tensor, limit: int, left: int, last: int) -> int:
        return int(self._choices(chunk, clock, value, torch.ceil)[limit, left, 0, last].argmax())
