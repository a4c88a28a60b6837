"""Several writers side by side: each has a folder of shards of its own, and a manifest that says that it finished.

Each process writes the episodes of its own range of identifiers, in any number of processes, at any time:

    # process k
    with ShardWriter(scratch / f"writer-{k}", scenario, shard_rows, first_episode_id=k * 1_000_000) as writer:
        ...
    finish(writer)

    # any process, once all have ended
    assemble(dataset, finished_parts(scratch / f"writer-{k}" for k in range(processes)), scenario, provenance)

A writer that was killed leaves whole shards but no manifest: run it again, it starts afresh. The order of folders does
not matter: `assemble` sorts shards by their first episode.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aign.errors import DatasetError
from aign.files import manifest
from aign.trajectories.shard import Shard
from aign.trajectories.writer import ShardWriter

REMEDY = "Its writer was stopped, is still at work, or its shards were damaged: run the writer again."


def finish(writer: ShardWriter) -> None:
    """Close a writer and seal its folder, which is the last thing a writer does.

    Raises:
        StorageError: the disk is full or read-only.
    """
    manifest.build(writer.folder, {part.name: len(Shard(part)) for part in writer.close()})


def finished_parts(folders: Iterable[Path]) -> list[Path]:
    """Return the shards of writers that finished, folder by folder, after comparing every byte with the manifests.

    Raises:
        DatasetError: a writer has not finished, or what it left was altered since.
    """
    return [folder / name for folder in folders
            for name, entry in sorted(_files(folder).items()) if "rows" in entry]


def _files(folder: Path) -> dict[str, dict[str, object]]:
    if folder.is_dir() and not (folder / manifest.NAME).exists():
        raise DatasetError(f"{folder}: not finished. {REMEDY}")
    return manifest.check(folder, deep=True, remedy=REMEDY)
