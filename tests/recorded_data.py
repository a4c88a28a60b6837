"""Datasets of real episodes with a contexts file, and copies of them that were changed and sealed again."""

import hashlib
import json
import shutil

import numpy as np
import pyarrow as pa

from aign.agents.behaviours import record
from aign.files import manifest
from aign.files.writing import write_json
from aign.trajectories.assemble import assemble, describe
from aign.trajectories.contexts import ContextPool
from aign.trajectories.layout import is_text, shape_of, to_arrow
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.shard import read_batch, write_batch
from aign.trajectories.writer import ShardWriter

COUNTS = {"train": 24, "validation": 6, "test": 6}


def record_dataset(folder, scenario, shard_rows=32, source="collect"):
    """Let random actions, heuristics and solver-guided walks fill a dataset; return its folder."""
    pool = ContextPool.draw(scenario, COUNTS, seed=5)
    scratch = folder.with_name(folder.name + "-parts")
    with ShardWriter(scratch, scenario, shard_rows, first_episode_id=1000) as writer:
        for behaviour in ("random", "heuristics", "solver-guided"):
            for split, contexts in pool.splits.items():
                for episodes in record(behaviour, scenario, contexts, COUNTS[split], seed=5):
                    object.__setattr__(episodes, "source", np.full(len(episodes), source))
                    writer.append(episodes)
    pool.save(scratch / "contexts.safetensors", scenario)
    assemble(folder, writer.close(), scenario, {"author": "test", "seed": 5},
             {"contexts.safetensors": scratch / "contexts.safetensors"})
    return folder


def sealed(folder):
    """Write the manifest of a folder as it is now."""
    manifest.build(folder, {path.name: read_batch(path).num_rows for path in folder.glob("*.arrow")})
    return folder


def changed_columns(folder, target, changes, described=False):
    """Copy a dataset, hand columns to functions that change them in place, and seal it.

    Args:
        folder: the dataset.
        target: of the copy.
        changes: column name -> function of the column (N, ...) over all shards.
        described: also make the descriptions again, as somebody thorough would.
    """
    copy = shutil.copytree(folder, target)
    paths = sorted(copy.glob("*.arrow"))
    batches = [read_batch(path) for path in paths]
    store = TrajectoryStore.open(folder, deep=False)
    for name, change in changes.items():
        kind = batches[0].schema.field(name).type
        parts = [np.array(shard.strings(name), dtype=object) if is_text(kind) else shard.view(name).numpy().copy()
                 for shard in store.shards]
        values = np.concatenate(parts)
        change(values)
        parts = np.split(values, np.cumsum([len(part) for part in parts])[:-1])
        batches = [batch.set_column(batch.schema.names.index(name), batch.schema.field(name), to_arrow(part, kind))
                   for batch, part in zip(batches, parts, strict=True)]
    for path, batch in zip(paths, batches, strict=True):
        path.unlink()  # the old file may be mapped
        write_batch(path, batch)
    if described:
        sealed(copy)
        again = TrajectoryStore.open(copy)
        sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        describe(copy, sums, again.shards, again.scenario, again.info, ["contexts.safetensors"],
                 copy / "contexts.safetensors")
    return sealed(copy)


def changed_json(folder, target, name, change):
    """Copy a dataset, change one of its JSON files in place, and seal it."""
    copy = shutil.copytree(folder, target)
    content = json.loads((copy / name).read_text())
    change(content)
    write_json(copy / name, content)
    return sealed(copy)


def changed_batch(folder, target, shard, change):
    """Copy a dataset, replace the record batch of a shard by what `change` makes of it, and seal it."""
    copy = shutil.copytree(folder, target)
    path = sorted(copy.glob("*.arrow"))[shard]
    batch = change(read_batch(path))
    path.unlink()
    write_batch(path, batch)
    return sealed(copy)


def with_null(batch, name):
    """Return the batch with a null in the first value of a column, inside of lists where there are any."""
    place = batch.schema.names.index(name)
    kind = batch.schema.field(name).type
    leaf = batch.column(place)
    while pa.types.is_fixed_size_list(leaf.type):
        leaf = leaf.values
    array = pa.array([None, *leaf.to_pylist()[1:]], type=leaf.type)
    for size in reversed(shape_of(kind)):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return batch.set_column(place, batch.schema.field(name), array)


def row_of(folder, split):
    """Return the first row of a split, its episode and the name of its shard."""
    store = TrajectoryStore.open(folder, deep=False)
    row = int(store.rows(split)[0])
    start = 0
    for shard in store.shards:
        if row < start + len(shard):
            return row, int(shard.view("episode_id")[row - start]), shard.path.name
        start += len(shard)
    raise AssertionError


def nudge(row, *place):
    """Return a change of one value to the next float, towards plus infinity."""
    def change(values):
        values[(row, *place)] = np.nextafter(values[(row, *place)], np.float32(np.inf))
    return change


def put(row, value, *place):
    """Return a change of one value."""
    def change(values):
        values[(row, *place)] = value
    return change
