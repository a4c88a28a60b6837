"""Writing files so that a reader never meets half of one: write aside, flush to disk, then rename."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from aign.errors import StorageError

BLOCK = 1 << 20
FAILURES = (OSError, SafetensorError)
"""What a full disk raises; safetensors has an exception of its own for it."""
HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
"""In the names of temporary files: whether another machine still writes its own, nobody knows here."""


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` only when the block succeeds.

    Raises:
        StorageError: the folder is read-only or the disk is full; nothing is left behind.
    """
    aside = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_killed(path)
        yield aside
        with aside.open("r+b") as handle:  # Windows flushes only what is open for writing
            os.fsync(handle.fileno())
        os.replace(aside, path)
    except FAILURES as error:
        raise _not_written(path, error) from error
    finally:
        with suppress(OSError):  # an error here would hide the one above
            aside.unlink(missing_ok=True)


def _clear_killed(path: Path) -> None:
    """Remove what processes that were killed while they wrote `path` left beside it."""
    for left in path.parent.glob(f".{escape(path.name)}.{HOST}.*.part"):
        owner = left.name.split(".")[-2]
        if owner.isdecimal() and not _runs(int(owner)):
            left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if sys.platform == "win32":  # signal 0 would end it there
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `folder`; it replaces `folder` as a whole only when the block succeeds.

    Raises:
        StorageError: somebody else builds it, the parent is read-only or the disk is full; the old folder is kept as
            it was.
    """
    with claimed(folder):
        old = folder.with_name(f".{folder.name}.old")
        try:
            with beside(folder, "part") as aside:
                aside.mkdir()
                yield aside
                if folder.exists():
                    shutil.rmtree(old, ignore_errors=True)
                    os.replace(folder, old)
                os.replace(aside, folder)
                shutil.rmtree(old, ignore_errors=True)
        except FAILURES as error:
            raise _not_written(folder, error) from error
        finally:
            if old.exists() and not folder.exists():  # stopped between the two renames, now or in an earlier run
                with suppress(OSError):
                    os.replace(old, folder)


@contextmanager
def beside(folder: Path, ending: str) -> Iterator[Path]:
    """Give an unused path for a temporary folder beside `folder`, which must be claimed; it is gone afterwards.

    What killed processes left under such a path is removed first. The name is hidden, so that nobody takes it for a
    finished folder.
    """
    left_over = re.compile(rf"\.{re.escape(folder.name)}\.\d+\.{ending}")
    for path in folder.parent.iterdir():
        if left_over.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.{ending}")
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def claimed(folder: Path, mark: str = "lock") -> Iterator[None]:
    """Hold a folder, whether it is there or not, for this block alone; a killed process holds nothing.

    A hidden file beside the folder is locked meanwhile.

    Args:
        folder: what to hold.
        mark: ends the file's name; claims with different marks do not exclude each other.

    Raises:
        StorageError: somebody else holds it, or no file can be made beside it.
    """
    if not folder.name:
        raise StorageError(f"{folder}: cannot be replaced from within. Give the path of a folder, such as data/mine.")
    lock = FileLock(folder.with_name(f".{folder.name}.{mark}"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise StorageError(f"{folder}: another process is writing there. Give each a folder of its own, or wait for "
                           "the other to end.") from None
    except OSError as error:
        raise _not_written(folder, error) from error
    try:
        yield
    finally:
        # Removed while it is held: whoever opened it before sees that it is gone, and does not take it for locked.
        with suppress(OSError):  # Windows removes it when it is released
            Path(lock.lock_file).unlink()
        lock.release()


def copy_files(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy files from one folder to another, byte for byte; each appears only when it is whole.

    Raises:
        StorageError: the disk is full or read-only.
    """
    for name in names:
        with writing(target / name) as aside:
            shutil.copyfile(source / name, aside)


def _not_written(path: Path, error: Exception) -> StorageError:
    first = error.args[0][0][2] if isinstance(error, shutil.Error) else error  # it lists what failed: from, to, why
    reason = getattr(error, "strerror", None) or first
    return StorageError(f"{path}: cannot be written ({reason}). Free some disk space or choose a writable folder, "
                        "then run the command again.")


def json_text(value: Any) -> str:
    """Return `value` as JSON with sorted keys, so that equal content is equal bytes; NaN is refused."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole or not at all."""
    with writing(path) as aside:
        write_text(aside, json_text(value))


def write_text(path: Path, text: str) -> None:
    """Write text that is the same bytes on every system: UTF-8, lines ended as they are in `text`."""
    path.write_text(text, encoding="utf-8", newline="")


def read_json(path: Path, error: type[Exception]) -> Any:
    """Read a JSON file; raise `error`, naming the file, where it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path}: missing. The folder is incomplete or not one of ours; make it again.") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path}: not readable as JSON ({problem}). The file is damaged; make the folder again.") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
