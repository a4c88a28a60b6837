"""Where a publication goes: a folder, storage, a repository of the hub, or nowhere (a dry run)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from aign.errors import AignError, ParameterError, StorageError
from aign.exchange import hub, storage
from aign.exchange.publication import NAME, Kind, read
from aign.files import manifest
from aign.files.remote import is_remote
from aign.files.writing import building

HUB = "hub:"
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


@dataclass(frozen=True)
class PublishResult:
    """What was published, or would be.

    Attributes:
        place: the folder, or the repository's address.
        files: name -> bytes.
        digest: of the manifest; the same for the same content.
        dry: nothing was written or uploaded.
    """

    place: str
    files: dict[str, int]
    digest: str
    dry: bool = False


def publish(to: str, kind: Kind, sources: Sequence[Path], fill: Callable[[Path], None],
            dry_run: bool = False) -> PublishResult:
    """Let `fill` write a publication into an empty folder, then put it where it shall go.

    Args:
        to: a folder, s3://BUCKET/PATH, or hub:OWNER/NAME.
        kind: what is published.
        sources: the folders it is made from; never replaced.
        fill: writes everything, the manifest last.
        dry_run: make the publication in a temporary folder only, to know its files and bytes.

    Raises:
        ParameterError: `to` is neither, or a folder that holds something else.
        StorageError: the disk is full or read-only, or the hub refuses.
    """
    repository = repository_of(to)
    stored = repository is None and is_remote(to)
    if repository is not None:
        hub.check(repository, dry_run)
    elif stored:
        storage.check_free(to, [NAME])
    else:
        check_folder(Path(to), kind, sources)
    if repository is None and not stored and not dry_run:
        return _built(Path(to), to, fill)
    with _temporary() as folder:
        result = replace(_built(folder, to, fill), dry=dry_run)
        if repository is not None and not dry_run:
            return replace(result, place=hub.upload(folder, repository, kind))
        if stored and not dry_run:
            storage.upload(folder, to)
        return result


def repository_of(to: str) -> str | None:
    """Return OWNER/NAME of hub:OWNER/NAME, or None for a folder.

    Raises:
        ParameterError: not a valid name of a repository, or empty.
    """
    if not to.startswith(HUB):
        if not to:
            raise ParameterError("--to: empty. Give a folder, s3://BUCKET/PATH, or hub:OWNER/NAME.")
        return None
    repository = to.removeprefix(HUB)
    if not REPOSITORY.fullmatch(repository) or any(mark in repository for mark in ("--", "..")):
        raise ParameterError(f"--to {to}: not the name of a repository. Give hub:OWNER/NAME, each of letters, digits, "
                             "'-', '_' and '.', such as hub:my-group/aign-power.")
    return repository


def check_folder(folder: Path, kind: Kind, sources: Sequence[Path]) -> None:
    """Refuse to replace anything but an earlier publication of the same kind.

    Raises:
        ParameterError: the folder is a source, holds or lies in one, or holds something else.
    """
    place = folder.resolve()
    for source in map(Path.resolve, sources):
        if place == source or place in source.parents or source in place.parents:
            raise ParameterError(f"--to {folder}: overlaps {source}, which is to be published. Choose another folder.")
    if _vacant(folder):
        return
    try:
        read(folder, kind, deep=False)
    except AignError as problem:
        raise _not_replaced(folder, f"an intact published {kind} ({str(problem).rstrip('.')})") from None
    if any((folder / name).exists() for name in manifest.CLIENTS):
        raise ParameterError(f"--to {folder}: holds files of git or of the hub's client, so it is not replaced. "
                             "Publish to another folder and copy the files, or use --to hub:OWNER/NAME.")


def check_new(folder: Path, digest: str) -> None:
    """Refuse to replace anything but a dataset with this digest: an import may be repeated, never destroys.

    Raises:
        ParameterError: the folder holds something else.
    """
    if _vacant(folder):
        return
    with suppress(AignError):
        manifest.check(folder, deep=False)
        if manifest.read(folder / manifest.NAME).digest == digest:
            return
    raise _not_replaced(folder, "this dataset")


def check_dataset(folder: Path) -> None:
    """Refuse to replace anything but a local dataset.

    Raises:
        ParameterError: the folder holds something else.
    """
    if not _vacant(folder) and not ((folder / "meta" / "info.json").is_file() and (folder / manifest.NAME).is_file()):
        raise _not_replaced(folder, "a dataset")


def _not_replaced(folder: Path, what: str) -> ParameterError:
    return ParameterError(f"--to {folder}: exists but is not {what}, so it is not replaced. Choose another folder, or "
                          "move this one away.")


def _vacant(folder: Path) -> bool:
    """Return whether nothing is there yet."""
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise StorageError(f"{folder}: cannot be used ({error.strerror}). Choose another folder.") from None


@contextmanager
def _temporary() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="aign-publish-") as base:
            yield Path(base) / "publication"
    except OSError as error:
        raise StorageError(f"{tempfile.gettempdir()}: no temporary folder can be made ({error.strerror}). Free some "
                           "disk space, or set TMPDIR to a writable folder.") from error


def _built(folder: Path, to: str, fill: Callable[[Path], None]) -> PublishResult:
    with building(folder) as aside:
        fill(aside)
        sizes = {name: int(entry["bytes"]) for name, entry in manifest.check(aside, deep=False).items()}
        sizes[manifest.NAME] = (aside / manifest.NAME).stat().st_size
        return PublishResult(to, dict(sorted(sizes.items())), manifest.read(aside / manifest.NAME).digest)
