"""Folders in S3-compatible storage, read and written through fsspec: `s3://bucket/path`.

Credentials come from where every S3 client looks for them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, the
machine's role), the server from AWS_ENDPOINT_URL where it is not Amazon's. They are never part of an address, nor of a
message. `file://` and `memory://` serve where there is no such storage.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from aign.errors import AignError, DatasetError, ParameterError, StorageError

MARK = "://"
PROTOCOLS = ("s3", "file", "memory")
BLOCK = 16 << 20
"""Bytes asked for at once: what a transfer holds in memory."""
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 60, 3
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Environment variables whose values no message may show."""
LOGIN = re.compile(r"//[^/\s@]+@")
"""A name and password in the address of a server."""


def is_remote(place: str | Path) -> bool:
    """Return whether a place is an address such as s3://bucket/path, not a path of this machine."""
    return isinstance(place, str) and MARK in place


class RemoteFolder:
    """A folder in storage.

    Attributes:
        url: its address, as messages name it.

    Raises:
        ParameterError: not an address of a folder, or one that holds credentials.
        StorageError: what speaks the protocol is not installed.
    """

    def __init__(self, url: str) -> None:
        protocol, _, path = url.partition(MARK)
        self.url = url.rstrip("/")
        if protocol not in PROTOCOLS:
            raise ParameterError(f"{protocol}{MARK}...: unknown kind of storage. Allowed: "
                                 f"{', '.join(f'{name}{MARK}' for name in PROTOCOLS)}.")
        if "@" in path or "?" in path:
            raise ParameterError(f"{protocol}{MARK}...: an address may hold neither '@' nor '?'. Credentials come from "
                                 "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL) or "
                                 "~/.aws.")
        self._root = path.strip("/") if protocol == "s3" else path.rstrip("/")
        if not self._root.strip("/") or ".." in PurePosixPath(self._root).parts:
            raise ParameterError(f"{url}: not the address of a folder. Give one such as s3://bucket/power-20.")
        with _told(self.url):
            self._files = _file_system(protocol)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self._root).name

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file, by name relative to the folder; none where nothing is there.

        Raises:
            StorageError: it cannot be listed.
            DatasetError: a name leads out of the folder.
        """
        with _told(self.url):
            self._files.invalidate_cache()
            listed = self._files.find(self._root, detail=True) if self._files.exists(self._root) else {}
        root = self._files._strip_protocol(self._root)
        sizes = {key.removeprefix(root).lstrip("/"): int(entry["size"]) for key, entry in listed.items()}
        for name in sizes:
            if not name or "\\" in name or {"..", "."} & set(name.split("/")) or PurePosixPath(name).is_absolute():
                raise DatasetError(f"{self.url}: {name!r} is not a file name that can be kept on disk. Give a folder "
                                   "that aign wrote.")
        return sizes

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Return bytes from `start` to before `stop` of a file.

        Raises:
            StorageError: the storage does not answer, refuses, or has no such bytes.
        """
        if stop <= start:
            return b""
        with _told(f"{self.url}/{name}"):
            content: bytes = self._files.cat_file(f"{self._root}/{name}", start=start, end=stop)
        if len(content) != stop - start:
            raise StorageError(f"{self.url}/{name}: {len(content)} bytes came, {stop - start} were asked for. The file "
                               "has changed, or the connection broke: run the command again.")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a small file; in S3 it appears only when it is whole.

        Raises:
            StorageError: the storage does not answer, or refuses.
        """
        with _told(f"{self.url}/{name}"):
            self._make_parents(name)
            self._files.pipe_file(f"{self._root}/{name}", content)

    def put(self, source: Path, name: str) -> None:
        """Send a file; in S3 it appears only when it is whole.

        Raises:
            StorageError: the storage does not answer, or refuses.
        """
        with _told(f"{self.url}/{name}"):
            self._make_parents(name)
            self._files.put_file(str(source), f"{self._root}/{name}")

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where it is gone.

        Raises:
            StorageError: the storage does not answer, or refuses.
        """
        with _told(f"{self.url}/{name}"):
            if self._files.exists(f"{self._root}/{name}"):
                self._files.rm_file(f"{self._root}/{name}")

    def _make_parents(self, name: str) -> None:
        if "s3" not in self._files.protocol:  # which knows no folders
            self._files.makedirs(f"{self._root}/{name}".rpartition("/")[0], exist_ok=True)


def _file_system(protocol: str) -> Any:
    import fsspec

    options: dict[str, Any] = {}
    if protocol == "s3":
        options = {"use_listings_cache": False, "config_kwargs": {
            "connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS,
            "retries": {"max_attempts": ATTEMPTS, "mode": "standard"}}}
    return fsspec.filesystem(protocol, skip_instance_cache=True, **options)


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Turn whatever a storage's client raises into one line that says what to do, without credentials."""
    try:
        yield
    except AignError:
        raise
    except ImportError as error:
        raise StorageError(f"{place}: needs the packages for S3 ({error.name or error} is missing). Install them with "
                           "pip install 'aign[s3]'.") from None
    except _failures() as error:
        raise StorageError(f"{place}: {_reason(error)}.") from None


def _failures() -> tuple[type[BaseException], ...]:
    """Return what clients raise; those that are not loaded raise nothing."""
    kinds: list[type[BaseException]] = [OSError]
    for module, name in (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError")):
        if module in sys.modules:
            kinds.append(getattr(sys.modules[module], name))
    return tuple(kinds)


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    for variable in SECRETS:
        if value := os.environ.get(variable):
            text = text.replace(value, f"<{variable}>")
    text = LOGIN.sub("//", text)
    if "Credentials" in type(error).__name__:
        return "no credentials for the storage; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, PermissionError):
        return f"the storage refuses ({text}); check the credentials, and what they allow"
    if isinstance(error, FileNotFoundError):
        return f"not there ({text}); check the address, and that the bucket exists"
    return (f"the storage does not answer as it should ({text}). Check the network and AWS_ENDPOINT_URL, then run the "
            "command again; it goes on where it can")
