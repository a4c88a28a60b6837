"""Opening a dataset: a checked folder of memory-mapped shards, read as tensors at the speed of memory.

Axes: N episodes, b rows picked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from aign.errors import AignError, DatasetError, TrustError, unknown_name
from aign.files import manifest
from aign.files.mirror import Mirror
from aign.files.remote import is_remote
from aign.files.writing import read_json
from aign.scenarios.core import registry
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.fetching import fetching
from aign.trajectories.gathering import Gatherer, joined
from aign.trajectories.layout import dtype_of, is_text, shape_of
from aign.trajectories.schema import SPLITS, arrow_schema
from aign.trajectories.shard import Shard, Strings
from aign.trajectories.versions import version_of
from aign.trust import Trust

INFO = "meta/info.json"
CHANGED = "Make the dataset again, or use the version of aign that made it."


def scenario_of(info: Mapping[str, Any], path: Path, trust_code: Trust = False) -> Scenario[Any]:
    """Return the scenario that meta/info.json, which lies at `path`, names.

    Raises:
        DatasetError: there is none of that name and parameters.
        TrustError: it names code that is not trusted.
    """
    spec = info.get("scenario")
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise DatasetError(f"{path}: names no scenario. {manifest.REMEDY}")
    try:
        return registry.recreate(spec, path, trust_code)
    except TrustError:
        raise
    except AignError as error:
        raise DatasetError(f"{path}: {error} Use the version of aign that made the dataset.") from None


def _check_schema(shard: Shard, expected: pa.Schema, by: str) -> None:
    for place, field in enumerate(expected):
        stored = shard.schema.field(place) if place < len(shard.schema) else None
        if stored is None or not stored.equals(field):
            held = f"{stored.name}: {stored.type}" if stored is not None else "nothing"
            raise DatasetError(f"{shard.path}, column {field.name!r}: {held} given, {field.name}: {field.type} needed "
                               f"in place {place} {by}. {CHANGED}")
    if len(shard.schema) > len(expected):
        raise DatasetError(f"{shard.path}, column {shard.schema.names[len(expected)]!r}: one too many, "
                           f"compared with those needed {by}. {CHANGED}")


class TrajectoryStore:
    """A trajectory dataset, read-only. Open it with `TrajectoryStore.open(folder)`.

    Attributes:
        folder: where it lies; of a remote dataset the mirror's.
        mirror: of a remote dataset: tells how much of it was fetched; None of a local one.
        info: content of meta/info.json: features, labels, counts, provenance.
        stats: content of meta/stats.json: statistics of the training split.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], info: dict[str, Any], stats: dict[str, Any],
                 trust_code: Trust = False, mirror: Mirror | None = None) -> None:
        self.folder = folder
        self.mirror = mirror
        self.info = info
        self.stats = stats
        self._trust_code = trust_code
        self._shards = list(shards)
        self._schema = shards[0].schema
        self._columns: dict[str, Tensor] = {}

    @classmethod
    def open(cls, folder: Path | str, deep: bool | None = None, trust_code: Trust = False) -> TrajectoryStore:
        """Check a dataset folder against its manifest and map its shards; older format versions read as today's.

        Of a remote dataset a column of a shard is fetched when it is first read, into a temporary file.

        Args:
            folder: as built by `assemble`; or its address in storage, such as s3://bucket/power-20.
            deep: compare every byte's SHA-256 (reads the whole dataset once), the default of a local folder; otherwise
                of the shards names and sizes only, the default of a remote one.
            trust_code: True where the code that the dataset's scenario names, such as the module of somebody's
                environment, may be imported; or the one scenario whose code is trusted, by its specification.

        Raises:
            DatasetError: the folder is missing, foreign, incomplete, damaged or of another format version.
            StorageError: the storage of a remote one does not answer.
            TrustError: its scenario names code that is not trusted.
        """
        if not is_remote(folder):
            return cls._opened(Path(folder), deep is not False, trust_code, None)
        mirror = Mirror(str(folder))
        with mirror.named():
            if deep:
                mirror.fetch_all()
            return cls._opened(mirror.folder, bool(deep), trust_code, mirror)

    @classmethod
    def _opened(cls, folder: Path, deep: bool, trust_code: Trust, mirror: Mirror | None) -> TrajectoryStore:
        files = manifest.check(folder, deep)
        info = read_json(folder / INFO, DatasetError)
        version = version_of(info, folder)
        registry.check_code(info.get("scenario"), folder / INFO, trust_code)
        names = sorted(name for name in files if name.endswith(".arrow"))
        expected = [f"data-{index:05d}-of-{len(names):05d}.arrow" for index in range(len(names))]
        if not names or names != expected:
            raise DatasetError(f"{folder}: its shards are {', '.join(names) or 'missing'}; needed: "
                               f"{', '.join(expected) or 'at least one'}. {manifest.REMEDY}")
        shards = [Shard(folder / name, version, None if mirror is None else fetching(mirror, name)) for name in names]
        for shard in shards:
            rows = files[shard.path.name].get("rows")
            if len(shard) != rows:
                raise DatasetError(f"{shard.path}: {len(shard)} episodes, the manifest says {rows}. {manifest.REMEDY}")
            _check_schema(shard, shards[0].schema, f"by {names[0]}")
        return cls(folder, shards, info, read_json(folder / "meta" / "stats.json", DatasetError), trust_code,
                   mirror)

    @cached_property
    def scenario(self) -> Scenario[Any]:
        """The scenario whose episodes these are.

        Raises:
            DatasetError: the scenario, or one of its parameters, no longer exists, or its columns have changed since.
            TrustError: it names code that is not trusted.
        """
        with nullcontext() if self.mirror is None else self.mirror.named():
            scenario = scenario_of(self.info, self.folder / INFO, self._trust_code)
            for shard in self._shards:
                _check_schema(shard, arrow_schema(scenario), f"by scenario {scenario.name} as it is now")
        return scenario

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the columns."""
        return self._schema

    @property
    def shards(self) -> list[Shard]:
        """The shards, in order."""
        return list(self._shards)

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return list(self._schema.names)

    def __len__(self) -> int:
        return sum(map(len, self._shards))

    def __repr__(self) -> str:
        lines = [f"  {field.name}: {dtype_of(field.type) if not is_text(field.type) else 'str'} "
                 f"{(len(self), *shape_of(field.type))}" for field in self._schema]
        return "\n".join([f"TrajectoryStore({self.info['scenario']['name']}, {len(self)} episodes in "
                          f"{len(self._shards)} shards)", *lines])

    def views(self, name: str) -> list[Tensor]:
        """Return a numeric column as one tensor a shard, (rows, ...), lying in the mapped files.

        Never write to them: the files are mapped read-only. Booleans are unpacked copies.

        Raises:
            DatasetError: no such column, or one of text.
        """
        return [shard.view(name) for shard in self._shards]

    def column(self, name: str) -> Tensor:
        """Return a numeric column (N, ...): the mapped file itself for one shard, else a copy, kept for later calls.

        Never write to it.

        Raises:
            DatasetError: no such column, or one of text.
        """
        if name not in self._columns:
            views = self.views(name)
            self._columns[name] = views[0] if len(views) == 1 else joined(views)
        return self._columns[name]

    def column_bytes(self, name: str) -> int:
        """Return how much memory `column(name)` takes."""
        return sum(view.nbytes for view in self.views(name))

    def strings(self, name: str) -> Strings:
        """Return a text column (N,).

        Raises:
            DatasetError: no such column, or one of numbers.
        """
        return np.concatenate([shard.strings(name) for shard in self._shards])

    def rows(self, split: str | None = None, behaviours: Sequence[str] | None = None) -> Tensor:
        """Return the rows of a split and of some behaviours, ascending, int64 (b,); None means all.

        Raises:
            DatasetError: no such split, or a behaviour that does not occur in the dataset.
        """
        chosen = np.ones(len(self), dtype=bool)
        if split is not None:
            if split not in SPLITS:
                raise DatasetError(unknown_name("split", split, SPLITS))
            chosen &= self.strings("split") == split
        if behaviours is not None:
            behaviour = self.strings("behaviour")
            known = np.unique(behaviour).tolist()
            for name in behaviours:
                if name not in known:
                    raise DatasetError(unknown_name("behaviour", name, known))
            chosen &= np.isin(behaviour, list(behaviours))
        return torch.from_numpy(np.flatnonzero(chosen))

    def tensors(self, name: str) -> list[Tensor]:
        """Return a numeric column in one piece where `column` was called before or there is one shard, else as one view
        a shard.
        """
        return [self._columns[name]] if name in self._columns else self.views(name)

    def gather(self, name: str, rows: Tensor) -> Tensor:
        """Return rows (b,) int64 of a numeric column, a copy (b, ...), in the order asked for.

        Raises:
            DatasetError: no such column, or one of text.
            IndexError: a row out of range.
        """
        return Gatherer(self.tensors(name)).rows(rows)
