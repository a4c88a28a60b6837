"""A place beside a dataset for the shards it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aign.files.writing import beside, claimed


@contextmanager
def shards_aside(folder: Path) -> Iterator[Path]:
    """Give a path beside `folder` to write shards to; it is gone when the block ends.

    Raises:
        StorageError: another process makes this dataset.
    """
    with claimed(folder, "shards.lock"), beside(folder, "shards") as aside:
        yield aside
