"""Logs as text, cells divided by a delimiter: .csv, .tsv and .txt, each also compressed with gzip (.csv.gz).

Line ends of every system are read; empty lines are not rows, wherever they are. Axes: N rows.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

Array = np.ndarray[Any, Any]
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": ","}
"""What divides the cells of each kind of file unless the mapping says otherwise."""
GZIP = ".gz"
TEXT_ENDINGS = (*DELIMITERS, *(f"{ending}{GZIP}" for ending in DELIMITERS))


def ending_of(path: Path) -> str:
    """Return the ending of a file's name in lower case, with the one before it where the last is .gz."""
    ending = path.suffix.lower()
    return Path(path.stem).suffix.lower() + ending if ending == GZIP else ending


def first_lines(path: Path, count: int) -> list[tuple[int, str]]:
    """Return (number, text) of the first lines that are not empty; the first line of the file is 1."""
    with _opened(path) as file:
        return list(islice(((number, line) for number, line in _numbered(file) if line.strip()), count))


def split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line without blanks around them.

    Raises:
        ValueError: a quote is opened and not closed.
    """
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise ValueError(f"its quotes do not match ({error})") from None


def read_columns(path: Path, header_line: int, width: int, columns: Sequence[int],
                 delimiter: str) -> tuple[pa.Table, Array, list[tuple[int, str]]]:
    """Read some columns, every cell as bytes.

    Args:
        path: the file.
        header_line: the line of the names; the rows follow it.
        width: cells a row must have.
        columns: places of the columns to read, from 0.
        delimiter: between the cells.

    Returns:
        The table (N rows), its columns named by their places; the line of each row, int64 (N,); line and reason of
        each row of another width.

    Raises:
        ValueError: the file is not UTF-8, or rows cannot be told from lines.
    """
    with _opened(path) as file:
        filled = np.array([bool(line.strip()) or delimiter in line for _, line in _numbered(file)], dtype=np.bool_)
    names = [str(place) for place in columns]
    if len(filled) == header_line:
        return pa.table({name: pa.array([], pa.binary()) for name in names}), np.arange(0), []
    odd: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        """Note a row of another width, and leave it out."""
        odd.append((row.number, f"cells: {row.actual_columns}, the header has {row.expected_columns}"))
        return "skip"

    # One thread: only then are rows numbered, and nothing is still read ahead when the process ends.
    with _opened(path) as file:
        table = pv.read_csv(
            file, read_options=pv.ReadOptions(use_threads=False, skip_rows=header_line,
                                              column_names=[str(place) for place in range(width)]),
            parse_options=pv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=skip),
            convert_options=pv.ConvertOptions(include_columns=names, strings_can_be_null=False,
                                              column_types={name: pa.binary() for name in names}))
    if len(filled) - header_line != table.num_rows + len(odd):
        raise ValueError("a cell has a line break, so that rows cannot be named by their line; replace it")
    lines = np.setdiff1d(np.arange(header_line + 1, len(filled) + 1), [line for line, _ in odd])
    rows = filled[lines - 1]
    return table.filter(pa.array(rows)), lines[rows], [entry for entry in odd if filled[entry[0] - 1]]


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with (gzip.open(path) if path.suffix.lower() == GZIP else path.open("rb")) as file:
        yield file  # type: ignore[misc]  # gzip's file is not declared a BinaryIO


def _numbered(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line."""
    number = 0
    try:
        # Without newline="" the three kinds of line ends are one.
        for number, line in enumerate(io.TextIOWrapper(file, encoding="utf-8-sig"), start=1):
            yield number, line.removesuffix("\n")
    except UnicodeDecodeError:
        raise ValueError(f"after line {number} a byte is not UTF-8; save the file as UTF-8") from None
