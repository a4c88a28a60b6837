"""The names of a log's columns as they stand in the file, and what to say where a name is not among them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from aign.exchange.logs.text_file import DELIMITERS, ending_of, first_lines, split

OPENING = 20
"""Lines of a text file among which a header is looked for."""
SHOWN_NAMES = 40
SHOWN_LETTERS = 60
USUAL_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Header:
    """What a file says of its columns.

    Attributes:
        path: the file.
        names: of all columns, in their order, without blanks around them; any may be empty or stand twice.
        line: where they stand in a text file; 0 in a .parquet file.
        delimiter: between the cells of a text file.
        opening: number and text of the first lines of a text file, for hints.
    """

    path: Path
    names: tuple[str, ...]
    line: int = 0
    delimiter: str = ","
    opening: tuple[tuple[int, str], ...] = ()

    def place(self, name: str) -> int:
        """Return which column has a name, from 0."""
        return self.names.index(name)

    def lacks(self, what: str, pattern: str) -> str:
        """Return the message for a column that is not there.

        Args:
            what: the column, in words.
            pattern: regular expression that its name would match.
        """
        names = [repr(name if len(name) <= SHOWN_LETTERS else name[:SHOWN_LETTERS] + "…") for name in self.names]
        more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        where = f" (line {self.line})" if self.line else ""
        return (f"{self.path} has no column {what}. Its names{where}: {', '.join(names[:SHOWN_NAMES]) or 'none'}{more}."
                f"{self._hint(pattern)}")

    def nearest(self, name: str) -> str:
        """Return a sentence with the name most like one that is not there, or nothing."""
        near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.5)
        return f" Did you mean {near[0]!r}?" if near else ""

    def _hint(self, pattern: str) -> str:
        """Return what would let the column be found: another delimiter, another first line, other capitals."""
        exact, anyhow = re.compile(pattern), re.compile(pattern, re.IGNORECASE)
        for number, line in self.opening:
            for delimiter in (self.delimiter, *USUAL_DELIMITERS):
                name = next((cell for cell in _cells(line, delimiter) if anyhow.fullmatch(cell)), None)
                if name is None:
                    continue
                steps = [f"delete what stands above line {number}, which has the names"] * (number != self.line)
                steps += [f"say delimiter: {_quoted(delimiter)} in the mapping"] * (delimiter != self.delimiter)
                steps += [f"write {name!r} in the mapping, in the file's capitals"] * (not exact.fullmatch(name))
                return f" To mend it: {'; '.join(steps)}."
        return ""


def read_header(path: Path, delimiter: str | None = None) -> Header:
    """Read the names of a file's columns; its kind must be known.

    Args:
        path: a text or .parquet file.
        delimiter: between the cells of a text file; by default that of its kind.

    Raises:
        OSError, ValueError, EOFError: the file is missing or not readable.
    """
    ending = ending_of(path)
    if ending == ".parquet":
        return Header(path, tuple(name.strip() for name in pq.read_schema(path).names))
    delimiter = delimiter or DELIMITERS[Path(ending).stem if ending.count(".") > 1 else ending]
    opening = first_lines(path, OPENING)
    if not opening:
        raise ValueError("it is empty")
    line, text = opening[0]
    return Header(path, tuple(split(text, delimiter)), line, delimiter, tuple(opening))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return split(line, delimiter)
    except ValueError:
        return []


def _quoted(delimiter: str) -> str:
    return '"\\t"' if delimiter == "\t" else f'"{delimiter}"'
