"""A published dataset becomes a local store again: the same columns, bit for bit, and the same files.

With the version of pyarrow that wrote the original, its shards, and so the digest of its manifest, come back exactly;
another version may lay out the same numbers in other bytes, and the digest is another one then.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from aign.errors import AignError, DatasetError, TrustError, unknown_name
from aign.exchange import arrangement, destination, parquet, publication
from aign.exchange.arrangement import Arrangement
from aign.exchange.batches import Report, silent
from aign.exchange.publication import Variant
from aign.files import manifest
from aign.files.writing import building, read_json, writing
from aign.scenarios.core import registry
from aign.trajectories.reader import INFO
from aign.trajectories.schema import SPLITS, arrow_schema
from aign.trajectories.shard import write_batch
from aign.trajectories.versions import upgraded_schema, version_of
from aign.trust import Trust


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes:
        name: of the configuration.
        episodes: how many.
        digest: of the new folder's manifest.
        identical: whether it is that of the dataset that was published.
    """

    name: str
    episodes: int
    digest: str
    identical: bool


def import_published(folder: Path, to: Path, config: str | None = None, report: Report = silent,
                     trust_code: Trust = False) -> Imported:
    """Make a local dataset folder of one configuration of a published dataset.

    Args:
        folder: the published dataset; every byte is checked first.
        to: the dataset folder, for example data/trajectories/power-20.
        config: which one; may be left out where there is only one.
        report: told how many episodes are done, and of how many.
        trust_code: which code that the dataset's scenario names may be imported; see `TrajectoryStore.open`.

    Raises:
        TrustError: its scenario names code that is not trusted.
        DatasetError: the folder is missing, damaged, foreign, or of a scenario that has changed since.
        ParameterError: `to` holds something else.
        StorageError: the disk is full or read-only.
    """
    variant = _chosen(folder, publication.read(folder, "dataset"), config)
    source = _Source.open(folder, variant, trust_code)
    destination.check_new(to, variant.digest)
    rows = {one.shard: len(one.codes) for one in source.arrangements}
    with building(to) as aside:
        for name in source.others:
            with writing(aside / name) as part:
                shutil.copyfile(source.store / name, part)
        source.write_shards(aside, report)
        manifest.build(aside, rows)
    digest = manifest.read(to / manifest.NAME).digest
    return Imported(variant.name, variant.episodes, digest, digest == variant.digest)


def _chosen(folder: Path, published: publication.Publication, config: str | None) -> Variant:
    variants = {variant.name: variant for variant in published.variants}
    if config is None and len(variants) == 1:
        return published.variants[0]
    if config is None:
        raise DatasetError(f"{folder}: holds several configurations; name one with --config: {', '.join(variants)}.")
    if config not in variants:
        raise DatasetError(f"{folder}: {unknown_name('configuration', config, variants)}")
    return variants[config]


@dataclass(frozen=True, eq=False)
class _Source:
    """One configuration of a published folder, its parts found to agree with each other."""

    store: Path
    others: list[str]
    arrangements: list[Arrangement]
    files: dict[str, list[Path]]
    schema: pa.Schema

    @classmethod
    def open(cls, folder: Path, variant: Variant, trust_code: Trust) -> _Source:
        place = f"store/{variant.name}/"
        listed = manifest.check(folder, deep=False, remedy=publication.REMEDY)
        others = [name.removeprefix(place) for name in listed if name.startswith(place)]
        arrangements = arrangement.load(folder / "meta" / "order" / f"{variant.name}.parquet")
        files = {}
        for split in SPLITS:
            names = [name for name in sorted(listed) if name.startswith(f"{variant.name}/{split}-")]
            rows, wanted = sum(listed[name].get("rows", 0) for name in names), arrangement.totals(arrangements)[split]
            if rows != wanted:
                raise DatasetError(f"{folder / variant.name}: {rows} episodes of split {split}, its order has "
                                   f"{wanted}. {publication.REMEDY}")
            files[split] = [folder / name for name in names]
        schema = parquet.read_schema([path for paths in files.values() for path in paths])
        store = folder / "store" / variant.name
        _check_columns(store, schema, trust_code)
        return cls(store, [name for name in others if name != manifest.NAME], arrangements, files, schema)

    def write_shards(self, folder: Path, report: Report) -> None:
        """Write the shards of the local store, each with its rows in their order."""
        feeds = {split: parquet.Feed(parquet.read_batches(paths, self.schema), self.schema)
                 for split, paths in self.files.items()}
        total, done = sum(len(one.codes) for one in self.arrangements), 0
        for one in self.arrangements:
            write_batch(folder / one.shard, self._restored(feeds, one))
            done += len(one.codes)
            report(done, total)

    def _restored(self, feeds: Mapping[str, parquet.Feed], one: Arrangement) -> pa.RecordBatch:
        """Return the rows of a shard in their order. Column by column, so that memory holds two shards, not four."""
        rows = pa.concat_tables([feeds[split].take(count) for split, count in one.counts().items()])
        if rows.num_rows != len(one.codes):
            raise DatasetError(f"{self.store.name}: the Parquet files end before the order does. {publication.REMEDY}")
        order = pa.array(one.restored_rows())
        return pa.RecordBatch.from_arrays([column.combine_chunks().take(order) for column in rows.columns],
                                          schema=self.schema)


def _check_columns(store: Path, schema: pa.Schema, trust_code: Trust) -> None:
    """Compare the columns with those of the scenario that meta/info.json names, in the format version it states."""
    info: Any = read_json(store / INFO, DatasetError)
    version = version_of(info, store)
    try:
        scenario = registry.recreate(info["scenario"], store / INFO, trust_code)
    except TrustError:
        raise
    except (AignError, TypeError, KeyError) as problem:
        raise DatasetError(f"{store / INFO}: the scenario cannot be made ({problem}). Use the version of "
                           "aign that published the dataset.") from None
    if not upgraded_schema(schema, version).equals(arrow_schema(scenario)):
        raise DatasetError(f"{store.name}: the columns are not those of scenario {scenario.name} as it is now. "
                           "Use the version of aign that published the dataset.")
