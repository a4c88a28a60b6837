"""What a stage says of itself: what it read, what it made, what it measured. One line each, on standard output.

Seconds and sizes belong here and nowhere else: no output file holds anything that differs between two equal runs.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)
"""The one console of all stages; it writes to whatever `sys.stdout` is at the time."""

UNITS = ("B", "kB", "MB", "GB", "TB")


def say(stage: str, message: str) -> None:
    """Print one line of a stage, such as `collect power-20 | draws 6512 contexts`."""
    console.print(Text.assemble((stage, "bold"), (" | ", "dim"), message))


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


def described(path: Path) -> str:
    """Return a path with its number of files and its size, or with the word missing."""
    if not path.exists():
        return f"{path} (missing)"
    sizes = [file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    if path.is_file():
        return f"{path} ({size(sum(sizes))})"
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
