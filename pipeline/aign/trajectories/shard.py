"""One shard: a memory-mapped Arrow stream with a single record batch, seen as tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from aign.errors import DatasetError, unknown_name
from aign.files.writing import writing
from aign.trajectories.layout import is_text, leaf_of, to_tensor
from aign.trajectories.schema import FORMAT_VERSION
from aign.trajectories.versions import upgraded_column, upgraded_schema

Strings = np.ndarray[Any, np.dtype[np.str_]]
OnRead = Callable[[str], None]
"""Told the name of a column before it is read for the first time."""


def read_batch(path: Path) -> pa.RecordBatch:
    """Return the one record batch of a shard file as it is stored, memory-mapped.

    Raises:
        DatasetError: the file is missing, no Arrow stream, or not exactly one record batch.
    """
    try:
        batches = list(pa.ipc.open_stream(pa.memory_map(str(path))))
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing. The dataset is incomplete; make it again.") from None
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: not readable as an Arrow stream ({error}). The file is damaged or foreign; "
                           "make the dataset again.") from None
    if len(batches) != 1:
        raise DatasetError(f"{path}: {len(batches)} record batches, a shard has exactly one. The file is foreign; "
                           "write episodes with ShardWriter.")
    return batches[0]


def write_batch(path: Path, batch: pa.RecordBatch) -> None:
    """Write a shard file, whole or not at all.

    Raises:
        StorageError: the disk is full or read-only.
    """
    with writing(path) as aside, pa.OSFile(str(aside), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from one that took its place; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Shard:
    """Zero-copy access to one shard file. Tensors lie in the mapped file: read them, never write to them.

    Attributes:
        path: the file.
        schema: its Arrow schema, without metadata; with the columns of today, whatever version the file has.
    """

    def __init__(self, path: Path, version: int = FORMAT_VERSION, on_read: OnRead | None = None) -> None:
        """Map a shard file of some format version.

        Args:
            path: the file.
            version: of its columns.
            on_read: sees to it that a column is in the file, where the file is filled as it is read.

        Raises:
            DatasetError: the file is missing, no Arrow stream, or not exactly one record batch.
        """
        self.path = path
        self._version, self._state, self._on_read = version, _state(path), on_read
        self._batch = read_batch(path)
        self._views: dict[str, Tensor] = {}
        self._strings: dict[str, Strings] = {}
        self.schema = upgraded_schema(self._batch.schema, version)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def view(self, name: str) -> Tensor:
        """Return a numeric column as a tensor (rows, ...), without copying; but booleans are unpacked, and what older
        versions hold in float32 and today's in float64 is converted.

        Raises:
            DatasetError: no such column, or one of text.
        """
        if is_text(self._field(name).type):
            raise DatasetError(f"Column {name!r} holds text; read it with strings({name!r}).")
        if name not in self._views:
            self._views[name] = to_tensor(self._column(name))
        return self._views[name]

    def strings(self, name: str) -> Strings:
        """Return a text column (rows,).

        Raises:
            DatasetError: no such column, or one of numbers.
        """
        if not is_text(self._field(name).type):
            raise DatasetError(f"Column {name!r} holds numbers; read it with views({name!r}) or column({name!r}).")
        if name not in self._strings:
            self._strings[name] = np.asarray(self._column(name).to_pylist(), dtype=np.str_)
        return self._strings[name]

    def rows_of(self, split: str) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Return the indices of the rows of a split, ascending."""
        return np.flatnonzero(self.strings("split") == split)

    def release(self) -> None:
        """Give the pages read so far back to the system, for those who go through many shards one after the other.

        The file is mapped anew; views handed out before stay valid, and hold what they lie in.
        """
        if self._state is not None and _state(self.path) == self._state:  # never another file than the one checked
            self._batch = read_batch(self.path)
            self._views.clear()

    def precision(self, name: str) -> torch.dtype:
        """Return the type in which the file itself holds a column of floats: torch.float32 or torch.float64."""
        return torch.float32 if leaf_of(self._batch.schema.field(name).type) == pa.float32() else torch.float64

    def _column(self, name: str) -> pa.Array:
        if self._on_read is not None and name in self._batch.schema.names:
            self._on_read(name)
            self._state = _state(self.path)
        return upgraded_column(self._batch, name, self._version)

    def _field(self, name: str) -> pa.Field:
        if name not in self.schema.names:
            raise DatasetError(unknown_name("column", name, self.schema.names))
        return self.schema.field(name)
