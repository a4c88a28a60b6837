"""A remote folder seen as a local one: files of the right sizes without content, filled when they are read.

A temporary folder holds one file for each remote one. Small files are fetched at once and compared with the manifest;
large ones are sparse, take no space on disk, and receive only the bytes that somebody asks for. All who read files by
mapping them, as shards are read, need to know nothing of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aign.errors import AignError, DatasetError, StorageError
from aign.files import manifest
from aign.files.remote import BLOCK, RemoteFolder

NOTE = "meta/upload.json"
"""What an upload leaves beside the files until it has ended (`exchange.storage`); no part of the folder."""


class Mirror:
    """A mirror of a remote folder, which goes when it is no longer used.

    Args:
        url: of the folder.
        later: how names of files end whose content is fetched only when it is asked for.
        error: what to raise where the folder is not as its manifest says.

    Attributes:
        folder: the local folder, with the name of the remote one.

    Raises:
        DatasetError: (or `error`) the remote folder is missing or incomplete, or a file fetched differs from its sum.
        StorageError: the storage does not answer, or the disk for temporary files is full.
    """

    def __init__(self, url: str, later: str = ".arrow", error: type[AignError] = DatasetError) -> None:
        self.remote = RemoteFolder(url)
        self._sizes = {name: size for name, size in self.remote.sizes().items() if name != NOTE}
        if manifest.NAME not in self._sizes:
            what = f"{manifest.NAME} is missing: an upload has not ended" if self._sizes else "nothing is there"
            raise error(f"{self.remote.url}: no finished folder of aign ({what}). Check the address, or upload it "
                        "again (`aign dataset copy`).")
        self._temporary = tempfile.TemporaryDirectory(prefix="aign-remote-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name) / self.remote.name
        self._present: dict[str, list[tuple[int, int]]] = {name: [] for name in self._sizes}
        for name, size in self._sizes.items():
            with self._written(name):
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                with (self.folder / name).open("wb") as file:
                    file.truncate(size)
        with self.named():
            self.fetch(manifest.NAME)
            files = manifest.check(self.folder, deep=False, error=error)
            for name in files:
                if not name.endswith(later):
                    self.fetch(name)
                    manifest.check_sum(self.folder, name, files, error)

    def fetch(self, name: str, start: int = 0, stop: int | None = None) -> None:
        """Fetch bytes from `start` to before `stop` of a file, or all of it, where they are not here yet.

        Raises:
            StorageError: the storage does not answer, or the disk is full.
        """
        stop = self._sizes[name] if stop is None else min(stop, self._sizes[name])
        for first, last in _missing(self._present[name], start, stop):
            for place in range(first, last, BLOCK):
                content = self.remote.read(name, place, min(place + BLOCK, last))
                with self._written(name), (self.folder / name).open("r+b") as file:
                    file.seek(place)
                    file.write(content)
        self._present[name].append((start, stop))

    def fetch_all(self) -> None:
        """Fetch what is not here yet; each byte is transferred once.

        Raises:
            StorageError: the storage does not answer, or the disk is full.
        """
        for name in self._sizes:
            self.fetch(name)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return sum(self._sizes.values())

    @property
    def fetched(self) -> int:
        """How many bytes are here."""
        return sum(stop - start for name in self._present for start, stop in _merged(self._present[name]))

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let errors name the remote folder where they would name the temporary one."""
        try:
            yield
        except AignError as error:
            raise type(error)(str(error).replace(str(self.folder), self.remote.url)) from None

    @contextmanager
    def _written(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.remote.url}/{name}: no room to read it into {tempfile.gettempdir()} "
                               f"({error.strerror or error}). Free some disk space, or set TMPDIR to a larger "
                               "folder.") from error


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, those that touch joined."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        elif stop > start:
            merged.append((start, stop))
    return merged


def _missing(ranges: list[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """Return the parts of [start, stop) that no range holds."""
    missing = []
    for first, last in _merged(ranges):
        if start < first and start < stop:
            missing.append((start, min(first, stop)))
        start = max(start, last)
    if start < stop:
        missing.append((start, stop))
    return missing
