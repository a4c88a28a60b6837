"""How far a stage is: bars on a terminal, a plain line every ten seconds where output goes to a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from aign.engines import messages

PLAIN_LINE_SECONDS = 10.0
RATE_SECONDS = 120.0
"""Seconds over which rates are averaged, not since the start: a resumed job begins far from zero."""


class RateColumn(ProgressColumn):
    """Units done per second."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.3g}/s" if speed else "", style="cyan")


class Progress:
    """Several named counts that advance together; use as a context manager."""

    def __init__(self, title: str, plain_line_seconds: float = PLAIN_LINE_SECONDS) -> None:
        self.title = title
        self.plain_line_seconds = plain_line_seconds
        self.live = messages.console.is_terminal and messages.shown()
        self.bars = Bars(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(),
                         TextColumn("left"), TimeRemainingColumn(), TextColumn("elapsed"), TimeElapsedColumn(),
                         console=messages.console, disable=not self.live, speed_estimate_period=RATE_SECONDS)
        self.tasks: dict[str, TaskID] = {}
        self.started: dict[str, float] = {}
        self.last_line = time.monotonic()

    def __enter__(self) -> Progress:
        self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.bars.stop()

    def add(self, name: str, total: int) -> None:
        """Add a count that has not begun; its clock starts with the first `update`."""
        self.tasks[name] = self.bars.add_task(f"{self.title} {name}", total=total, start=False)

    def counter(self, name: str) -> Callable[[int, int], None]:
        """Return what takes (done, total) of a count, whose total becomes known with the first report."""
        def report(done: int, total: int) -> None:
            if name not in self.tasks:
                self.add(name, total)
            self.update(name, done)
            self.tick()
        return report

    def update(self, name: str, done: int) -> None:
        """Set how much of a count is done, in the unit of its total."""
        if name not in self.started:
            self.started[name] = time.monotonic()
            self.bars.start_task(self.tasks[name])
        self.bars.update(self.tasks[name], completed=done)

    def tick(self) -> None:
        """Print the plain line where it is due; call this at least once a second."""
        if self.live or time.monotonic() - self.last_line < self.plain_line_seconds:
            return
        self.last_line = time.monotonic()
        if counts := [line for line in map(self.line, self.tasks) if line]:
            messages.say(self.title, "; ".join(counts))

    def line(self, name: str) -> str:
        """Return one running count in words; nothing for one that has not begun or is complete."""
        task = self.bars.tasks[self.tasks[name]]
        total = int(task.total or 0)
        done = int(task.completed)
        if name not in self.started or done >= total:
            return ""
        rate = "" if task.speed is None else f", {task.speed:,.3g}/s"
        left = "" if task.time_remaining is None else f", left {messages.duration(task.time_remaining)}"
        return f"{name} {done} of {total}{rate}{left}, elapsed {messages.duration(task.elapsed or 0.0)}"


@contextmanager
def counted(title: str, name: str) -> Iterator[Callable[[int, int], None]]:
    """Show one count alone; see `Progress.counter`."""
    with Progress(title) as progress:
        yield progress.counter(name)
