"""Seconds that learning takes, where a training may be stopped and taken up again and where it may not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aign.errors import DatasetError
from aign.files.writing import read_json, write_json

Mark = tuple[int, float]
"""Steps done, and the seconds they took."""


class Stopwatch:
    """Seconds of a training that may be stopped and taken up again, as if it had never been stopped.

    Marks of every so many steps are kept in a file, which a later process takes up; checkpoints should fall on marks. A
    training goes on from its checkpoint, so steps after it are taken twice: their first taking is not counted.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every
        self.marks: list[Mark] = []
        if path.exists():
            self.marks = [(int(step), float(seconds)) for step, seconds in read_json(path, DatasetError)]
        self.before: float | None = None
        self.began = time.perf_counter()

    def tell(self, step: int) -> None:
        """Note that a step is done; the first call tells where the training was taken up."""
        if self.before is None:
            self.before = seconds_at(self.marks, step - 1)
            self.marks = [mark for mark in self.marks if mark[0] < step]
        if step % self.every == 0:
            self.marks.append((step, self.before + time.perf_counter() - self.began))
            write_json(self.path, self.marks)

    def total(self) -> float:
        """Return the seconds of the whole training so far."""
        if self.before is None:  # everything was done in an earlier process
            return self.marks[-1][1] if self.marks else 0.0
        return self.before + time.perf_counter() - self.began


class Clock:
    """Seconds of a learning that cannot be taken up again; they begin with the first report, after preparation."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self.report, self.preparation = report, 0.0
        self.marks: list[Mark] = []
        self.began = time.perf_counter()

    def tell(self, done: int, planned: int) -> None:
        """Note how much is done."""
        if not self.marks:
            self.preparation = self.now()
            self.began += self.preparation
        self.marks.append((done, self.now()))
        self.report(done)

    def now(self) -> float:
        """Return the seconds since the first report."""
        return time.perf_counter() - self.began


def timed(curve: Sequence[Mapping[str, float]], axis: str, marks: Sequence[Mark]) -> list[dict[str, float]]:
    """Return the points of a learning curve with the seconds that their steps along `axis` took."""
    return [{**point, "seconds": seconds_at(marks, int(point[axis]))} for point in curve]


def seconds_at(marks: Sequence[Mark], step: int) -> float:
    """Return the seconds a number of steps took, in proportion to the nearest mark before; 0 without marks."""
    earlier = [mark for mark in marks if 0 < mark[0] <= step]
    if not earlier:
        return 0.0
    at, seconds = earlier[-1]
    return seconds * step / at
