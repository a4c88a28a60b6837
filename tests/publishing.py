"""Small stores to publish: the golden ones of every format version, and one whose splits are mixed row by row."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa

from aign.exchange.batches import batches
from aign.trajectories.assemble import assemble
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

GOLDEN = Path(__file__).parent / "trajectories" / "golden"
VERSIONS = [GOLDEN / "version-1", GOLDEN / "version-2", GOLDEN / "version-3"]


def mixed_store(folder, shard_rows=7):
    """The golden episodes in another order, splits mixed, in several shards."""
    store = TrajectoryStore.open(GOLDEN / "version-3")
    whole = next(iter(batches(store, store.rows())))
    order = np.random.default_rng(0).permutation(len(whole))
    columns = {name: values[order] for name, values in vars(whole).items() if name != "labels"}
    labels = {name: values[order] for name, values in whole.labels.items()}
    with ShardWriter(folder.with_name("parts"), store.scenario, shard_rows, first_episode_id=0) as writer:
        writer.append(dataclasses.replace(whole, labels=labels, **columns))
    assemble(folder, writer.close(), store.scenario, {"author": "test"})
    return folder


def stored(folder):
    """Return a local store's columns as they lie in its shards, read with pyarrow alone."""
    tables = []
    for path in sorted(folder.glob("data-*.arrow")):
        with pa.ipc.open_stream(path) as stream:
            tables.append(stream.read_all())
    return pa.concat_tables(tables)
