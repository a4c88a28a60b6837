"""A place beside a dataset for the shards it is made of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def shards_aside(folder: Path) -> Iterator[Path]:
    """Give a path beside `folder` to write shards to; it is gone when the block ends.

    What a killed run left there is removed first. The name is hidden, so that nobody takes it for a dataset.
    """
    aside = folder.with_name(f".{folder.name}.shards")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
