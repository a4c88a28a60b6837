"""Format versions: what changed in the columns from one to the next, and how older shards are read as today's.

| version | columns |
|---|---|
| 1 | as described in `schema`, without `source` |
| 2 | the text column `source`, before `split`: which dataset or log an episode came from |
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from aign.errors import DatasetError
from aign.trajectories.schema import FORMAT_VERSION, OWN_SOURCE

READABLE = (1, FORMAT_VERSION)
"""Versions that this program reads; it writes the last."""


def version_of(info: Any, folder: Path) -> int:
    """Return the format version that meta/info.json states.

    Raises:
        DatasetError: it is not one of READABLE.
    """
    version = info.get("format_version") if isinstance(info, dict) else None
    if type(version) is not int or version not in READABLE:
        raise DatasetError(f"{folder}: format version {version}, this program reads {_listed(READABLE)}. Make the "
                           "dataset again, or use the version of aign that made it.")
    return version


def upgraded(batch: pa.RecordBatch, version: int) -> pa.RecordBatch:
    """Return a shard's rows of any readable version with the columns of today; no number is copied.

    In version 1 every episode was collected by aign itself, so the missing source is OWN_SOURCE. A batch that does
    not have the columns of its version is returned as it is, for the reader to refuse.
    """
    names = batch.schema.names
    if version == 1 and "source" not in names and "split" in names:
        return batch.add_column(names.index("split"), pa.field("source", pa.string()),
                                pa.repeat(OWN_SOURCE, batch.num_rows))
    return batch


def _listed(versions: Sequence[int]) -> str:
    return " and ".join(map(str, versions))
