"""Where half-finished work lives, so that a killed stage resumes and a changed one starts afresh.

A stage's scratch folder is `.scratch/<stage>/<variant>/<fingerprint>/`. The fingerprint covers everything the result
depends on: with the same one, work is taken up where it stopped; with another, nothing old is ever reused.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel

from aign.engines import messages
from aign.errors import StorageError

ROOT = Path(".scratch")
PACKAGE = Path(__file__).resolve().parents[1]
"""Whose sources `code_version` reads."""
LIBRARIES = ("diffusers", "numpy", "pyarrow", "scipy", "stable-baselines3", "torch")
"""Libraries whose version may change a result's bytes."""
SOURCES = ("*.py", "*.jinja")
PR_SET_PDEATHSIG = 1


def fingerprint(**values: Any) -> str:
    """Return the SHA-256 of values as canonical JSON: sorted keys, no spaces; settings and paths are allowed.

    Raises:
        TypeError: a value has no JSON form.
        ValueError: a value is NaN or infinite.
    """
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} has no JSON form, so it cannot be part of a fingerprint.")


def code_version(*parts: str) -> str:
    """Return a hash of the sources of parts of aign (sub-folders, or modules without `.py`) and of library versions.

    Raises:
        ValueError: there is no such package or module.
    """
    digest = hashlib.sha256(sys.version.encode())
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for part in sorted(parts):
        sources = sorted(path for kind in SOURCES for path in (PACKAGE / part).rglob(kind)) or [PACKAGE / f"{part}.py"]
        for source in sources:
            if not source.is_file():
                raise ValueError(f"{PACKAGE} has no part {part!r}.")
            digest.update(f"{source.relative_to(PACKAGE).as_posix()} {source.stat().st_size}\n".encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()


@contextmanager
def scratch(stage: str, variant: str, key: str, root: Path = ROOT) -> Iterator[Path]:
    """Give the folder of unfinished work with this fingerprint; one process at a time per stage and variant.

    When the block succeeds, the folder goes, and with it what other fingerprints of this stage and variant left.
    When it fails or is killed, the folder stays, and the next run with the same fingerprint finds it.

    Raises:
        StorageError: the scratch folder cannot be made.
    """
    home = root / stage / variant
    folder, finished = home / key, home.with_name(f"{variant}.finished")
    with _writable(folder):
        home.parent.mkdir(parents=True, exist_ok=True)
    with _held(FileLock(home.with_name(f"{variant}.lock")), f"{stage} {variant}"):
        shutil.rmtree(finished, ignore_errors=True)
        if folder.exists():
            messages.say(f"{stage} {variant}", f"resumes the work in {folder}")
        with _writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
        yield folder
        # Renamed first: a kill in the midst of deleting must not leave a folder that looks resumable.
        os.replace(home, finished)
        shutil.rmtree(finished, ignore_errors=True)


@contextmanager
def _held(lock: FileLock, title: str) -> Iterator[None]:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        messages.say(title, f"waiting for another run of the same stage to end (lock file {lock.lock_file})")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made ({error.strerror or error}). "
                           "Free some disk space or run in a writable folder.") from error


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent dies, so that no orphan goes on writing; Linux only.

    Args:
        parent: the process that started this one; if it is gone already, this process ends at once.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
