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
"""Of a value among several: power[3] is a fault of power."""


class Faults:
    """The first thing wrong with each row, and rows that fall with their episode.

    Args:
        lines: (N,) where each row stands in the file.
        unreadable: (line, reason) of rows that are not even in the table.
    """

    def __init__(self, lines: Array, unreadable: Iterable[tuple[int, str]] = ()) -> None:
        self.lines = lines
        self.unreadable = list(unreadable)
        self.wrong = np.zeros(len(lines), dtype=bool)
        self._reasons: dict[int, str] = {}
        self._fallen: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.unreadable) + len(self._reasons) + len(self._fallen)

    def add(self, wrong: Array, reason: Callable[[int], str]) -> None:
        """Reject the rows where `wrong` (N,) is true; `reason` is asked of each that was not rejected before."""
        for row in np.flatnonzero(wrong & ~self.wrong).tolist():
            self._reasons[row] = reason(row)
        self.wrong |= wrong

    def note(self, row: int, reason: str) -> None:
        """Reject one row that was not rejected before."""
        self._reasons.setdefault(row, reason)
        self.wrong[row] = True

    def fall(self, rows: Array, because: int) -> None:
        """Reject the rest of an episode, of which the row `because` was at fault."""
        self._fallen |= dict.fromkeys(rows[~self.wrong[rows]].tolist(), because)
        self.wrong[rows] = True

    def line_of(self, row: int) -> int:
        """Return where a row stands in the file."""
        return int(self.lines[row])

    def entries(self) -> list[tuple[int, str]]:
        """Return (line, reason) of every rejected row, by line."""
        fallen = ((self.line_of(row), f"its episode is rejected because of line {self.line_of(because)}")
                  for row, because in self._fallen.items())
        return sorted([*self.unreadable, *fallen, *((self.line_of(row), why) for row, why in self._reasons.items())])

    def first(self, count: int) -> list[tuple[int, str]]:
        """Return (line, reason) of the first rows that were themselves at fault."""
        return sorted([*self.unreadable,
                       *((self.line_of(row), why) for row, why in self._reasons.items())])[:count]

    def kinds(self) -> dict[str, int]:
        """Return how many rows were rejected for what: the reason's first word, most frequent first."""
        reasons = [*self._reasons.values(), *(why for _, why in self.unreadable)]
        counts = Counter(INDEX.sub("", why.partition(":")[0]) for why in reasons)
        counts["the episode has a faulty row"] = len(self._fallen)
        return {kind: count for kind, count in counts.most_common() if count}

    def write(self, path: Path) -> None:
        """Write one JSON object a line, {"line": ..., "reason": ...}, by line."""
        with writing(path) as aside, aside.open("w", encoding="utf-8") as out:
            for line, reason in self.entries():
                out.write(json.dumps({"line": line, "reason": reason}, ensure_ascii=False) + "\n")
