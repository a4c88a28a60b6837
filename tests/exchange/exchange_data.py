"""Small real datasets, and logs that say the same in an operator's words and units."""

from dataclasses import replace

import numpy as np
import pandas as pd
import yaml

from aign.agents.behaviours import record
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

COUNTS = {"train": 12, "validation": 4, "test": 4}
MILLI = 1000.0
MAPPING = {
    "source": "north-cell", "episode": "run", "step": "tick",
    "context": {"gain": {"columns": "gain_{i}_per_mw", "scale": MILLI}},
    "observations": {"power": {"columns": "power_{i}_mw", "scale": 1 / MILLI}},
    "actions": {"columns": "change_{i}_percent", "scale": 0.01},
    "reward": "gained", "labels": {"total_power": {"columns": "sum_mw", "scale": 1 / MILLI}},
    "behaviour": {"column": "who"}, "split": {"train": 0.6, "validation": 0.2, "test": 0.2},
}


def episodes_of(scenario, seed=0, counts=COUNTS, contexts=COUNTS):
    """Real episodes of random actions, one batch a split, and the contexts they are in."""
    pool = ContextPool.draw(scenario, contexts, seed)
    return [batch for split, count in counts.items()
            for batch in record("random", scenario, pool[split], count, seed)], pool


def write_dataset(folder, scenario, batches, pool=None, shard_rows=7):
    """Assemble a dataset of the batches."""
    parts = folder.with_name(f"{folder.name}-parts")
    with ShardWriter(parts, scenario, shard_rows, first_episode_id=0) as writer:
        for batch in batches:
            writer.append(batch)
    extras = {}
    if pool is not None:
        pool.save(parts / "contexts.safetensors", scenario)
        extras = {"contexts.safetensors": parts / "contexts.safetensors"}
    assemble(folder, writer.close(), scenario, {"author": "test", "seed": 1}, extras)
    return folder


def collected(folder, scenario, seed=0, **changes):
    """A dataset as stage collect makes it."""
    batches, pool = episodes_of(scenario, seed, **changes)
    return write_dataset(folder, scenario, batches, pool)


def shortened(batch, lengths):
    """Cut episodes off: what follows is padding, as other writers may leave it."""
    lengths = np.asarray(lengths, dtype=np.int32)
    full = lengths == batch.rewards.shape[1]
    return replace(batch, length=lengths, terminated=full, truncated=~full)


def log_of(store, rows=None):
    """What an operator would have logged: a row a step, the last one with what was seen at the end; other units."""
    rows = range(len(store)) if rows is None else rows
    size, frames = store.scenario.state_size, []
    column = {name: store.column(name).numpy().astype(np.float64)
              for name in ("observations", "actions", "rewards", "context", "total_power")}
    who = store.strings("behaviour")
    for row in rows:
        steps = store.scenario.horizon + 1
        padded = np.vstack([column["actions"][row], np.full(store.scenario.action_size, np.nan)])
        frames.append(pd.DataFrame({
            "run": f"run-{row}", "tick": np.arange(steps),
            **{f"gain_{i}_per_mw": column["context"][row, i] / MILLI for i in range(column["context"].shape[1])},
            **{f"power_{i}_mw": column["observations"][row, :, i] * MILLI for i in range(size)},
            **{f"change_{i}_percent": padded[:, i] * 100 for i in range(padded.shape[1])},
            "gained": np.append(column["rewards"][row], np.nan),
            "sum_mw": column["total_power"][row] * MILLI, "who": who[row], "comment": "nothing to say"}))
    return pd.concat(frames, ignore_index=True)


def write_log(folder, log, mapping=None, name="log.csv"):
    """Write a log and its mapping; return both paths."""
    path = folder / name
    log.to_csv(path, index=False) if path.suffix == ".csv" else log.to_parquet(path, index=False)
    (folder / "map.yaml").write_text(yaml.safe_dump(MAPPING if mapping is None else mapping))
    return path, folder / "map.yaml"


def columns_of(folder):
    """Every column of a dataset as numpy, by name."""
    store = TrajectoryStore.open(folder)
    texts = ("behaviour", "source", "split")
    return {name: store.strings(name) if name in texts else store.column(name).numpy() for name in store.columns}
