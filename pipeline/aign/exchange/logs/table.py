"""Reading an operator's table, .csv or .parquet, cell by cell: what cannot be read is a fault of its row.

The whole table is in memory, float64. Axes: N rows.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from aign.errors import DatasetError, unknown_name
from aign.exchange.logs.faults import Faults
from aign.files import BLOCK
from aign.scenarios.constraints import LARGEST_WHOLE

Array = np.ndarray[Any, Any]
NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
WHOLE = re.compile(r"[-+]?\d+")
TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False, "": False}
SHOWN = 40


@dataclass(frozen=True, eq=False)
class LogTable:
    """The mapped columns of a log.

    Attributes:
        cells: column name -> Arrow array (N,).
        lines: (N,) int64, where each row stands: its line in a .csv file (the header is line 1), its number from 1 in a
            .parquet file.
        faults: rows that were rejected, and why; readers add to it.
    """

    cells: dict[str, pa.Array]
    lines: Array
    faults: Faults

    def __len__(self) -> int:
        return len(self.lines)

    def numbers(self, name: str, exact: bool = False) -> Array:
        """Return a column as float64 (N,), NaN where the cell is empty; cells that are no finite number are faults, and
        where it must be `exact` whole numbers that float64 would round.
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
        self.faults.add(wrong, lambda row: f"{name}: {_shown(cells[row])} is no finite number")
        if exact:
            self.faults.add(_rounded(cells, values), lambda row: (
                f"{name}: {_shown(cells[row])} is a whole number that float64 would round (exact: up to 2^53)"))
        return np.where(wrong, np.nan, values)

    def whole_numbers(self, name: str) -> Array:
        """Return a column as int64 (N,); cells that are empty or no whole number are faults, and 0."""
        values = self.numbers(name)
        good = (values == np.floor(values)) & (np.abs(values) < LARGEST_WHOLE)
        self.faults.add(~good, lambda row: f"{name}: {_shown(self.cells[name][row])} is no whole number")
        return np.where(good, values, 0).astype(np.int64)

    def texts(self, name: str, longest: int | None = None) -> Array:
        """Return a column as text, object (N,), "" where empty; empty cells and those longer than `longest` bytes are
        faults.
        """
        values = _texts(self.cells[name])
        size = np.array([len(value.encode()) for value in values], dtype=np.int64)
        self.faults.add(size == 0, lambda row: f"{name}: the cell is empty")
        if longest is not None:
            self.faults.add(size > longest, lambda row: f"{name}: {_shown(values[row])} is longer than {longest} bytes")
        return values

    def flags(self, name: str) -> Array:
        """Return a column of true and false (also 1 and 0; empty is false) as bool (N,); other cells are faults."""
        values = _texts(self.cells[name])
        truths = [TRUTHS.get(value.lower()) for value in values]
        self.faults.add(np.array([truth is None for truth in truths], dtype=bool),
                        lambda row: f"{name}: {_shown(values[row])} is neither true nor false")
        return np.array([bool(truth) for truth in truths], dtype=bool)


def column_names(path: Path, delimiter: str) -> list[str]:
    """Return the names of a table's columns.

    Raises:
        DatasetError: the file is missing, of another kind, not readable, or names a column twice.
    """
    names: list[str] = _guarded(path, lambda: _names(path, delimiter))
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"{path}: the column {name!r} stands twice. Rename one of them.")
    return names


def read_table(path: Path, columns: Collection[str], delimiter: str) -> LogTable:
    """Read some columns of a table.

    Args:
        path: a .csv or .parquet file.
        columns: names of columns that are in it.
        delimiter: between the cells of a .csv file.

    Raises:
        DatasetError: the file is not readable as a whole, or a column is neither numbers nor text.
    """
    wanted = sorted(set(columns))
    if path.suffix == ".csv":
        table, lines, faults = _guarded(path, lambda: _read_csv(path, wanted, delimiter))
    else:
        table = _guarded(path, lambda: pq.read_table(path, columns=wanted, partitioning=None))
        lines = np.arange(1, table.num_rows + 1)
        faults = Faults(lines)
    cells = {name: _guarded(path, partial(_column, path, name, table.column(name))) for name in wanted}
    return LogTable(cells, lines, faults)


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    if path.suffix not in (".csv", ".parquet"):
        raise DatasetError(f"{path}: {unknown_name('kind of table', path.suffix, ('.csv', '.parquet'))}")
    try:
        return read()
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file. Give the table of your log, .csv or .parquet.") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: not readable as {path.suffix[1:]} ({reason}). The file is damaged, or its name "
                           "ends wrongly.") from None


