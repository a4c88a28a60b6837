"""Reading a dataset as batches of episodes, in order and with bounded memory; used by all exports and by merging."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from aign.errors import DatasetError
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import Episodes

BATCH = 1_024
"""Episodes in memory at a time, at most."""
VALUES = 1 << 24
"""Observed values in memory at a time, at most: fewer episodes make a batch where they are long."""

Report = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def silent(done: int, total: int) -> None:
    """Report to nobody."""


def chosen_rows(store: TrajectoryStore, split: str | None = None, limit: int | None = None) -> Tensor:
    """Return the rows (b,) of a split, or of all, in order; only the first `limit` where that is given.

    Raises:
        DatasetError: no such split, or no episode in it.
    """
    rows = store.rows(split)
    if not len(rows):
        raise DatasetError(f"{store.folder}: no episode of split {split}. Export another split, or all.")
    return rows if limit is None else rows[:limit]


def row_parts(store: TrajectoryStore, rows: Tensor, size: int = BATCH) -> tuple[Tensor, ...]:
    """Return the rows (b,) of a dataset in parts of at most `size`, and of as many as memory holds."""
    values = (store.scenario.horizon + 1) * store.scenario.observation_size
    return rows.split(max(1, min(size, VALUES // values))) if len(rows) else ()


def batches(store: TrajectoryStore, rows: Tensor, size: int = BATCH) -> Iterator[Episodes]:
    """Yield the given rows (b,) of a dataset, in the order given, as batches of at most `size` episodes; copies."""
    texts = {name: store.strings(name) for name in ("behaviour", "source", "split")}
    numbers = [name for name in Episodes.__dataclass_fields__ if name not in (*texts, "labels")]
    labels = [label.name for label in store.scenario.labels]
    for part in row_parts(store, rows, size):
        values = {name: store.gather(name, part).numpy() for name in numbers}
        values |= {name: text[part.numpy()] for name, text in texts.items()}
        yield Episodes(labels={name: store.gather(name, part).numpy() for name in labels}, **values)
