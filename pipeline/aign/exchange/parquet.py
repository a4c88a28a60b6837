"""Episodes as Parquet: the files of one split, written and read in order with bounded memory.

Equal episodes are equal bytes for one version of pyarrow: every option that matters is fixed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aign.errors import DatasetError
from aign.files.writing import writing
from aign.trajectories.layout import is_text, leaf_of, row_bytes, shape_of

Told = Callable[[int], None]
"""Told how many more episodes are done."""
FILE_BYTES = 512_000_000
"""Most bytes of uncompressed episodes a file; floats of networks compress to a seventh and less."""
GROUP_BYTES = 16_000_000
"""Most bytes of uncompressed episodes a row group: what a reader that streams holds in memory."""


class Feed:
    """Rows that come in batches of any size and are taken in any number, in order.

    Args:
        batches: all of one schema.
        schema: that schema.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        self.schema = schema
        self._batches = iter(batches)
        self._rest: list[pa.RecordBatch] = []

    def take(self, rows: int) -> pa.Table:
        """Return the next `rows` rows; fewer where the batches end."""
        taken: list[pa.RecordBatch] = []
        while rows:
            batch = self._rest.pop() if self._rest else next(self._batches, None)
            if batch is None:
                break
            if batch.num_rows > rows:
                self._rest.append(batch.slice(rows))
                batch = batch.slice(0, rows)
            rows -= batch.num_rows
            taken.append(batch)
        return pa.Table.from_batches(taken, self.schema)


def rows_a_file(schema: pa.Schema) -> int:
    """Return how many episodes a file has; a whole number of row groups."""
    group = rows_a_group(schema)
    return max(1, FILE_BYTES // row_bytes(schema) // group) * group


def rows_a_group(schema: pa.Schema) -> int:
    """Return how many episodes a row group has."""
    return max(1, GROUP_BYTES // row_bytes(schema))


def file_names(split: str, rows: int, schema: pa.Schema) -> list[str]:
    """Return the names of the files of a split with this many episodes: train-00000-of-00002.parquet, ..."""
    count = -(-rows // rows_a_file(schema))
    return [f"{split}-{index:05d}-of-{count:05d}.parquet" for index in range(count)]


@dataclass(frozen=True)
class FileContent:
    """What a file holds: its number of episodes, and their bytes in memory."""

    rows: int
    memory: int


def write(path: Path, feed: Feed, report: Told) -> FileContent:
    """Write the next episodes of a feed as one file, as many as a file may have.

    Args:
        path: the file; written atomically.
        feed: where the episodes come from.
        report: told the number of rows of each row group written.

    Raises:
        StorageError: the disk is full or read-only.
    """
    group, left = rows_a_group(feed.schema), rows_a_file(feed.schema)
    rows = memory = 0
    with writing(path) as aside, pq.ParquetWriter(
            aside, feed.schema, version="2.6", data_page_version="1.0", compression="zstd", compression_level=3,
            use_dictionary=[field.name for field in feed.schema if is_text(field.type)],
            # The bytes of floats regrouped by place: measured a third smaller and three times faster than without.
            use_byte_stream_split=[_leaf_path(field) for field in feed.schema
                                   if pa.types.is_floating(leaf_of(field.type))]) as out:
        while rows < left and (table := feed.take(min(group, left - rows))).num_rows:
            out.write_table(table, row_group_size=group)
            rows += table.num_rows
            memory += table.nbytes
            report(table.num_rows)
    return FileContent(rows, memory)


def read_schema(paths: Sequence[Path]) -> pa.Schema:
    """Return the schema that all the files have, with lists named as in the local store.

    Raises:
        DatasetError: a file is not a Parquet file, or has other columns than the first.
    """
    schemas = []
    for path in paths:
        try:
            schemas.append(local_schema(pq.read_schema(path)))
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None
        if not schemas[-1].equals(schemas[0], check_metadata=True):
            raise DatasetError(f"{path}: its columns are not those of {paths[0].name}. The dataset is damaged or "
                               "foreign; fetch it again.")
    return schemas[0]


def read_batches(paths: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the episodes of some files, in order, as batches of a schema that `read_schema` returned.

    Raises:
        DatasetError: a file is damaged.
    """
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows_a_group(schema)):
                    yield batch.cast(schema)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None


def local_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the inner fields of fixed-size lists named as Arrow does by default.

    Parquet's convention calls them `element`; the local store, and so its bytes, `item`.
    """
    def renamed(kind: pa.DataType) -> pa.DataType:
        """Return a type whose lists, at any depth, have inner fields of Arrow's name."""
        return pa.list_(renamed(kind.value_type), kind.list_size) if pa.types.is_fixed_size_list(kind) else kind

    return pa.schema([pa.field(field.name, renamed(field.type)) for field in schema], schema.metadata)


def _leaf_path(field: pa.Field) -> str:
    """Return what Parquet calls the numbers inside nested lists."""
    return str(field.name) + ".list.element" * len(shape_of(field.type))


def _unreadable(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{path}: not readable as Parquet ({' '.join(str(error).split())}). The file is damaged or "
                        "foreign; fetch the dataset again.")
