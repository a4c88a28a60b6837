"""Completion markers: what a finished job left in scratch; where a disk has damaged it since, the job runs again.

A marker is a manifest (`files.manifest`) of the job's files. It is written last, so it also says that the job is done.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aign.engines import messages
from aign.errors import StorageError
from aign.files import manifest

REMEDY = "Run the command again."


def write(marker: Path, files: Iterable[Path], **content: Any) -> None:
    """Write a completion marker atomically.

    Args:
        marker: the JSON file to write.
        files: what the job left, at or under the marker's folder.
        content: JSON values to keep with it.
    """
    names = [path.relative_to(marker.parent).as_posix() for path in files]
    manifest.write(marker, marker.parent, names, content=content)


def read(marker: Path) -> Mapping[str, Any]:
    """Return the content that a marker keeps, after comparing every byte of its files.

    Raises:
        StorageError: naming the file that is missing or altered.
    """
    stored = manifest.read(marker, StorageError, REMEDY)
    manifest.check_sizes(marker.parent, stored.files, StorageError, REMEDY)
    for name in stored.files:
        manifest.check_sum(marker.parent, name, stored.files, StorageError, REMEDY)
    return stored.content


def drop_damaged(title: str, markers: Iterable[Path]) -> None:
    """Remove each marker whose files are damaged, and say so: that job then runs again."""
    for marker in filter(Path.exists, markers):
        try:
            read(marker)
        except StorageError as error:
            messages.say(title, f"does {marker.stem} again: {str(error).removesuffix(REMEDY)}")
            remove(marker)


def remove(path: Path) -> None:
    """Remove a file, or whatever took its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
