"""The manifest: every file of a dataset or model folder with its size and SHA-256, so that any damage is found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
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


def build(folder: Path, rows: Mapping[str, int] | None = None) -> None:
    """Write the manifest of all files now in the folder; `rows` gives the number of rows of each shard."""
    rows = rows or {}
    files: dict[str, dict[str, Any]] = {}
    for name in _names(folder):
        path = folder / name
        files[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        if name in rows:
            files[name]["rows"] = rows[name]
    write_json(folder / NAME, {"digest": _digest(files), "files": files})


def check(folder: Path, deep: bool, error: type[AignError] = DatasetError,
          remedy: str = REMEDY) -> dict[str, dict[str, Any]]:
    """Compare a folder with its manifest and return the manifest's files: name -> bytes, sha256, rows of a shard.

    Args:
        folder: the dataset folder.
        deep: also read every byte and compare SHA-256; otherwise names and sizes only.
        error: what to raise.
        remedy: what to do about damage, for the message.

    Raises:
        error: naming the first file that is missing, foreign, truncated or altered. Caches of `datasets` are
            overlooked.
    """
    if not folder.is_dir():
        raise error(f"{folder}: no such folder. Give the folder of a trajectory dataset or a model.")
    files = _read(folder, error, remedy)
    present = set(_names(folder))
    for name in sorted(files.keys() - present):
        raise error(f"{folder / name}: missing, though {NAME} lists it. {remedy}")
    for name in sorted(name for name in present - files.keys() if not CACHES.fullmatch(name)):
        raise error(f"{folder / name}: foreign, the manifest ({NAME}) does not list it. Nobody edits a finished "
                        "folder: move the file elsewhere.")
    for name, entry in sorted(files.items()):
        size = (folder / name).stat().st_size
        if size != entry["bytes"]:
            raise error(f"{folder / name}: {size} bytes, the manifest ({NAME}) says {entry['bytes']}; the "
                        f"file is truncated or altered. {remedy}")
        if deep:
            check_sum(folder, name, files, error, remedy)
    return files


def check_sum(folder: Path, name: str, files: Mapping[str, Mapping[str, Any]], error: type[AignError] = DatasetError,
              remedy: str = REMEDY) -> None:
    """Compare one file's bytes with the manifest; `files` is what `check` returned.

    Raises:
        error: naming the file where it is altered or not listed.
    """
    if name not in files or sha256(folder / name) != files[name]["sha256"]:
        raise error(f"{folder / name}: altered, its SHA-256 is not the manifest's ({NAME}). {remedy}")


def _read(folder: Path, error: type[AignError], remedy: str) -> dict[str, dict[str, Any]]:
    path = folder / NAME
    manifest = read_json(path, error)
    intact = (isinstance(manifest, dict) and manifest.keys() == {"digest", "files"}
              and manifest["digest"] == _digest(manifest["files"])
              and path.read_bytes() == json_text(manifest).encode())
    if not intact:
        raise error(f"{path}: altered, or no manifest of ours. {remedy}")
    files: dict[str, dict[str, Any]] = manifest["files"]
    return files


def _names(folder: Path) -> list[str]:
    """Return the relative names of all files but the manifest itself, which cannot hold its own sum."""
    # A link to nothing, as a cleaned cache leaves behind, counts as missing.
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(name.as_posix() for name in names if name.as_posix() != NAME and name.parts[0] not in CLIENTS)


def _digest(files: Any) -> str:
    """Return the SHA-256 over the listed files: it seals the manifest."""
    return hashlib.sha256(json_text(files).encode()).hexdigest()
