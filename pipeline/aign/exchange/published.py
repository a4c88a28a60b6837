"""A published dataset becomes a local store again: the same columns, bit for bit, and the same files.

With the version of pyarrow that wrote the original, its shards, and so the digest of its manifest, come back exactly;
another version may lay out the same numbers in other bytes, and the digest is another one then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from aign.errors import DatasetError, unknown_name
from aign.exchange import arrangement, destination, parquet, publication
from aign.exchange.arrangement import Arrangement
from aign.exchange.batches import Report, silent
from aign.exchange.publication import Variant
from aign.files import manifest
from aign.files.writing import building, copy_files, read_json
from aign.trajectories.reader import INFO, scenario_of
from aign.trajectories.schema import SPLITS, arrow_schema
from aign.trajectories.shard import write_batch
from aign.trajectories.versions import upgraded_schema, version_of
from aign.trust import Trust


@dataclass(frozen=True)
class ImportResult:
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
                     trust_code: Trust = False) -> ImportResult:
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
    order = arrangement.load(folder / "meta" / "order" / f"{variant.name}.parquet")
    listed = manifest.read(folder / manifest.NAME).files
    files = _parquet_files(folder, variant.name, order, listed)
    schema = parquet.read_schema([path for paths in files.values() for path in paths])
    store = folder / "store" / variant.name
    _check_columns(store, schema, trust_code)
    destination.check_new(to, variant.digest)
    place = f"store/{variant.name}/"
    others = {name.removeprefix(place) for name in listed if name.startswith(place)} - {manifest.NAME}
    done = 0
    with building(to) as aside:
        copy_files(store, aside, others)
        for part, batch in zip(order, _shards(files, order, schema), strict=True):
            write_batch(aside / part.shard, batch)
            done += len(part.codes)
            report(done, variant.episodes)
        manifest.build(aside, {part.shard: len(part.codes) for part in order})
    digest = manifest.read(to / manifest.NAME).digest
    return ImportResult(variant.name, variant.episodes, digest, digest == variant.digest)


def _chosen(folder: Path, published: publication.Publication, config: str | None) -> Variant:
    variants = {variant.name: variant for variant in published.variants}
    if config is None and len(variants) == 1:
        return published.variants[0]
    if config is None:
        raise DatasetError(f"{folder}: holds several configurations; name one with --config: {', '.join(variants)}.")
    if config not in variants:
        raise DatasetError(f"{folder}: {unknown_name('configuration', config, variants)}")
    return variants[config]


def _parquet_files(folder: Path, name: str, order: list[Arrangement], listed: manifest.Files) -> dict[str, list[Path]]:
    """Return the Parquet files of each split, after comparing their rows with the stored order of episodes."""
    files = {}
    for split, episodes in arrangement.totals(order).items():
        names = [file for file in sorted(listed) if file.startswith(f"{name}/{split}-")]
        rows = sum(listed[file].get("rows", 0) for file in names)
        if rows != episodes:
            raise DatasetError(f"{folder / name}: {rows} episodes of split {split}, its order has {episodes}. "
                               f"{publication.REMEDY}")
        files[split] = [folder / file for file in names]
    return files


def _shards(files: dict[str, list[Path]], order: list[Arrangement], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield each shard of the local store, its rows in their order."""
    feeds = {split: parquet.Feed(parquet.read_batches(files[split], schema), schema) for split in SPLITS}
    for part in order:
        rows = pa.concat_tables([feeds[split].take(count) for split, count in part.counts().items()])
        if rows.num_rows != len(part.codes):
            raise DatasetError(f"{part.shard}: the Parquet files end before the order does. {publication.REMEDY}")
        restored = pa.array(part.restored_rows())
        # Column by column, so that memory holds two shards, not four.
        yield pa.RecordBatch.from_arrays([column.combine_chunks().take(restored) for column in rows.columns],
                                         schema=schema)


def _check_columns(store: Path, schema: pa.Schema, trust_code: Trust) -> None:
    """Compare the columns with those of the scenario that meta/info.json names, in the format version it states."""
    info = read_json(store / INFO, DatasetError)
    version = version_of(info, store)
    scenario = scenario_of(info, store / INFO, trust_code)
    if not upgraded_schema(schema, version).equals(arrow_schema(scenario)):
        raise DatasetError(f"{store.name}: the columns are not those of scenario {scenario.name} as it is now. "
                           "Use the version of aign that published the dataset.")
