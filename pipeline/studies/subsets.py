"""Parts of a dataset, biased and small, and how good and how varied each is.

Axes: N episodes of the dataset, b of a subset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.errors import DatasetError, unknown_name
from aign.scenarios.core.seeding import derived_generator
from aign.trajectories.contexts import CONTEXTS, read_contexts
from aign.trajectories.quality import binned, count_cells
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities
from aign.trajectories.statistics import Values
from aign.trajectories.trajectory_quality import PooledReturn

LEARNER = "sac"
HEURISTIC = "heuristic:"
QUARTER = 0.25
SMALL_SHARE = 0.1

Pick = Callable[[TrajectoryStore, int], Tensor]


def behaving(store: TrajectoryStore, prefix: str) -> Tensor:
    """Return the training rows (b,) of behaviours whose name starts so."""
    rows = store.rows("train")
    names = store.strings("behaviour")[rows.numpy()]
    return rows[torch.tensor([str(name).startswith(prefix) for name in names], dtype=torch.bool)]


def learning(store: TrajectoryStore, low: float, high: float) -> Tensor:
    """Return the training rows (b,) of the learner between these shares, low < share <= high, of its training."""
    rows = behaving(store, LEARNER)
    step = store.gather("agent_step", rows)
    last = float(step.max()) if len(step) else 0.0
    return rows[(step > low * last) & (step <= high * last)]


def tenth(store: TrajectoryStore, seed: int) -> Tensor:
    """Return a tenth of all training rows (b,), drawn evenly, ascending."""
    rows = store.rows("train")
    chosen = torch.randperm(len(rows), generator=derived_generator(seed, "subset", "tenth"))
    return rows[chosen[:max(1, round(SMALL_SHARE * len(rows)))].sort().values]


SUBSETS: Mapping[str, Pick] = {
    "random": lambda store, seed: behaving(store, "random"),
    "early_sac": lambda store, seed: learning(store, 0.0, QUARTER),
    "late_sac": lambda store, seed: learning(store, 1 - QUARTER, 1.0),
    "heuristics": lambda store, seed: behaving(store, HEURISTIC),
    "mixed": lambda store, seed: store.rows("train"),
    "mixed_10_percent": tenth,
}
"""early_sac and late_sac: first and last quarter of the agent's training, its snapshots included. mixed: everything."""
WHOLE, SMALL = "mixed", "mixed_10_percent"


def rows_of(store: TrajectoryStore, name: str, seed: int) -> Tensor:
    """Return the training rows (b,) of a subset; the seed decides where the subset is drawn.

    Raises:
        DatasetError: there is no such subset, or the dataset has no such episode.
    """
    if name not in SUBSETS:
        raise DatasetError(unknown_name("subset", name, SUBSETS))
    rows = SUBSETS[name](store, seed)
    if not len(rows):
        raise DatasetError(f"{store.folder}: no training episode belongs to the subset {name!r}. Collect the dataset "
                           "with that source.")
    return rows


def describe(store: TrajectoryStore, rows: Tensor) -> dict[str, Any]:
    """Return episodes, trajectory quality (TQ) and state-action coverage (SACo) of rows (b,), as JSON values.

    As in the dataset's own quality.json, for a part of it; see `aign.trajectories.trajectory_quality`. Coverage is the
    number of different (state, action) cells over the number of transitions; all subsets share the bins of the whole
    training split.
    """
    returns = store.gather("return_normalised", rows).double()
    utilities = ReferenceUtilities(read_contexts(store.folder / CONTEXTS)[1])
    measured = PooledReturn.measured(returns, utilities, utilities.rows(store.gather("context_id", rows)))
    different, transitions = count_cells(digits(store, rows)), len(rows) * store.scenario.horizon
    return {"episodes": len(rows), "trajectory_quality": measured.of(np.ones(len(rows), bool)),
            "best_return": float(returns.max()), "state_action_coverage": different / transitions}


def digits(store: TrajectoryStore, rows: Tensor) -> Iterator[Values]:
    """Yield the bins of all transitions, one dimension of state and action at a time."""
    states = store.gather("observations", rows)[:, :-1, :store.scenario.state_size].flatten(0, 1)
    actions = store.gather("actions", rows).flatten(0, 1)
    for name, values in (("observations", states), ("actions", actions)):
        for index, column in enumerate(values.unbind(1)):
            yield binned(column.numpy(), store.stats[name]["min"][index], store.stats[name]["max"][index])
