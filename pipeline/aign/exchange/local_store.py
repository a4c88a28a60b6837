"""A local dataset as publishing reads it: shards as they are stored, sorted into splits, and the files beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from aign.errors import DatasetError
from aign.exchange import arrangement, parquet
from aign.exchange.arrangement import Arrangement
from aign.exchange.parquet import FileContent
from aign.files import manifest
from aign.trajectories.description import FILES
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import SPLITS
from aign.trajectories.shard import read_batch
from aign.trust import Trust


@dataclass(frozen=True, eq=False)
class LocalStore:
    """A local dataset as it lies on disk, of whatever format version.

    Attributes:
        opened: the dataset, read with the columns of today.
        schema: the columns as they are stored.
        arrangements: which split each row of each shard is of.
        others: names of all files but the shards.
        digest: of its manifest.
    """

    opened: TrajectoryStore
    schema: pa.Schema
    arrangements: list[Arrangement]
    others: list[str]
    digest: str

    @classmethod
    def open(cls, folder: Path, trust_code: Trust = False) -> LocalStore:
        """Check every byte of a dataset and look at its splits.

        Raises:
            DatasetError: it is missing, damaged, or of a scenario that has changed since.
            TrustError: its scenario names code that is not trusted; see `TrajectoryStore.open`.
        """
        opened = TrajectoryStore.open(folder, trust_code=trust_code)
        opened.scenario  # noqa: B018  (a scenario that has changed since is found before anything is written)
        listed = manifest.read(folder / manifest.NAME)
        arrangements = []
        for shard in opened.shards:
            splits = shard.strings("split").tolist()
            if unknown := set(splits) - set(SPLITS):
                raise DatasetError(f"{shard.path}: split {min(unknown)!r}; allowed: {', '.join(SPLITS)}.")
            arrangements.append(arrangement.arrangement(shard.path.name, splits))
        others = [name for name in listed.files if not name.endswith(".arrow")]
        return cls(opened, read_batch(opened.shards[0].path).schema, arrangements, sorted([*others, manifest.NAME]),
                   listed.digest)

    @property
    def extras(self) -> list[str]:
        """Files that the dataset does not write itself, such as contexts.safetensors."""
        return [name for name in self.others if name not in FILES and not name.startswith("meta/")]

    def write_episodes(self, folder: Path, report: parquet.Told) -> Iterator[tuple[str, dict[str, FileContent]]]:
        """Write the files of each split that has episodes; yield the split and what each of its files holds."""
        for split, rows in arrangement.totals(self.arrangements).items():
            if rows:
                feed = parquet.Feed(self._batches(split), self.schema)
                yield split, {name: parquet.write(folder / name, feed, report)
                              for name in parquet.file_names(split, rows, self.schema)}

    def _batches(self, split: str) -> Iterator[pa.RecordBatch]:
        """Yield the episodes of a split, in the order of the store."""
        for order in self.arrangements:
            rows = np.flatnonzero(order.codes == SPLITS.index(split))
            if len(rows):
                batch = read_batch(self.opened.folder / order.shard)
                # Parts recorded with different versions of `datasets` may describe the same columns differently.
                batch = pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)
                together = rows[-1] - rows[0] + 1 == len(rows)
                yield batch.slice(int(rows[0]), len(rows)) if together else batch.take(pa.array(rows))
