"""Statistics of the training split, from which models normalise and the card informs.

Exact, in float64, one component of one column, and one shard, in memory at a time.

Axes: N rows, L steps, K components.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from aign.errors import DatasetError
from aign.trajectories.layout import dtype_of, is_text, shape_of
from aign.trajectories.shard import Shard

Values = np.ndarray[Any, Any]
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
STEPWISE = {"observations": 1, "actions": 0, "rewards": 0}
"""Columns with an axis of steps, and how many values more than steps taken they hold."""
TRAINING = "train"


def statistics(shards: Sequence[Shard]) -> dict[str, dict[str, Any]]:
    """Return count, min, max, mean, std (population) and quantiles of each measured column of the training split.

    A column of scalars (rewards, labels, returns) has plain numbers; observations, actions and context have a list
    with one number a component, over all episodes and steps. Steps after an episode's end are left out. Quantiles are
    interpolated linearly.

    Raises:
        DatasetError: there is no training episode.
    """
    if not any(len(shard.rows_of(TRAINING)) for shard in shards):
        raise DatasetError("No episode of the training split: statistics come from it. Collect some.")
    return {field.name: _column(shards, field) for field in shards[0].schema if _is_measured(field)}


def summary(values: Values) -> dict[str, float]:
    """Return the statistics of values (n,), without the count."""
    exact = values.astype(np.float64)
    result = {"min": exact.min(), "max": exact.max(), "mean": exact.mean(), "std": exact.std(),
              # Last, for it sorts the copy in place.
              **dict(zip(QUANTILES, np.quantile(exact, list(QUANTILES.values()), overwrite_input=True), strict=True))}
    return {name: float(value) for name, value in result.items()}


def component(shards: Sequence[Shard], name: str, index: int | None = None, at_actions: bool = False) -> Values:
    """Return one component of a column over the training split, flat, steps after an episode's end left out.

    Args:
        shards: where to read.
        name: a numeric column.
        index: of the component; None for a column of scalars.
        at_actions: of observations, only those an action followed: all but an episode's last.
    """
    parts = []
    for shard in shards:
        chosen = shard.rows_of(TRAINING)
        view = shard.view(name).numpy()
        values = (view if index is None else view[..., index])[chosen]
        if name in STEPWISE:
            steps = shard.view("length").numpy()[chosen] + (0 if at_actions else STEPWISE[name])
            values = values[np.arange(values.shape[1]) < steps[:, None]]
        parts.append(values)
        shard.release()
    return np.concatenate(parts)


def _is_measured(field: pa.Field) -> bool:
    """Return whether a column measures something; identifiers, seeds, flags and texts do not."""
    return not is_text(field.type) and (dtype_of(field.type).kind == "f" or field.name == "length")


def _column(shards: Sequence[Shard], field: pa.Field) -> dict[str, Any]:
    shape = shape_of(field.type)
    components = shape[1:] if field.name in STEPWISE else shape
    if not components:
        values = component(shards, field.name)
        return {"count": len(values), **summary(values)}
    count, summaries = 0, []
    for index in range(components[0]):
        values = component(shards, field.name, index)
        count = len(values)
        summaries.append(summary(values))
    return {"count": count, **{key: [values[key] for values in summaries] for key in summaries[0]}}
