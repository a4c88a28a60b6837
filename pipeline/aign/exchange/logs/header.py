"""The column names of a log, as its file has them, and the error for a name that is not among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from aign.exchange.logs.text_file import DELIMITERS, GZIP, ending_of, first_lines, split

OPENING = 20
"""Lines of a text file in which the names are looked for."""
MAX_NAMES = 40
MAX_LETTERS = 60
USUAL_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Header:
    """What a file says of its columns.

    Attributes:
        path: the file.
        names: of all columns, in their order, without blanks around them; any may be empty or appear twice.
        line: their line in a text file; 0 in a .parquet file.
        delimiter: between the cells of a text file.
        opening: number and text of the first lines of a text file, for hints.
    """

    path: Path
    names: tuple[str, ...]
    line: int = 0
    delimiter: str = ","
    opening: tuple[tuple[int, str], ...] = ()

    def lacks(self, what: str, pattern: str) -> str:
        """Return the message for a column that the file does not have.

        Args:
            what: the column, in words.
            pattern: regular expression that its name would match.
        """
        names = [repr(name if len(name) <= MAX_LETTERS else name[:MAX_LETTERS] + "…") for name in self.names]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        where = f" (line {self.line})" if self.line else ""
        return (f"{self.path} has no column {what}. Its names{where}: {', '.join(names[:MAX_NAMES]) or 'none'}{more}."
                f"{self._hint(pattern)}")

    def _hint(self, pattern: str) -> str:
        """Return what would let the column be found: another delimiter, another first line, other capitals."""
        for number, line in self.opening:
            for delimiter in (self.delimiter, *USUAL_DELIMITERS):
                name = next((cell for cell in _cells(line, delimiter) if re.fullmatch(pattern, cell, re.IGNORECASE)),
                            None)
                if name is None:
                    continue
                steps = [f"delete the lines above line {number}, which has the names"] * (number != self.line)
                quoted = delimiter.replace("\t", "\\t")
                steps += [f'set delimiter: "{quoted}" in the mapping'] * (delimiter != self.delimiter)
                if not re.fullmatch(pattern, name):
                    steps.append(f"write {name!r} in the mapping, with the file's capitals")
                return f" To fix it: {'; '.join(steps)}."
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
    delimiter = delimiter or DELIMITERS[ending.removesuffix(GZIP)]
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
