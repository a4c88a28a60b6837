"""Format versions: what changed in the columns from one to the next, and how older shards are read as today's.

| version | columns |
|---|---|
| 1 | as described in `schema`, without `source`, and every float a float32 |
| 2 | the text column `source`, before `split`: which dataset or log an episode came from |
| 3 | rewards, labels, utility and returns are float64: what is measured keeps its precision |
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from aign.errors import DatasetError
from aign.trajectories.layout import leaf_of
from aign.trajectories.schema import FORMAT_VERSION, OWN_SOURCE

READABLE = (1, 2, FORMAT_VERSION)
"""Versions that this program reads; it writes the last."""
FIRST_DOUBLE = 3
"""The first version in which what is measured is float64."""
SINGLE = ("observations", "actions", "context")
"""Columns whose floats are float32 in every version."""


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


def upgraded_schema(schema: pa.Schema, version: int) -> pa.Schema:
    """Return the columns of today that a shard of any readable version has, given those stored; without metadata.

    A schema that is not that of its version gives one that is not today's either, for the reader to refuse.
    """
    fields = [_upgraded(field, version) for field in schema]
    names = schema.names
    if version == 1 and "source" not in names and "split" in names:
        fields.insert(names.index("split"), pa.field("source", pa.string()))
    return pa.schema(fields)


def upgraded_column(batch: pa.RecordBatch, name: str, version: int) -> pa.Array:
    """Return a column of `upgraded_schema`, given the rows stored; only numbers that become float64 are copied.

    In version 1 every episode was collected by aign itself, so the missing source is OWN_SOURCE.
    """
    if name not in batch.schema.names:
        return pa.repeat(OWN_SOURCE, batch.num_rows)
    stored, wanted = batch.column(name), _upgraded(batch.schema.field(name), version).type
    return stored if stored.type.equals(wanted) else stored.cast(wanted)


def _upgraded(field: pa.Field, version: int) -> pa.Field:
    if version >= FIRST_DOUBLE or field.name in SINGLE or leaf_of(field.type) != pa.float32():
        return field
    size = field.type.list_size if pa.types.is_fixed_size_list(field.type) else None
    return pa.field(field.name, pa.float64() if size is None else pa.list_(pa.float64(), size))


def _listed(versions: Sequence[int]) -> str:
    return f"{', '.join(map(str, versions[:-1]))} and {versions[-1]}"
