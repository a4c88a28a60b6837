"""Making the final dataset folder out of shards: data, descriptions, statistics, card and manifest, all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from aign.errors import DatasetError
from aign.files import manifest
from aign.files.writing import building, sha256, write_json, write_text, writing
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.card import CITATION, card
from aign.trajectories.contexts import CONTEXTS
from aign.trajectories.hugging_face import write_dataset_files
from aign.trajectories.information import information
from aign.trajectories.quality import quality
from aign.trajectories.schema import SPLITS, arrow_schema
from aign.trajectories.shard import Shard
from aign.trajectories.statistics import statistics
from aign.trajectories.trajectory_quality import VERSION

COPY_BYTES = 16 << 20
"""Files are copied in blocks of this size: large writes leave large pages in Linux's cache of files, through which
windows are read at random a third faster, measured by tests/benchmarks/million_trajectories.py."""


def assemble(folder: Path, parts: Sequence[Path], scenario: Scenario[Any], provenance: Mapping[str, Any],
             extras: Mapping[str, Path] | None = None) -> None:
    """Build a dataset folder from parts written by `ShardWriter`; it replaces `folder` only when it is whole.

    The same parts in any order, scenario, provenance and extras give the same bytes: no clock, path or machine enters.

    Args:
        folder: the dataset folder, for example data/trajectories/water-filling.
        parts: shard files, in any order: they are numbered by their first episodes; copied, not moved.
            `finished_parts` lists those of several writers.
        scenario: whose episodes these are.
        provenance: how the episodes were made, as JSON values: parameters, seeds, code version, source of each.
        extras: further files to copy in, by the name they get in the folder.

    Raises:
        DatasetError: a part is missing, damaged or of another scenario; no training episode; episode identifiers
            repeat; a context occurs in two splits; an extra is missing or takes a name that is ours; the contexts file
            among them lacks the context of an episode.
        StorageError: the disk is full or read-only.
    """
    shards = sorted((_opened(part, scenario) for part in parts), key=_first_episode)
    if not shards:
        raise DatasetError(f"{folder}: no shards were given; a dataset needs at least one episode.")
    check_identities(shards)
    extras = dict(extras or {})
    _check_extras(extras)
    names = [f"data-{index:05d}-of-{len(shards):05d}.arrow" for index in range(len(shards))]
    with building(folder) as aside:
        for name, shard in zip(names, shards, strict=True):
            _copy(shard.path, aside / name)
        for name, source in extras.items():
            _copy(source, aside / name)
        sums = {name: sha256(aside / name) for name in names}
        describe(aside, sums, shards, scenario, information(shards, scenario, provenance), sorted(extras),
                 extras.get(CONTEXTS))
        manifest.build(aside, {name: len(shard) for name, shard in zip(names, shards, strict=True)})


def describe(folder: Path, sums: Mapping[str, str], shards: Sequence[Shard], scenario: Scenario[Any],
             info: Mapping[str, Any], extras: Sequence[str], contexts: Path | None,
             quality_version: int = VERSION) -> None:
    """Write everything that is derived from the shards.

    Args:
        folder: where to; the shards themselves need not be there.
        sums: the SHA-256 of each shard file, by name, in order.
        shards: the dataset.
        scenario: whose episodes these are.
        info: content of meta/info.json.
        extras: names of further files of the dataset.
        contexts: its contexts file; None where it has none.
        quality_version: see `trajectory_quality`.

    Raises:
        DatasetError: no training episode, or the contexts file does not fit the episodes.
    """
    stats = statistics(shards)
    figures = quality(shards, scenario, stats, contexts, quality_version)
    for name, content in (("info", info), ("stats", stats), ("quality", figures)):
        write_json(folder / "meta" / f"{name}.json", content)
    if quality_version == VERSION:  # cards are not made as earlier programs wrote them
        with writing(folder / "README.md") as aside:
            write_text(aside, card(scenario, info, figures, extras))
    fingerprint = hashlib.sha256("".join(sums.values()).encode()).hexdigest()[:16]
    write_dataset_files(folder, shards[0].schema, list(sums), fingerprint,
                        f"Trajectories of network design in the scenario {scenario.name}. {scenario.summary}", CITATION)


def _opened(part: Path, scenario: Scenario[Any]) -> Shard:
    shard = Shard(part)
    expected = arrow_schema(scenario)
    if not shard.schema.equals(expected):
        wrong = sorted({field.name for field in set(shard.schema) ^ set(expected)}) or ["the order of columns"]
        raise DatasetError(f"{part}: not episodes of scenario {scenario.name} with these parameters; different: "
                           f"{', '.join(wrong)}. Collect the episodes again.")
    if not len(shard):
        raise DatasetError(f"{part}: no episodes. Leave it out.")
    return shard


def _first_episode(shard: Shard) -> int:
    return int(shard.view("episode_id")[0])


def check_identities(shards: Sequence[Shard]) -> None:
    """Check that no two episodes share an identifier and no context is in two splits.

    Raises:
        DatasetError: naming the first identifier that repeats.
    """
    episodes = np.concatenate([shard.view("episode_id").numpy() for shard in shards])
    ids, counts = np.unique(episodes, return_counts=True)
    if len(ids) < len(episodes):
        raise DatasetError(f"episode_id {ids[counts > 1][0]} occurs {counts[counts > 1][0]} times "
                           f"({_holders(shards, 'episode_id', ids[counts > 1][0])}). Give each ShardWriter its own "
                           "range through first_episode_id.")
    split = np.concatenate([shard.strings("split") for shard in shards])
    context = np.concatenate([shard.view("context_id").numpy() for shard in shards])
    of_splits = np.concatenate([np.unique(context[split == name]) for name in SPLITS])
    ids, counts = np.unique(of_splits, return_counts=True)
    if len(ids) < len(of_splits):
        raise DatasetError(f"context_id {ids[counts > 1][0]} occurs in more than one split "
                           f"({_holders(shards, 'context_id', ids[counts > 1][0])}). Splits are by context, so "
                           "that training and test never meet: give every context to one split.")


def _holders(shards: Sequence[Shard], name: str, value: int) -> str:
    """Return the shards in which a column of integers holds a value."""
    return ", ".join(str(shard.path) for shard in shards if bool((shard.view(name) == int(value)).any()))


def _check_extras(extras: Mapping[str, Path]) -> None:
    for name, source in extras.items():
        parts = PurePosixPath(name).parts
        reserved = not parts or name in ("README.md", "state.json", "dataset_info.json") or parts[0] == "meta"
        if reserved or ".." in parts or PurePosixPath(name).is_absolute() or name.endswith(".arrow"):
            raise DatasetError(f"Extra file {name!r}: choose a relative name outside meta/ that the dataset does not "
                               "use itself, and no .arrow file.")
        if not source.is_file():
            raise DatasetError(f"Extra file {name!r}: {source} is missing.")


def _copy(source: Path, target: Path) -> None:
    with writing(target) as aside, source.open("rb", buffering=0) as original, aside.open("wb") as copy:
        while block := original.read(COPY_BYTES):
            copy.write(block)
