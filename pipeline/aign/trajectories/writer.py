"""Writing episodes as Arrow IPC stream shards, one record batch a shard, never more than one shard in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from aign.errors import DatasetError
from aign.files import manifest
from aign.files.writing import beside, claimed
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.hugging_face import with_features
from aign.trajectories.layout import dtype_of, is_text, row_bytes, shape_of, to_arrow
from aign.trajectories.schema import Episodes, arrow_schema
from aign.trajectories.shard import Shard, write_batch
from aign.trajectories.validation import checked_columns

SHARD_BYTES = 128_000_000
"""A shard file stays below this."""
MARGIN_BYTES = 1 << 16
"""Left for the schema, its metadata and the padding of buffers."""
UNFINISHED = "Its writer was stopped, is still at work, or its shards were damaged: run the writer again."


def rows_within_limit(schema: pa.Schema, shard_rows: int) -> int:
    """Return how many rows a shard may have: at most `shard_rows`, fewer where rows are large.

    Raises:
        DatasetError: a single row is larger than a shard may be.
    """
    rows = min(shard_rows, (SHARD_BYTES - MARGIN_BYTES) // row_bytes(schema))
    if rows < 1:
        raise DatasetError(f"An episode takes {row_bytes(schema):,} bytes, a shard may have {SHARD_BYTES:,}. "
                           "Choose a smaller network or a shorter horizon (and shard_rows of at least 1).")
    return rows


@contextmanager
def shards_aside(folder: Path) -> Iterator[Path]:
    """Give a path beside a dataset folder to write its shards to; it is gone when the block ends.

    Raises:
        StorageError: another process makes this dataset.
    """
    with claimed(folder, "shards.lock"), beside(folder, "shards") as aside:
        yield aside


class ShardWriter:
    """Writes episodes to `part-00000.arrow, part-00001.arrow, ...` in a folder; a context manager.

    Each file is an Arrow IPC stream of one record batch with at most `shard_rows` rows and less than 128 MB, opens
    with `datasets.Dataset.from_file`, and appears only when it is whole. Leaving the context by an exception keeps
    the shards already full and drops the rest. A folder has one writer at a time; with its first shard a writer
    removes what an earlier one left there.

    Several writers may work side by side, in processes of their own, each in a folder of its own and with its own range
    of identifiers. Each ends with `finish`; `assemble(dataset, finished_parts(folders), ...)` joins what they wrote.
    One that was killed leaves whole shards but no manifest: run it again, it starts afresh.

    Args:
        folder: where the shards go; made if need be.
        scenario: whose episodes these are; gives columns and shapes.
        shard_rows: most episodes a shard; lowered where they would not fit in 128 MB.
        first_episode_id: id of the first episode appended; it counts up from there.
    """

    def __init__(self, folder: Path, scenario: Scenario[Any], shard_rows: int, first_episode_id: int) -> None:
        self.folder = folder
        self.scenario = scenario
        schema = arrow_schema(scenario)
        if len(set(schema.names)) < len(schema.names):
            raise DatasetError(f"Scenario {scenario.name}: a label has the name of another column. Columns: "
                               f"{', '.join(schema.names)}. Rename the label.")
        self.schema = with_features(schema)
        self.shard_rows = rows_within_limit(self.schema, shard_rows)
        self.first_episode_id = self.next_episode_id = first_episode_id
        self.buffered = 0
        self._paths: list[Path] = []
        self._claim = ExitStack()
        self._closed = False
        self._buffer = {field.name: np.empty((self.shard_rows, *shape_of(field.type)),
                                             object if is_text(field.type) else dtype_of(field.type))
                        for field in self.schema}

    def append(self, episodes: Episodes) -> None:
        """Add a batch of any size; full shards go to disk at once.

        Raises:
            DatasetError: a column has a wrong shape, type or value; nothing of the batch is stored then.
            StorageError: the disk is full or read-only, or another writer is at work in the folder.
        """
        if self._closed:
            raise ValueError("This ShardWriter is closed.")
        columns = checked_columns(episodes, self.scenario, self.schema)
        columns["episode_id"] = np.arange(self.next_episode_id, self.next_episode_id + len(episodes))
        start = 0
        while start < len(episodes):
            count = min(len(episodes) - start, self.shard_rows - self.buffered)
            for name, target in self._buffer.items():
                target[self.buffered:self.buffered + count] = columns[name][start:start + count]
            self.buffered += count
            start += count
            if self.buffered == self.shard_rows:
                self._write()
        self.next_episode_id += len(episodes)

    def close(self) -> list[Path]:
        """Write what is left and return the paths of all shards, in order; a second call changes nothing."""
        if not self._closed:
            if self.buffered:
                self._write()
            self._end()
        return list(self._paths)

    def finish(self) -> None:
        """Close and write a manifest of the folder, which says that this writer, one of several, is done."""
        manifest.build(self.folder, {part.name: len(Shard(part)) for part in self.close()})

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self._end()

    def __repr__(self) -> str:
        return (f"ShardWriter({self.scenario.name}, {len(self._paths)} shards written, {self.buffered} of "
                f"{self.shard_rows} rows waiting, {math.ceil(row_bytes(self.schema) / 1000)} kB a row)")

    def _end(self) -> None:
        self._closed = True
        self._buffer.clear()
        self._claim.close()

    def _begin(self) -> None:
        """Take the folder, and remove what an earlier writer left in it: its manifest, shards, half-written files."""
        self._claim.enter_context(claimed(self.folder))
        with suppress(OSError):  # where nothing can be removed, the write that follows says so
            for pattern in (manifest.NAME, "part-*.arrow", ".part-*.arrow.*.part"):
                for path in self.folder.glob(pattern):
                    path.unlink()

    def _write(self) -> None:
        path = self.folder / f"part-{len(self._paths):05d}.arrow"
        if not self._paths:
            self._begin()
        arrays = [to_arrow(self._buffer[field.name][:self.buffered], field.type) for field in self.schema]
        write_batch(path, pa.RecordBatch.from_arrays(arrays, schema=self.schema))
        self._paths.append(path)
        self.buffered = 0


def finished_parts(folders: Iterable[Path]) -> list[Path]:
    """Return the shards of writers that finished, folder by folder, after comparing every byte with the manifests.

    Raises:
        DatasetError: a writer has not finished, or its files were altered since.
    """
    parts = []
    for folder in folders:
        if folder.is_dir() and not (folder / manifest.NAME).exists():
            raise DatasetError(f"{folder}: not finished. {UNFINISHED}")
        files = manifest.check(folder, deep=True, remedy=UNFINISHED)
        parts += [folder / name for name, entry in sorted(files.items()) if "rows" in entry]
    return parts
