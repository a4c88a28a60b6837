"""Trajectory datasets as one .npz file in the key convention of D4RL, for libraries of offline reinforcement learning.

Every array has one row a step, all episodes one after another (N steps in all); numpy alone reads it.

| key | meaning |
|---|---|
| observations, next_observations | (N, D) what was seen before and after the step |
| actions | (N, A) float32 in [-1, 1], or where one of several choices is taken its number, (N,) int64 |
| rewards | (N,) |
| terminals | (N,) bool, the episode came to its own end here: no value follows |
| timeouts | (N,) bool, the episode was cut off here, before its own end: bootstrap from next_observations |
| infos/... | (N, ...) what is known of the step's episode, repeated: ids, labels, returns, context, behaviour, split |
| metadata/... | scalars: scenario, features, action space, labels and provenance as JSON text |

The last step of every episode is marked by exactly one of `terminals` and `timeouts`. Steps that end at the horizon are
terminals where the scenario observes its clock, for the end is part of the process then; the dataset's own two flags
decide.

Tell a library the action space that `metadata/action_space` names, where it can be told: d3rlpy, left to guess, takes
action values that are all whole (as the scores of several choices at once are) for choices, and the largest number that
occurs for the last choice.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from torch import Tensor

from aign.errors import DatasetError
from aign.exchange.batches import Report, chosen_rows, row_parts, silent
from aign.exchange.consumer_rules import check_spaces, exported_actions
from aign.files.writing import json_text, writing
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.reader import TrajectoryStore

Array = np.ndarray[Any, Any]
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every member: equal content is equal bytes."""
TEXTS = ("behaviour", "source", "split")
PER_EPISODE = (*TEXTS, "context_id", "context", "agent_step", "agent_seed", "env_seed",
               "return_raw", "return_normalised", "utility")


def export_npz(store: TrajectoryStore, path: Path, split: str | None = None, limit: int | None = None,
               report: Report = silent) -> int:
    """Write a split, or all of a dataset, as .npz; return the number of steps. Memory is bounded.

    Args:
        store: the dataset.
        path: the file; it is replaced where it exists, and appears only when it is whole.
        split: "train", "validation" or "test"; None for all.
        limit: at most this many episodes, the first ones.
        report: told how many arrays are written.

    Raises:
        DatasetError: the name does not end in .npz, no such split, no episode in it, or an action or observation
            outside the space of the environment.
        StorageError: the disk is full or read-only.
    """
    if path.suffix != ".npz":
        raise DatasetError(f"{path}: numpy knows such a file by its name; give a path that ends in .npz.")
    rows = chosen_rows(store, split, limit)
    for part in row_parts(store, rows):
        observations, actions, length = (store.gather(name, part).numpy()
                                         for name in ("observations", "actions", "length"))
        check_spaces(store.scenario, store.folder, part.numpy(), observations,
                     exported_actions(store.scenario, actions), length)
    steps = int(store.gather("length", rows).sum())
    texts = {name: store.strings(name) for name in TEXTS}
    keys = _keys([*PER_EPISODE, *(label.name for label in store.scenario.labels)])
    metadata = {**{name: store.info[name] for name in ("scenario", "features", "labels", "provenance")},
                "action_space": _space(store.scenario)}
    total = len(keys) + len(metadata)
    with writing(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
        for done, (name, key) in enumerate(keys.items(), start=1):
            with _member(archive, name) as sink:
                _write_rows(sink, (key(_Part(store, part, texts)) for part in row_parts(store, rows)), steps)
            report(done, total)
        for done, (name, value) in enumerate(metadata.items(), start=len(keys) + 1):
            with _member(archive, f"metadata/{name}") as sink:
                np.lib.format.write_array(sink, np.array(json_text(value)), allow_pickle=False)
            report(done, total)
    return steps


def _space(scenario: Scenario[Any]) -> dict[str, Any]:
    """Return what the exported actions are: no library can tell choices from values that happen to be whole."""
    if scenario.choices is not None:
        return {"kind": "discrete", "choices": scenario.choices}
    return {"kind": "continuous", "size": scenario.action_size, "low": -1.0, "high": 1.0}


class _Part:
    """Some episodes, of which a column is read when it is asked for."""

    def __init__(self, store: TrajectoryStore, rows: Tensor, texts: Mapping[str, Array]) -> None:
        self.store = store
        self.rows = rows
        self.texts = texts
        self.length: Array = store.gather("length", rows).numpy()

    def __call__(self, name: str) -> Array:
        """Return a column, (E, ...)."""
        return self.texts[name][self.rows.numpy()] if name in self.texts else self.store.gather(name, self.rows).numpy()

    @property
    def taken(self) -> Array:
        """Return (E, T): which steps were taken."""
        return np.arange(self.store.scenario.horizon) < self.length[:, None]

    @property
    def ends(self) -> Array:
        """Return (steps of all E): which steps are their episode's last."""
        last: Array = np.arange(self.store.scenario.horizon) == self.length[:, None] - 1
        ends: Array = last[self.taken]
        return ends


Key = Callable[[_Part], Array]


def _keys(names: Iterable[str]) -> dict[str, Key]:
    """Return, for each key of the file, how its rows come out of some episodes; `names` are those to repeat."""
    def repeated(name: str) -> Key:
        """Return what repeats an episode's value at each of its steps."""
        return lambda part: np.repeat(part(name), part.length, axis=0)

    return {
        "observations": lambda part: part("observations")[:, :-1][part.taken],
        "actions": lambda part: exported_actions(part.store.scenario, part("actions"))[part.taken],
        "rewards": lambda part: part("rewards")[part.taken],
        "next_observations": lambda part: part("observations")[:, 1:][part.taken],
        "terminals": lambda part: part.ends & np.repeat(part("terminated"), part.length),
        "timeouts": lambda part: part.ends & ~np.repeat(part("terminated"), part.length),
        **{f"infos/{name}": repeated(name) for name in names},
    }


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(zipfile.ZipInfo(f"{name}.npy", EPOCH), "w", force_zip64=True)


def _write_rows(sink: IO[bytes], parts: Iterator[Array], rows: int) -> None:
    """Write an .npy with this number of rows, which come in consecutive parts."""
    for index, part in enumerate(parts):
        if not index:
            header = {"descr": np.lib.format.dtype_to_descr(part.dtype), "fortran_order": False,
                      "shape": (rows, *part.shape[1:])}
            np.lib.format.write_array_header_2_0(sink, header)
        sink.write(np.ascontiguousarray(part).tobytes())
