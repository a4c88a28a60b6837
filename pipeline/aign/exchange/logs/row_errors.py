"""Rows that an import rejects, with their lines and reasons.

Axes: N rows of the table.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from aign.files.writing import writing

Array = np.ndarray[Any, Any]
INDEX = re.compile(r"\[\d+\]$")
"""Of a value among several: an error of power[3] is counted under power."""


class RowErrors:
    """The first thing wrong with each row, and rows that are rejected with their episode.

    Args:
        lines: (N,) line of each row in the file.
        unreadable: (line, reason) of rows that are not even in the table.
    """

    def __init__(self, lines: Array, unreadable: Iterable[tuple[int, str]] = ()) -> None:
        self.lines = lines
        self.unreadable = list(unreadable)
        self.wrong = np.zeros(len(lines), dtype=bool)
        self._reasons: dict[int, str] = {}
        self._because: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.unreadable) + len(self._reasons) + len(self._because)

    def add(self, wrong: Array, reason: Callable[[int], str]) -> None:
        """Add the rows where `wrong` (N,) is true; `reason` is called for each that has no error yet."""
        for row in np.flatnonzero(wrong & ~self.wrong).tolist():
            self.add_row(row, reason(row))

    def add_row(self, row: int, reason: str) -> None:
        """Add one row, unless it has an error already."""
        self._reasons.setdefault(row, reason)
        self.wrong[row] = True

    def reject(self, rows: Array) -> None:
        """Reject the other rows of an episode because of the first one, in the file, that has an error."""
        because = int(rows[self.wrong[rows]].min())
        self._because |= dict.fromkeys(rows[~self.wrong[rows]].tolist(), because)
        self.wrong[rows] = True

    def line_of(self, row: int) -> int:
        """Return the line of a row in the file."""
        return int(self.lines[row])

    def entries(self) -> list[tuple[int, str]]:
        """Return (line, reason) of every rejected row, by line."""
        with_others = ((self.line_of(row), f"its episode is rejected because of line {self.line_of(because)}")
                       for row, because in self._because.items())
        return sorted([*self.first(), *with_others])

    def first(self, count: int | None = None) -> list[tuple[int, str]]:
        """Return (line, reason) of the rows that have an error themselves, by line; only the first `count` if given."""
        return sorted([*self.unreadable,
                       *((self.line_of(row), reason) for row, reason in self._reasons.items())])[:count]

    def kinds(self) -> dict[str, int]:
        """Return how many rows were rejected for what: the text before the reason's colon, most frequent first."""
        counts = Counter(INDEX.sub("", reason.partition(":")[0]) for _, reason in self.first())
        counts["the episode has a faulty row"] = len(self._because)
        return {kind: count for kind, count in counts.most_common() if count}

    def write(self, path: Path) -> None:
        """Write one JSON object a line, {"line": ..., "reason": ...}, by line."""
        with writing(path) as aside, aside.open("w", encoding="utf-8") as out:
            for line, reason in self.entries():
                out.write(json.dumps({"line": line, "reason": reason}, ensure_ascii=False) + "\n")