def _names(path: Path, delimiter: str) -> list[str]:
    if path.suffix == ".parquet":
        return list(pq.read_schema(path).names)
    _count_lines(path)
    options = pv.ParseOptions(delimiter=delimiter, invalid_row_handler=lambda row: "skip")
    with pv.open_csv(path, parse_options=options) as reader:
        return list(reader.schema.names)


def _read_csv(path: Path, columns: list[str], delimiter: str) -> tuple[pa.Table, Array, Faults]:
    """Return the table with every cell as bytes, the line of each row, and rows of a wrong number of cells."""
    odd: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        odd.append((row.number, f"cells: {row.actual_columns}, the header has {row.expected_columns}"))
        return "skip"

    lines = _count_lines(path)
    # One thread: only then are rows numbered.
    table = pv.read_csv(
        path, read_options=pv.ReadOptions(use_threads=False),
        parse_options=pv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=skip),
        convert_options=pv.ConvertOptions(include_columns=columns, strings_can_be_null=False,
                                          column_types={name: pa.binary() for name in columns}))
    if lines != table.num_rows + len(odd) + 1:
        raise ValueError("a cell has a line break, so that rows cannot be named by their line; replace it")
    places = np.setdiff1d(np.arange(2, lines + 1), [line for line, _ in odd])
    return table, places, Faults(places, odd)


def _count_lines(path: Path) -> int:
    """Return the lines of a text file, whatever ends them; what follows the last end counts where it is not empty.

    Raises:
        ValueError: the file is not UTF-8 (arrow would print a traceback of its own for some such rows).
    """
    count, before = 0, b"\n"
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as handle:
        while block := handle.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                raise ValueError(f"after line {count} a byte is not UTF-8; save the file as UTF-8") from None
            # A pair of carriage return and line feed that two blocks share was counted with the first of them.
            shared = before == b"\r" and block.startswith(b"\n")
            count += block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n") - shared
            before = block[-1:]
    decoder.decode(b"", final=True)
    return count + (before not in b"\r\n")


def _column(path: Path, name: str, column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array of numbers, or of text without blanks around it."""
    cells = column.combine_chunks()
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    kind = cells.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return cells
    if pa.types.is_decimal(kind):
        return pc.cast(cells, pa.float64(), safe=False)
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.utf8_trim_whitespace(pc.cast(cells, pa.string()).fill_null(""))
    raise DatasetError(f"{path}: column {name!r} holds {kind}; numbers, true and false, or text are needed.")


def _float64(cells: pa.Array) -> Array:
    values: Array = cells.fill_null(math.nan).to_numpy(zero_copy_only=False)
    return values


def _rounded(cells: pa.Array, values: Array) -> Array:
    """Return (N,): which cells are whole numbers that their float64 values (N,) do not equal."""
    rounded = np.zeros(len(values), dtype=bool)
    for row in np.flatnonzero(np.abs(values) >= LARGEST_WHOLE).tolist():
        cell = str(cells[row].as_py())
        rounded[row] = WHOLE.fullmatch(cell) is not None and np.isfinite(values[row]) and int(cell) != int(values[row])
    return rounded


def _texts(cells: pa.Array) -> Array:
    values = np.empty(len(cells), dtype=object)
    values[:] = pc.cast(cells, pa.string()).fill_null("").to_pylist()
    return values


def _shown(cell: Any) -> str:
    text = cell if isinstance(cell, str) else str(cell.as_py())
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
