"""Reading a remote shard column by column: where each column lies in the file, and fetching just that."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from aign.errors import DatasetError
from aign.files import manifest
from aign.files.mirror import Mirror
from aign.trajectories.shard import OnRead, read_batch

HEAD = 1 << 16
"""Bytes fetched first: schema and description of the record batch, which tell where the columns are."""
LARGEST_HEAD = 1 << 24
PREFIX, CONTINUED = 8, b"\xff\xff\xff\xff"
"""An Arrow message begins with these bytes and the length of its description, little-endian in four bytes."""


def fetching(mirror: Mirror, name: str) -> OnRead:
    """Fetch the head of a shard, and return what fetches one of its columns.

    Raises:
        DatasetError: it does not begin as an Arrow stream does.
        StorageError: the storage does not answer.
    """
    path = mirror.folder / name
    _fetch_head(mirror, name)
    places = extents(path)

    def fetch(column: str) -> None:
        """Fetch a column, where it is not here yet."""
        mirror.fetch(name, *places[column])

    return fetch


def extents(path: Path) -> dict[str, tuple[int, int]]:
    """Return where each column of a shard file lies, from the first byte of its buffers to behind the last.

    Raises:
        DatasetError: not a shard.
    """
    read_batch(path)
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_stream(source).read_next_batch()
        source.seek(0)
        start = source.read_buffer(1).address
        places = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            buffers = [(buffer.address - start, buffer.size) for buffer in column.buffers() if buffer is not None]
            places[name] = (min(first for first, _ in buffers), max(first + size for first, size in buffers))
        return places


def _fetch_head(mirror: Mirror, name: str) -> None:
    """Fetch the two descriptions at the beginning, and the mark at the end."""
    path = mirror.folder / name
    size = path.stat().st_size
    mirror.fetch(name, 0, HEAD)
    mirror.fetch(name, max(0, size - PREFIX), size)
    end = 0
    for _ in range(2):  # schema, record batch
        mirror.fetch(name, end, end + PREFIX)
        with path.open("rb") as file:
            file.seek(end)
            prefix = file.read(PREFIX)
        length = int.from_bytes(prefix[4:], "little")
        if prefix[:4] != CONTINUED or not 0 < length <= LARGEST_HEAD or end + PREFIX + length > size:
            raise DatasetError(f"{mirror.remote.url}/{name}: not an Arrow stream with one record batch. "
                               f"{manifest.REMEDY}")
        end += PREFIX + length
        mirror.fetch(name, 0, end)
