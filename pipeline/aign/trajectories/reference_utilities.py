"""Does a dataset agree with its contexts file, which holds what is certified of each context?

Axes: B contexts, E episodes, C context values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from aign.errors import DatasetError
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.comparison import Comparison
from aign.trajectories.schema import SPLITS
from aign.trajectories.shard import Shard

CONTEXTS = "contexts.safetensors"
"""The contexts file of a dataset folder."""
ROUNDING = 1e-9
"""Relative difference of utilities that rounding alone may make."""
REMEDY = "The contexts are of another dataset, or one of the two was altered: make the dataset again."


class Yardsticks(Protocol):
    """What is known of the contexts of one split; `agents.contexts.Contexts` is one."""

    @property
    def ids(self) -> Tensor:
        """(B,) int64."""

    @property
    def values(self) -> Tensor:
        """(B, C) float32."""

    @property
    def reference(self) -> Tensor:
        """(B,) float64, utility of the cheap reference: normalised return 0."""

    @property
    def optimum(self) -> Tensor:
        """(B,) float64, certified utility: normalised return 1."""


LoadYardsticks = Callable[[Path, Scenario[Any]], Mapping[str, Yardsticks]]
"""Reads a contexts file: the yardsticks of each split."""


@dataclass(frozen=True, eq=False)
class StoredYardsticks:
    """What a contexts file holds of one split; see `Yardsticks`."""

    ids: Tensor
    values: Tensor
    reference: Tensor
    optimum: Tensor


FIELDS = tuple(StoredYardsticks.__dataclass_fields__)
"""What a contexts file holds of each split, as tensors called train.ids and so on."""


def read_contexts(path: Path) -> tuple[str, dict[str, StoredYardsticks]]:
    """Read a contexts file: for which scenario it was drawn, as JSON, and the contexts of each split.

    Raises:
        DatasetError: the file is missing, damaged or lacks a tensor.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            spec = (stored.metadata() or {}).get("scenario", "nothing")
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise DatasetError(f"{path}: contexts cannot be read ({error}). Collect the dataset again.") from None
    present = [split for split in SPLITS if f"{split}.ids" in tensors]
    missing = [f"{split}.{name}" for split in present for name in FIELDS if f"{split}.{name}" not in tensors]
    if missing:
        raise DatasetError(f"{path}: {', '.join(missing)} missing. Collect the dataset again.")
    return spec, {split: StoredYardsticks(*(tensors[f"{split}.{name}"] for name in FIELDS)) for split in present}


class Known:
    """Yardsticks of all splits, found by context id.

    Attributes:
        ids: (B,) int64, ascending.
        values: (B, C) float32.
        reference: (B,) float64.
        optimum: (B,) float64.
        split: (B,) str.
    """

    def __init__(self, splits: Mapping[str, Yardsticks]) -> None:
        """Join the splits.

        Raises:
            DatasetError: no contexts, shapes that do not agree, values that are not finite, an id that repeats.
        """
        for split, one in splits.items():
            _check_shapes(split, one)
        if not any(len(one.ids) for one in splits.values()):
            raise DatasetError(f"{CONTEXTS}: holds no contexts. {REMEDY}")
        ids = torch.cat([one.ids for one in splits.values()])
        order = ids.argsort()
        self.ids = ids[order]
        if len(ids.unique()) < len(ids):
            twice = int(self.ids[1:][self.ids.diff() == 0][0])
            raise DatasetError(f"{CONTEXTS}: context_id {twice} occurs twice. {REMEDY}")
        self.values = torch.cat([one.values for one in splits.values()])[order]
        self.reference = torch.cat([one.reference for one in splits.values()])[order]
        self.optimum = torch.cat([one.optimum for one in splits.values()])[order]
        self.split = np.concatenate([np.full(len(one.ids), split) for split, one in splits.items()])[order.numpy()]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Tensor) -> Tensor:
        """Return the row of each context id (E,); for one that is not there, that of another."""
        return torch.searchsorted(self.ids, ids.contiguous()).clamp_max(len(self) - 1)

    def normalised(self, utility: Tensor, rows: Tensor) -> Tensor:
        """Return the normalised return (E,) of designs with this utility in the contexts of these rows."""
        return normalised_return(utility, self.reference[rows], self.optimum[rows])


