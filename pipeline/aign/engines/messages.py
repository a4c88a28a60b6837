"""What a stage says of itself, to the standard logger "aign": what it read, what it made, what it measured.

As any library, the package shows none of it by itself: `show` does, which the command line calls, or the handlers and
levels that a program sets by `logging`. Seconds and sizes belong here and nowhere else: no output file holds anything
that differs between two equal runs.
"""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console
from rich.text import Text

logger = logging.getLogger("aign")
console = Console(highlight=False, soft_wrap=True)
"""The one console of all commands; it writes to whatever `sys.stdout` is at the time."""

BETWEEN = " | "
UNITS = ("B", "kB", "MB", "GB", "TB")


class ConsoleHandler(logging.Handler):
    """Prints each message on the console in one line, above progress bars: `collect power-20 | draws 6512 contexts`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message; an output that is gone is its caller's to know, so nothing is caught."""
        stage, between, message = record.getMessage().partition(BETWEEN)
        console.print(Text.assemble((stage, "bold"), (between, "dim"), message))


HANDLER = ConsoleHandler()


def show() -> None:
    """Print messages on standard output from now on."""
    logger.addHandler(HANDLER)  # a second time changes nothing
    logger.setLevel(logging.INFO)


def shown() -> bool:
    """Return whether anybody wants to see messages, and so progress bars."""
    return logger.isEnabledFor(logging.INFO)


def say(stage: str, message: str) -> None:
    """Log one line of a stage, such as `collect power-20 | draws 6512 contexts`."""
    logger.info("%s%s%s", stage, BETWEEN, message)


def read(stage: str, path: Path) -> None:
    """Say that a stage read a file or folder, and how large it is."""
    say(stage, f"read {described(path)}")


def made(stage: str, path: Path) -> None:
    """Say that a stage made a file or folder, and how large it is."""
    say(stage, f"made {described(path)}")


def measured(stage: str, **values: float | int | str) -> None:
    """Say what a stage measured; numbers are shown with four digits."""
    parts = (f"{name.replace('_', ' ')} {value:.4g}" if isinstance(value, float) else
             f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    say(stage, f"measured {', '.join(parts)}")


def warn(message: str, colour: str = "yellow") -> None:
    """Print a line on standard error, coloured on a terminal."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(message, colour))


def described(path: Path) -> str:
    """Return a path with its number of files and its size, or with the word missing."""
    if not path.exists():
        return f"{path} (missing)"
    if path.is_file():
        return f"{path} ({size(path.stat().st_size)})"
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    return f"{path} ({len(sizes)} file{'' if len(sizes) == 1 else 's'}, {size(sum(sizes))})"


def size(count: int) -> str:
    """Return a number of bytes in the largest decimal unit that leaves at least 1, such as 1.3 MB."""
    value, step = float(count), 0
    while value >= 999.95 and step < len(UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.1f} {UNITS[step]}" if step else f"{count} B"


def duration(seconds: float) -> str:
    """Return a time as minutes and seconds, with hours where there are any: 0:07, 12:34, 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
