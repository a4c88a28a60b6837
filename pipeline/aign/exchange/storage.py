"""Finished folders (datasets, models, publications) sent to S3-compatible storage, and fetched back.

S3 knows no folders that change as a whole. So a small note, meta/upload.json, is written first and deleted last, and
the manifest is written only when every file is there: whoever reads meanwhile finds no manifest and is told that an
upload has not ended. Each object appears whole or not at all. An upload that was cut off is taken up by the next one of
the same content, which sends what is missing; other content starts afresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from aign.errors import DatasetError, ParameterError
from aign.files import manifest
from aign.files.mirror import NOTE, Mirror
from aign.files.remote import RemoteFolder
from aign.files.writing import building, copy_files

KINDS = {"meta/publication.json": "a publication", "model_index.json": "a model", "meta/info.json": "a dataset"}
"""Which file tells what a folder is."""
OnBytes = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


def silent(done: int, total: int) -> None:
    """Report nothing."""


def check_free(url: str, names: Iterable[str]) -> None:
    """Refuse early to replace anything but a finished folder of the same kind, or an upload that was cut off.

    Args:
        url: of the remote folder.
        names: files to come that tell the kind.

    Raises:
        ParameterError: something else is there, or it is no address of a folder.
        StorageError: the storage does not answer.
    """
    remote = RemoteFolder(url)
    _check_replaceable(remote, remote.sizes(), names)


def upload(folder: Path, url: str, report: OnBytes = silent) -> str:
    """Send a folder with a manifest to storage; return the manifest's digest.

    Args:
        folder: as its manifest says; checked by size only.
        url: of the remote folder. An earlier finished folder there is replaced; files that stay the same stay.
        report: told how many bytes are there.

    Raises:
        ParameterError: something else is there.
        DatasetError: the folder is not as its manifest says.
        StorageError: the storage does not answer, or refuses; run again, it goes on.
    """
    files = manifest.check(folder, deep=False)
    digest = manifest.read(folder / manifest.NAME).digest
    remote = RemoteFolder(url)
    kept = _cleared(remote, files, digest)
    total, done = sum(entry["bytes"] for entry in files.values()), 0
    for name, entry in files.items():
        if name not in kept:
            remote.put(folder / name, name)
        done += entry["bytes"]
        report(done, total)
    present = remote.sizes()
    missing = [name for name, entry in files.items() if present.get(name) != entry["bytes"]]
    if missing:
        raise DatasetError(f"{remote.url}/{missing[0]}: not there as it was sent; somebody else writes there. Choose "
                           "another address, or run the command again.")
    remote.write(manifest.NAME, (folder / manifest.NAME).read_bytes())
    remote.delete(NOTE)
    return digest


def download(url: str, folder: Path) -> str:
    """Fetch a remote folder, check every byte, and put it in place as a whole; return its digest.

    Raises:
        DatasetError: nothing finished is there, or it is damaged.
        StorageError: the storage does not answer, or the disk is full.
    """
    mirror = Mirror(url)
    with mirror.named():
        mirror.fetch_all()
        files = manifest.check(mirror.folder, deep=True)
    with building(folder) as aside:
        copy_files(mirror.folder, aside, [*files, manifest.NAME])
    return manifest.read(folder / manifest.NAME).digest


def _cleared(remote: RemoteFolder, files: manifest.Files, digest: str) -> set[str]:
    """Make room for an upload, and return the names of files that are there already."""
    present = remote.sizes()
    _check_replaceable(remote, present, files)
    kept: set[str] = set()
    if NOTE in present and _note(remote, present) == {"digest": digest, "cleared": True}:
        kept = {name for name, entry in files.items() if present.get(name) == entry["bytes"]}
    elif NOTE not in present and manifest.NAME in present:
        former = Mirror(remote.url, later="")  # of which the manifest alone is fetched
        same = manifest.read(former.folder / manifest.NAME).files
        kept = {name for name, entry in files.items() if name in present and same.get(name, {}).get("sha256") ==
                entry["sha256"] and present[name] == entry["bytes"]}
    remote.write(NOTE, json.dumps({"digest": digest, "cleared": False}).encode())
    for name in sorted(set(present) - kept - {NOTE}, key=lambda name: name != manifest.NAME):  # the manifest first
        remote.delete(name)
    remote.write(NOTE, json.dumps({"digest": digest, "cleared": True}).encode())
    return kept


def _check_replaceable(remote: RemoteFolder, present: Mapping[str, int], names: Iterable[str]) -> None:
    if not present or NOTE in present:
        return
    there = _kind(present) if manifest.NAME in present else f"something else ({min(present)})"
    if there != _kind(names):
        raise ParameterError(f"{remote.url}: holds {there}, so it is not replaced by {_kind(names)}. Choose another "
                             "address.")


def _kind(names: Iterable[str]) -> str:
    known = set(names)
    return next((kind for name, kind in KINDS.items() if name in known), "files of aign")


def _note(remote: RemoteFolder, present: dict[str, int]) -> object:
    try:
        return json.loads(remote.read(NOTE, 0, present[NOTE]))
    except ValueError:
        return None
