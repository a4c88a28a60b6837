"""The reference utility and the certified optimum of every context: does a dataset agree with its contexts file?

Axes: B contexts, E episodes, C context values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.errors import DatasetError
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.comparison import Comparison
from aign.trajectories.contexts import CONTEXTS, Contexts
from aign.trajectories.shard import Shard

ROUNDING = 1e-9
"""Relative difference of utilities that rounding alone may make."""
REMEDY = "The contexts are of another dataset, or one of the two was altered: make the dataset again."


class ReferenceUtilities:
    """What is known of every context of a dataset, by context id.

    Attributes:
        ids: (B,) int64, ascending.
        values: (B, C) float32.
        reference: (B,) float64, utility of the cheap reference: normalised return 0.
        optimum: (B,) float64, certified utility: normalised return 1.
        split: (B,) str.
    """

    def __init__(self, splits: Mapping[str, Contexts]) -> None:
        """Join the contexts of all splits.

        Raises:
            DatasetError: no contexts, shapes that do not agree, values that are not finite, an id that repeats.
        """
        for split, contexts in splits.items():
            _check_shapes(split, contexts)
        parts = splits.values()
        if not any(len(contexts.ids) for contexts in parts):
            raise DatasetError(f"{CONTEXTS}: holds no contexts. {REMEDY}")
        ids = torch.cat([contexts.ids for contexts in parts])
        order = ids.argsort()
        self.ids = ids[order]
        if len(ids.unique()) < len(ids):
            repeated = int(self.ids[1:][self.ids.diff() == 0][0])
            raise DatasetError(f"{CONTEXTS}: context_id {repeated} occurs twice. {REMEDY}")
        self.values = torch.cat([contexts.values for contexts in parts])[order]
        self.reference = torch.cat([contexts.reference for contexts in parts])[order]
        self.optimum = torch.cat([contexts.optimum for contexts in parts])[order]
        self.split = np.repeat(list(splits), [len(contexts.ids) for contexts in parts])[order.numpy()]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Tensor) -> Tensor:
        """Return the row of each context id (E,); for one that is not there, that of another."""
        return torch.searchsorted(self.ids, ids.contiguous()).clamp_max(len(self) - 1)

    def rows_of(self, shard: Shard) -> Tensor:
        """Return the row (E,) of the context of every episode of a shard.

        Raises:
            DatasetError: naming the first episode whose context is not there, or of another split.
        """
        ids, splits = shard.view("context_id"), shard.strings("split")
        rows = self.rows(ids)
        wrong = (self.ids[rows] != ids).numpy() | (self.split[rows.numpy()] != splits)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DatasetError(f"{shard.path}, column 'context_id': episode {int(shard.view('episode_id')[row])} has "
                               f"context {int(ids[row])} of split {splits[row]}, which {CONTEXTS} does not have in "
                               f"that split. {REMEDY}")
        return rows

    def normalised(self, utility: Tensor, rows: Tensor) -> Tensor:
        """Return the normalised return (E,) of designs with this utility in the contexts of these rows."""
        return normalised_return(utility, self.reference[rows], self.optimum[rows])


def check_contexts(shards: Sequence[Shard], scenario: Scenario[Any], references: ReferenceUtilities) -> None:
    """Check that context, split and normalised return of every episode are those of its context.

    Raises:
        DatasetError: naming shard, episode and column of the first that differs.
    """
    if references.values.shape[1] != scenario.context_size:
        raise DatasetError(f"{CONTEXTS}: contexts of {references.values.shape[1]} values, scenario {scenario.name} has "
                           f"{scenario.context_size}. {REMEDY}")
    comparison = Comparison(CONTEXTS)
    for shard in shards:
        rows = references.rows_of(shard)
        normalised = references.normalised(_utility(scenario, shard), rows)
        comparison.add(shard, {"context": references.values[rows], "return_normalised": normalised})
        if comparison.first is not None:
            raise DatasetError(f"{comparison.first}. {REMEDY}")


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


def _check_shapes(split: str, contexts: Contexts) -> None:
    tensors = (contexts.ids, contexts.values, contexts.reference, contexts.optimum)
    if ([(tensor.ndim, tensor.dtype) for tensor in tensors] !=
            [(1, torch.int64), (2, torch.float32), (1, torch.float64), (1, torch.float64)]
            or len({len(tensor) for tensor in tensors}) > 1):
        raise DatasetError(f"{CONTEXTS}, split {split}: ids (int64), values (float32), reference and optimum (float64) "
                           f"do not have one row a context each. {REMEDY}")
    if not bool(torch.isfinite(contexts.reference).all() and torch.isfinite(contexts.optimum).all()):
        raise DatasetError(f"{CONTEXTS}, split {split}: a reference or an optimum is not finite. {REMEDY}")
