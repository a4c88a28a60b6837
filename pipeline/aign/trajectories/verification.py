"""Verifying a dataset: every byte, every value, and every figure that was derived from them.

A manifest proves that nothing changed since it was written; the checks after it prove that what was written is a
dataset: they hold for a folder whose manifest was written again after a change, too. `replay` goes furthest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from aign.errors import ContextError, DatasetError
from aign.files import manifest
from aign.files.mirror import Mirror
from aign.files.remote import is_remote
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.assemble import check_identities
from aign.trajectories.contexts import CONTEXTS, ContextPool, OnProgress
from aign.trajectories.description import check_description
from aign.trajectories.layout import is_text
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities, check_contexts
from aign.trajectories.replay import check_replay, replay
from aign.trajectories.schema import SPLITS
from aign.trajectories.shard import Shard, read_batch
from aign.trajectories.validation import check_values, refuse
from aign.trust import Trust


@dataclass(frozen=True)
class Check:
    """One check that a dataset passed.

    Attributes:
        name: in one word.
        subject: what was checked.
        counts: how much of it, by what was counted.
    """

    name: str
    subject: str
    counts: Mapping[str, int]


def verify(folder: Path | str, on_replay: OnProgress | None = None, trust_code: Trust = False) -> Iterator[Check]:
    """Check a dataset folder thoroughly, yielding each check as it is passed.

    Args:
        folder: as built by `assemble`, of any readable format version; or its address in storage, such as
            s3://bucket/power-20: then every byte is transferred once, to a temporary file.
        on_replay: where given, every episode is also simulated again, and it is told how many are done, and of how
            many.
        trust_code: which code that the dataset's scenario names may be imported; see `TrajectoryStore.open`.

    Raises:
        TrustError: the scenario names code that is not trusted.
        StorageError: the storage does not answer.
        DatasetError: at the first thing that is wrong, naming the file, and the episode and column where there is one.
    """
    if is_remote(folder):
        mirror = Mirror(str(folder))
        with mirror.named():
            mirror.fetch_all()
            yield from _checks(mirror.folder, on_replay, trust_code)
    else:
        yield from _checks(Path(folder), on_replay, trust_code)


def _checks(folder: Path, on_replay: OnProgress | None, trust_code: Trust) -> Iterator[Check]:
    files = manifest.check(folder, deep=True)
    yield Check("files", f"name, size and SHA-256 of each file are those of {manifest.NAME}",
                {"files": len(files), "bytes": sum(entry["bytes"] for entry in files.values())})
    store = TrajectoryStore.open(folder, deep=False, trust_code=trust_code)
    shards, scenario = store.shards, store.scenario
    yield Check("schema", f"one record batch a shard, with the columns of scenario {scenario.name}, format version "
                f"{store.info['format_version']}", {"shards": len(shards), "columns": len(store.columns)})
    yield Check("values", "no nulls, finite, as long as a text may be; lengths, ends and splits allowed; actions and "
                "contexts within bounds", {"episodes": len(store), "values": _check_values(shards, scenario)})
    check_identities(shards)
    yield Check("splits", "episode ids are unique; a context id stands for one context; no context is in two splits",
                {"episodes": len(store), "contexts": _check_contexts(shards)})
    references = None
    if CONTEXTS in files:
        references = ReferenceUtilities(ContextPool.load(folder / CONTEXTS, scenario).splits)
    names, figures = check_description(store, {name: entry["sha256"] for name, entry in files.items()})
    yield Check("figures", f"{', '.join(names)} made again from the shards are the same", {"figures": figures})
    if references is not None:
        check_contexts(shards, scenario, references)
        yield Check("contexts", f"context, split and return_normalised of every episode agree with {CONTEXTS}",
                    {"contexts": len(references), "episodes": len(store)})
    if on_replay is not None:
        result = replay(store, references, on_replay)
        check_replay(result, rounding=scenario.runs_foreign_code)
        same = "to the last bit" if result.first is None else f"up to rounding, in {result.differing:,} episodes"
        yield Check("replay", f"every episode simulated again from its context, first state and actions: "
                    f"{', '.join(result.compared)} are the same {same}",
                    {"episodes": result.episodes, "values": result.values})


def _check_values(shards: Sequence[Shard], scenario: Scenario[Any]) -> int:
    """Check every value of every shard, and return how many there are."""
    count = 0
    for shard in shards:
        _check_arrow(shard.path)
        columns = {field.name: shard.strings(field.name) if is_text(field.type) else shard.view(field.name).numpy()
                   for field in shard.schema}
        check_values(columns, shard.schema, scenario.horizon, str(shard.path))
        actions = columns["actions"]
        refuse(columns, "actions", np.abs(actions) > 1, "an action as applied lies in [-1, 1]", str(shard.path))
        try:
            scenario.check_contexts(shard.view("context"))
        except ContextError as error:
            raise DatasetError(f"{shard.path}, column 'context', by row: {error}") from None
        count += sum(values.size for values in columns.values())
    return count


def _check_arrow(path: Path) -> None:
    """Check that a shard's buffers are sound and hold no nulls, which the numbers alone would not show."""
    batch = read_batch(path)
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{path}: no sound Arrow data ({error}). {manifest.REMEDY}") from None
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        while array.null_count == 0 and pa.types.is_fixed_size_list(array.type):
            array = array.values
        if array.null_count:
            raise DatasetError(f"{path}, column {name!r}: {array.null_count} nulls; every value is needed. "
                               f"{manifest.REMEDY}")


def _check_contexts(shards: Sequence[Shard]) -> int:
    """Check that an identifier stands for one context, and one context for one split; return how many there are."""
    known: dict[int, bytes] = {}
    splits: dict[bytes, str] = {}
    for shard in shards:
        contexts = shard.view("context").numpy()
        numbers, first, same = np.unique(shard.view("context_id").numpy(), return_index=True, return_inverse=True)
        other = np.flatnonzero((contexts != contexts[first][same]).any(axis=1))
        for number, row in zip(numbers.tolist(), first.tolist(), strict=True):
            context, split = contexts[row].tobytes(), str(shard.strings("split")[row])
            if known.setdefault(number, context) != context:
                other = np.array([row])
            if splits.setdefault(context, split) != split:
                raise _fault(shard, "split", row, f"is {split}, but its context is also in split {splits[context]}; "
                                                  f"splits are by context: one of {', '.join(SPLITS)} for each")
        if len(other):
            raise _fault(shard, "context", int(other[0]), "is not the one that an earlier episode of the same "
                                                          "context_id has")
    return len(known)


def _fault(shard: Shard, name: str, row: int, what: str) -> DatasetError:
    episode, context = int(shard.view("episode_id")[row]), int(shard.view("context_id")[row])
    return DatasetError(f"{shard.path}, column {name!r}: that of episode {episode} (row {row}, context_id {context}) "
                        f"{what}. {manifest.REMEDY}")
