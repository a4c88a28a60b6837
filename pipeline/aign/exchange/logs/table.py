"""Reading an operator's table cell by cell: what cannot be read is an error of its row.

The whole table is in memory, float64. Axes: N rows.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aign.errors import DatasetError, unknown_name
from aign.exchange.logs.header import Header, read_header
from aign.exchange.logs.row_errors import RowErrors
from aign.exchange.logs.text_file import TEXT_ENDINGS, ending_of, read_columns
from aign.scenarios.core.constraints import LARGEST_WHOLE

Array = np.ndarray[Any, Any]
ENDINGS = (*TEXT_ENDINGS, ".parquet")
NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
WHOLE = re.compile(r"[-+]?\d+")
TRUTHS = {**dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), True),
          **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0", ""), False)}
USUAL_MARKS = frozenset({"na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?", "."})
"""What people write into an empty cell."""
NO_NUMBER = int(np.iinfo(np.int64).min)
"""In place of a whole number that could not be read."""
MAX_LETTERS = 40


@dataclass(frozen=True, eq=False)
class LogTable:
    """The mapped columns of a log.

    Attributes:
        cells: column name -> Arrow array (N,).
        errors: rows that were rejected, and why; the methods add to it.
    """

    cells: dict[str, pa.Array]
    errors: RowErrors

    @property
    def lines(self) -> Array:
        """Return (N,) int64: of each row its line in a text file, or its number from 1 in .parquet."""
        return self.errors.lines

    def __len__(self) -> int:
        return len(self.lines)

    def numbers(self, name: str, exact: bool = False) -> Array:
        """Return a column as float64 (N,), NaN where the cell is empty; cells that are not finite numbers are errors,
        and where it must be `exact` whole numbers that float64 would round.
        """
        cells = self.cells[name]
        if pa.types.is_string(cells.type):
            readable = pc.match_substring_regex(cells, NUMBER)
            values = _float64(pc.cast(pc.if_else(readable, cells, None), pa.float64()))
            empty = pc.equal(cells, "").to_numpy(zero_copy_only=False)
        else:
            values = _float64(pc.cast(cells, pa.float64(), safe=False))
            empty = cells.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
        wrong = ~empty & ~np.isfinite(values)
        self.errors.add(wrong, lambda row: f"{name}: {self._quoted(name, row)} is not a finite number"
                                           f"{self._hint(name, row)}")
        if exact:
            self.errors.add(_rounded(cells, values), lambda row: (
                f"{name}: {self._quoted(name, row)} is a whole number that float64 would round (exact: up to 2^53)"))
        return np.where(wrong, np.nan, values)

    def whole_numbers(self, name: str) -> Array:
        """Return a column as int64 (N,); cells that are empty or not whole numbers are errors, and NO_NUMBER."""
        values = self.numbers(name)
        good = (values == np.floor(values)) & (np.abs(values) < LARGEST_WHOLE)
        self.errors.add(~good, lambda row: f"{name}: {self._quoted(name, row)} is not a whole number")
        return np.where(good, values, NO_NUMBER).astype(np.int64)

    def texts(self, name: str, longest: int | None = None) -> Array:
        """Return a column as text, object (N,), "" where empty; empty cells and those longer than `longest` bytes are
        errors.
        """
        cells = _strings(self.cells[name])
        size = pc.binary_length(cells).to_numpy(zero_copy_only=False)
        self.errors.add(size == 0, lambda row: f"{name}: the cell is empty")
        if longest is not None:
            self.errors.add(size > longest,
                            lambda row: f"{name}: {self._quoted(name, row)} is longer than {longest} bytes")
        return np.asarray(cells)

    def flags(self, name: str) -> Array:
        """Return a column of true and false as bool (N,); other cells are errors.

        In any capitals: true, t, yes, y, on, 1, and false, f, no, n, off, 0; an empty cell is false.
        """
        truths = [TRUTHS.get(text.lower()) for text in _strings(self.cells[name]).to_pylist()]
        self.errors.add(np.array([truth is None for truth in truths], dtype=bool),
                        lambda row: f"{name}: {self._quoted(name, row)} is neither true nor false"
                                    f"{self._hint(name, row)}")
        return np.array([bool(truth) for truth in truths], dtype=bool)

    def _quoted(self, name: str, row: int) -> str:
        text = str(self.cells[name][row].as_py())
        return repr(text if len(text) <= MAX_LETTERS else text[:MAX_LETTERS] + "…")

    def _hint(self, name: str, row: int) -> str:
        """Return what to do about a cell that looks like a mark of an empty one, or nothing."""
        text = str(self.cells[name][row].as_py())
        return f"; if it marks an empty cell, set empty: [{text!r}] in the mapping" \
            if text.lower() in USUAL_MARKS else ""


def open_header(path: Path, delimiter: str | None = None) -> Header:
    """Return the names of a table's columns.

    Args:
        path: a text file (.csv, .tsv, .txt, also with .gz) or a .parquet file.
        delimiter: between the cells of a text file; by default a tab in .tsv, else a comma.

    Raises:
        DatasetError: the file is missing, of another kind, or not readable.
    """
    with _reading(path):
        return read_header(path, delimiter)


def read_table(header: Header, columns: Collection[str], empty: Sequence[str] = ()) -> LogTable:
    """Read some columns of a table.

    Args:
        header: of the table.
        columns: names of columns that are in it once.
        empty: texts that mark an empty cell, in any capitals.

    Raises:
        DatasetError: the file is not readable as a whole, or a column is neither numbers nor text.
    """
    path, names = header.path, sorted(columns)
    places = [header.names.index(name) for name in names]
    marks = pa.array([mark.lower() for mark in empty], pa.string())
    with _reading(path):
        if ending_of(path) == ".parquet":
            written = pq.read_schema(path).names  # with the blanks that some have around them
            table = pq.read_table(path, columns=[written[place] for place in places], partitioning=None)
            cells = [table.column(written[place]) for place in places]
            errors = RowErrors(np.arange(1, table.num_rows + 1))
        else:
            table, lines, odd = read_columns(path, header.line, len(header.names), places, header.delimiter)
            cells = [table.column(str(place)) for place in places]
            errors = RowErrors(lines, odd)
        return LogTable({name: _column(path, name, column, marks) for name, column in zip(names, cells, strict=True)},
                        errors)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise a DatasetError where a table is missing, of unknown kind or not readable."""
    ending = ending_of(path)
    if ending not in ENDINGS:
        raise DatasetError(f"{path}: {unknown_name('kind of table', ending, ENDINGS)}")
    try:
        yield
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file. Give the table of your log: {', '.join(TEXT_ENDINGS)} or "
                           ".parquet.") from None
    except (pa.ArrowException, OSError, ValueError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: not readable as {ending[1:]} ({reason}). The file is damaged, or its name "
                           "has the wrong ending.") from None


