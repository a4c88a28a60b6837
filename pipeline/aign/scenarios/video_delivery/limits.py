"""What a request asks, as rows that the integer program can enforce."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aign.scenarios.core.constraints import Constraint, Side, tightest
from aign.scenarios.video_delivery.catalogue import BITRATES


@dataclass(frozen=True)
class Way:
    """One way to serve the streams of a node.

    Attributes:
        path, hops: how far along which path.
        server: node that serves them; None: the origin.
        links: crossed.
        latency: round trip [ms].
        kilometres: length [km].
    """

    path: int
    hops: int
    server: int | None
    links: tuple[int, ...]
    latency: float
    kilometres: float


@dataclass(frozen=True)
class Service:
    """The streams of a class of titles at a node, served in one way at one level.

    Attributes:
        node, kind: the node and the class.
        way, level: how they are served.
        streams: [thousand].
        worth, carrying: of the streams, and of their traffic [credit].
    """

    node: int
    kind: int
    way: Way
    level: int
    streams: float
    worth: float
    carrying: float

    @property
    def traffic(self) -> float:
        """[Gbit/s]."""
        return self.streams * BITRATES[self.level]


@dataclass(frozen=True)
class Row:
    """The sum of `value` over all services taken, and of the price of storage if `storage`, is at most `most`."""

    value: Callable[[Service], float]
    most: float
    storage: bool = False


Rule = Callable[[float, float], Row]
"""From a threshold and all streams asked for [thousand] to a row."""
RULES: dict[Side, Rule] = {
    ("hit_ratio", ">="): lambda limit, total: Row(lambda s: s.streams * (limit - (s.way.server is not None)), 0.0),
    ("hit_ratio", "<="): lambda limit, total: Row(lambda s: s.streams * ((s.way.server is not None) - limit), 0.0),
    ("mean_latency", ">="): lambda limit, total: Row(lambda s: s.streams * (limit - s.way.latency), 0.0),
    ("mean_latency", "<="): lambda limit, total: Row(lambda s: s.streams * (s.way.latency - limit), 0.0),
    ("mean_bitrate", ">="): lambda limit, total: Row(lambda s: s.streams * (limit - BITRATES[s.level]), 0.0),
    ("mean_bitrate", "<="): lambda limit, total: Row(lambda s: s.streams * (BITRATES[s.level] - limit), 0.0),
    ("served", ">="): lambda limit, total: Row(lambda s: -s.streams, -limit * total),
    ("served", "<="): lambda limit, total: Row(lambda s: s.streams, limit * total),
    ("cost", "<="): lambda limit, total: Row(lambda s: s.carrying, limit, storage=True)}
LOAD: Side = ("max_load", "<=")
NEAREST: tuple[Side, ...] = (("hit_ratio", "<="), ("mean_latency", ">="))
"""Limits that a program would meet by having streams pass caches that could serve them, unless that is forbidden."""


@dataclass(frozen=True)
class Limits:
    """A request: the most that a link may be loaded, other bounds by what they bound, and what is only checked."""

    load: float
    bounds: tuple[tuple[Side, float], ...]
    ignored: tuple[Constraint, ...]

    @classmethod
    def of(cls, constraints: Sequence[Constraint]) -> Limits:
        """Return what constraints come to."""
        sides = {constraint.side for constraint in constraints}
        return cls(tightest(constraints, LOAD, 1.0),
                   tuple((side, tightest(constraints, side)) for side in RULES if side in sides),
                   tuple(each for each in constraints if each.side != LOAD and each.side not in RULES))

    @property
    def nearest(self) -> bool:
        """Whether it has to be said that the first cache on a path serves; without these limits it does anyway."""
        return any(side in NEAREST for side, _ in self.bounds)

    def rows(self, total: float) -> list[Row]:
        """Return the rows of a network where so many streams are asked for [thousand]."""
        return [RULES[side](threshold, total) for side, threshold in self.bounds]
