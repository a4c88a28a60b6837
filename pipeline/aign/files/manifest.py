"""Manifests: files with their sizes and SHA-256, so that any damage is found, also to the manifest itself.

The one integrity layer of aign. A dataset, model or published folder lists all its files in meta/manifest.json; a
finished job of a stage lists what it left in its completion marker (`engines.completion`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aign.errors import REPRODUCE, AignError, DatasetError
from aign.files.writing import json_text, read_json, sha256, write_json

NAME = "meta/manifest.json"
CLIENTS = (".git", ".gitattributes", ".cache")
"""What git and the hub's client leave at the top of a folder that they fetched: no part of it."""
CACHES = re.compile(r"cache-.*\.arrow|tmp[a-z0-9_]{8}")
"""What `datasets` writes beside the shards of a dataset that it has open: results of `map`, `filter`, `shuffle` and
others, and files it was still writing when it was stopped. They are keyed by the shards' content; no part of it."""
REMEDY = f"Make the dataset again ({REPRODUCE}), or fetch it again (`dvc pull`)."

Files = dict[str, dict[str, Any]]
"""File name -> bytes, sha256, and of a shard its rows."""


@dataclass(frozen=True)
class Manifest:
    """What a manifest holds.

    Attributes:
        digest: SHA-256 of everything below; the same for the same files.
        files: name, relative to a folder -> bytes, sha256, rows.
        content: further JSON values; empty where there are none.
    """

    digest: str
    files: Files
    content: Mapping[str, Any]


def build(folder: Path, rows: Mapping[str, int] | None = None) -> None:
    """Write the manifest of all files now in the folder; `rows` gives the number of rows of each shard."""
    write(folder / NAME, folder, _names(folder), rows)


def write(path: Path, folder: Path, names: Iterable[str], rows: Mapping[str, int] | None = None,
          content: Mapping[str, Any] | None = None) -> None:
    """Write a manifest of some files of a folder, with further JSON values where `content` has any."""
    files: Files = {}
    for name in names:
        files[name] = {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        if rows and name in rows:
            files[name]["rows"] = rows[name]
    write_json(path, {"digest": _digest(files, content), "files": files, **({"content": content} if content else {})})


def read(path: Path, error: type[AignError] = DatasetError, remedy: str = REMEDY) -> Manifest:
    """Read a manifest, whose files are not looked at.

    Raises:
        error: it is missing or was altered.
    """
    stored = read_json(path, error)
    try:
        manifest = Manifest(stored["digest"], stored["files"], stored.get("content", {}))
        intact = (isinstance(manifest.files, dict) and manifest.digest == _digest(manifest.files, manifest.content)
                  and path.read_bytes() == json_text(stored).encode())
    except (TypeError, KeyError, AttributeError, ValueError):
        intact = False
    if not intact:
        raise error(f"{path}: altered, or not a manifest that aign wrote. {remedy}")
    return manifest


def check(folder: Path, deep: bool, error: type[AignError] = DatasetError, remedy: str = REMEDY) -> Files:
    """Compare a folder with its manifest and return the manifest's files.

    Args:
        folder: a dataset, model or published folder.
        deep: also read every byte and compare SHA-256; otherwise names and sizes only.
        error: what to raise.
        remedy: what to do about damage, for the message.

    Raises:
        error: naming the first file that is missing, foreign, truncated or altered. Caches of `datasets` are
            overlooked.
    """
    if not folder.is_dir():
        raise error(f"{folder}: no such folder. Give the folder of a trajectory dataset or a model.")
    files = read(folder / NAME, error, remedy).files
    check_sizes(folder, files, error, remedy)
    for name in _names(folder):
        if name not in files and not CACHES.fullmatch(name):
            raise error(f"{folder / name}: foreign, the manifest ({NAME}) does not list it. Nobody edits a finished "
                        "folder: move the file elsewhere.")
    for name in files if deep else ():
        check_sum(folder, name, files, error, remedy)
    return files


def check_sizes(folder: Path, files: Files, error: type[AignError], remedy: str) -> None:
    """Compare files of a folder with a manifest, by size only.

    Raises:
        error: naming the first file that is missing, truncated or longer.
    """
    for name, entry in sorted(files.items()):
        if not (folder / name).is_file():
            raise error(f"{folder / name}: missing, though the manifest lists it. {remedy}")
        size = (folder / name).stat().st_size
        if size != entry["bytes"]:
            raise error(f"{folder / name}: {size} bytes, the manifest says {entry['bytes']}; the file is truncated or "
                        f"altered. {remedy}")


def check_sum(folder: Path, name: str, files: Mapping[str, Mapping[str, Any]], error: type[AignError] = DatasetError,
              remedy: str = REMEDY) -> None:
    """Compare one file's bytes with the manifest; `files` is what `check` returned.

    Raises:
        error: naming the file where it is altered or not listed.
    """
    if name not in files or sha256(folder / name) != files[name]["sha256"]:
        raise error(f"{folder / name}: altered, its SHA-256 is not the manifest's. {remedy}")


def _names(folder: Path) -> list[str]:
    """Return the relative names of all files but the manifest itself, which cannot hold its own sum."""
    # A link to nothing, as a cleaned cache leaves behind, counts as missing.
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(name.as_posix() for name in names if name.as_posix() != NAME and name.parts[0] not in CLIENTS)


def _digest(files: Any, content: Any) -> str:
    """Return the SHA-256 over what a manifest holds: it seals the manifest."""
    return hashlib.sha256(json_text({"content": content, "files": files} if content else files).encode()).hexdigest()