def check_yardsticks(shards: Sequence[Shard], scenario: Scenario[Any], splits: Mapping[str, Yardsticks]) -> int:
    """Check that context, split and normalised return of every episode are those of its context; count the contexts.

    Raises:
        DatasetError: naming shard, episode and column of the first that differs.
    """
    known, comparison = Known(splits), Comparison(CONTEXTS)
    if known.values.shape[1] != scenario.context_size:
        raise DatasetError(f"{CONTEXTS}: contexts of {known.values.shape[1]} values, scenario {scenario.name} has "
                           f"{scenario.context_size}. {REMEDY}")
    for shard in shards:
        rows = rows_of(shard, known)
        normalised = known.normalised(_utility(scenario, shard), rows)
        comparison.add(shard, {"context": known.values[rows], "return_normalised": normalised})
        if comparison.first is not None:
            raise DatasetError(f"{comparison.first}. {REMEDY}")
    return len(known)


def _utility(scenario: Scenario[Any], shard: Shard) -> Tensor:
    """Return the utility (E,) that the normalised returns of a shard's episodes were computed from.

    That is the stored one, which must be that of the last design where a state shows it; but in float32 it was rounded
    only afterwards, so that the one of the last design stands for it.
    """
    stored = shard.view("utility")
    last = shard.view("observations")[torch.arange(len(shard)), shard.view("length").long(), :scenario.state_size]
    computed = scenario.recorded_utility(shard.view("context").clone(), last)
    if computed is None:
        return stored
    if shard.precision("utility") == torch.float32:
        return computed
    # Not to the last bit: another processor may round the scenario's formula otherwise.
    wrong = (stored - computed).abs() > ROUNDING * (1.0 + computed.abs())
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise DatasetError(f"{shard.path}, column 'utility': episode {int(shard.view('episode_id')[row])} (row {row}) "
                           f"holds {float(stored[row])}, its last design has {float(computed[row])}. Observations or "
                           "utility were altered: make the dataset again.")
    return stored


def _check_shapes(split: str, one: Yardsticks) -> None:
    count = one.ids.shape[:1]
    types = [values.dtype for values in (one.ids, one.values, one.reference, one.optimum)]
    if not (one.ids.ndim == 1 and one.values.ndim == 2 and types == [torch.int64, torch.float32, *[torch.float64] * 2]
            and count == one.values.shape[:1] == one.reference.shape == one.optimum.shape):
        raise DatasetError(f"{CONTEXTS}, split {split}: ids (int64), values (float32), reference and optimum (float64) "
                           f"do not have one row a context each. {REMEDY}")
    if not bool(torch.isfinite(one.reference).all() and torch.isfinite(one.optimum).all()):
        raise DatasetError(f"{CONTEXTS}, split {split}: a reference or an optimum is not finite. {REMEDY}")


def rows_of(shard: Shard, known: Known) -> Tensor:
    """Return the row (E,) of every episode's context.

    Raises:
        DatasetError: naming the first episode whose context is not there, or of another split.
    """
    ids, splits = shard.view("context_id"), shard.strings("split")
    rows = known.rows(ids)
    wrong = (known.ids[rows] != ids).numpy() | (known.split[rows.numpy()] != splits)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DatasetError(f"{shard.path}, column 'context_id': episode {int(shard.view('episode_id')[row])} has "
                           f"context {int(ids[row])} of split {splits[row]}, which {CONTEXTS} does not have in that "
                           f"split. {REMEDY}")
    return rows
