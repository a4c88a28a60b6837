"""Where each published episode stood in the local store, so that an import gives the same shards again.

Published episodes are sorted into splits, in their order in the store. So the store's order is known from one thing:
the split of each of its rows, shard by shard. It is kept as a small Parquet file, one row an episode.

Axes: R rows of a shard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aign.errors import DatasetError
from aign.files.writing import writing
from aign.trajectories.schema import SPLITS

SCHEMA = pa.schema([("shard", pa.string()), ("split", pa.string())])
SHARD_NAME = re.compile(r"data-\d{5,}-of-\d{5,}\.arrow")
Codes = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The rows of one shard.

    Attributes:
        shard: the file's name.
        codes: (R,) int64, the place in SPLITS of each row's split.
    """

    shard: str
    codes: Codes

    def counts(self) -> dict[str, int]:
        """Return how many rows each split has."""
        counts = np.bincount(self.codes, minlength=len(SPLITS)).tolist()
        return dict(zip(SPLITS, counts, strict=True))

    def restored_rows(self) -> Codes:
        """Return (R,): for each row of the shard its place among the rows sorted into splits."""
        return self.codes.argsort(kind="stable").argsort(kind="stable")


def arrangement(shard: str, splits: Sequence[str]) -> Arrangement:
    """Return the arrangement of a shard whose rows have these splits."""
    codes = {name: code for code, name in enumerate(SPLITS)}
    return Arrangement(shard, np.array([codes[split] for split in splits], np.int64))


def totals(arrangements: Sequence[Arrangement]) -> Mapping[str, int]:
    """Return how many episodes each split has over all shards."""
    counts = [shard.counts() for shard in arrangements]
    return {split: sum(shard[split] for shard in counts) for split in SPLITS}


def save(path: Path, arrangements: Sequence[Arrangement]) -> None:
    """Write the arrangement of all shards, in their order, atomically.

    Raises:
        StorageError: the disk is full or read-only.
    """
    with writing(path) as aside, pq.ParquetWriter(aside, SCHEMA, version="2.6", data_page_version="1.0",
                                                  compression="zstd", compression_level=3) as out:
        for part in arrangements:
            splits = pa.DictionaryArray.from_arrays(pa.array(part.codes), pa.array(SPLITS)).cast(pa.string())
            shards = pa.repeat(part.shard, len(part.codes))
            out.write_table(pa.Table.from_arrays([shards, splits], schema=SCHEMA), row_group_size=1 << 20)


def load(path: Path) -> list[Arrangement]:
    """Read what `save` wrote.

    Raises:
        DatasetError: the file is missing, damaged or foreign.
    """
    try:
        table = pq.read_table(path, schema=SCHEMA)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DatasetError(f"{path}: the order of the episodes cannot be read ({' '.join(str(error).split())}). "
                           "Fetch the dataset again.") from None
    shards, splits = (np.asarray(table.column(name).to_pylist(), np.str_) for name in SCHEMA.names)
    edges = np.flatnonzero(np.r_[len(shards) > 0, shards[1:] != shards[:-1]])
    names = shards[edges].tolist()
    known = np.isin(splits, SPLITS).all() and all(map(SHARD_NAME.fullmatch, names))
    if not names or not known or len(set(names)) < len(names):
        raise DatasetError(f"{path}: no order of episodes in it that aign wrote. Fetch the dataset again.")
    return [arrangement(name, part.tolist()) for name, part in zip(names, np.split(splits, edges[1:]), strict=True)]
