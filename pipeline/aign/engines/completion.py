"""What a finished piece of work left in scratch, sealed: where a disk has damaged it since, the work is done again.

A seal is the marker that says "finished": a JSON file with the SHA-256 of every file of the work, and of itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aign.engines import messages
from aign.engines.scratch import fingerprint
from aign.errors import StorageError
from aign.files.writing import read_json, sha256, write_json

OWN = ("files", "sha256")
"""Keys of a seal that are not its user's."""
REMEDY = "Run the command again."


def write(marker: Path, files: Iterable[Path], **content: Any) -> None:
    """Seal finished work; the marker appears only when it is whole.

    Args:
        marker: the JSON file to write.
        files: what the work left, at or under the marker's folder.
        content: JSON values to keep with it.
    """
    sums = {path.relative_to(marker.parent).as_posix(): sha256(path) for path in files}
    sealed = {**content, "files": sums}
    write_json(marker, {**sealed, "sha256": fingerprint(**sealed)})


def read(marker: Path) -> Mapping[str, Any]:
    """Return the content a seal keeps, after comparing every file with it.

    Raises:
        StorageError: naming the file that is missing or altered.
    """
    sealed = read_json(marker, StorageError)
    if not _intact(sealed):
        raise StorageError(f"{marker}: altered since it was written. {REMEDY}")
    for name, wanted in sealed["files"].items():
        path = marker.parent / name
        if not path.is_file():
            raise StorageError(f"{path}: missing, though it was written. {REMEDY}")
        if sha256(path) != wanted:
            raise StorageError(f"{path}: altered since it was written. {REMEDY}")
    return {name: value for name, value in sealed.items() if name not in OWN}


def _intact(sealed: Any) -> bool:
    if not isinstance(sealed, dict) or not sealed.keys() >= set(OWN):
        return False
    try:
        return sealed.get("sha256") == fingerprint(**{name: sealed[name] for name in sealed if name != "sha256"})
    except ValueError:  # NaN, which is never written
        return False


def drop_damaged(title: str, markers: Iterable[Path]) -> None:
    """Remove each marker whose work is damaged, and say so: that work is then done again."""
    for marker in markers:
        if not marker.exists():
            continue
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