def _column(path: Path, name: str, column: pa.ChunkedArray, empty: pa.Array) -> pa.Array:
    """Return a column as one array of numbers, or of text without blanks around it, "" where `empty` holds it."""
    cells = column.combine_chunks()
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    kind = cells.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return cells
    if pa.types.is_decimal(kind):
        return pc.cast(cells, pa.float64(), safe=False)
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = pc.utf8_trim_whitespace(_strings(cells))
        return pc.if_else(pc.is_in(pc.utf8_lower(texts), value_set=empty), "", texts)
    raise DatasetError(f"{path}: column {name!r} holds {kind}; numbers, true and false, or text are needed.")


def _strings(cells: pa.Array) -> pa.Array:
    return pc.cast(cells, pa.string()).fill_null("")


def _float64(cells: pa.Array) -> Array:
    return np.asarray(cells.fill_null(math.nan))


def _rounded(cells: pa.Array, values: Array) -> Array:
    """Return (N,): which cells are whole numbers that their float64 values (N,) do not equal."""
    rounded = np.zeros(len(values), dtype=bool)
    for row in np.flatnonzero(np.abs(values) >= LARGEST_WHOLE).tolist():
        cell = str(cells[row].as_py())
        rounded[row] = WHOLE.fullmatch(cell) is not None and np.isfinite(values[row]) and int(cell) != int(values[row])
    return rounded
