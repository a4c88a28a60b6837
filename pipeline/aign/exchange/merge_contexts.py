"""The contexts of several datasets as one: equal values are one context, in the most held-out of its splits.

Whatever the order of the datasets, the result is the same: contexts are ordered by the bytes of their values.

Axes: K claims (a dataset says: this value has this id and split), B different contexts, C context values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch

from aign.errors import DatasetError
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import CONTEXTS, FIELDS, ContextPool, Contexts, certified
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import SPLITS, Episodes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Claims:
    """What one dataset says of its contexts.

    Attributes:
        ids: (K,) int64.
        values: (K, C) float32.
        split: (K,) places in SPLITS.
        reference: (K,) float64, NaN where unknown.
        optimum: (K,) float64, NaN where unknown.
    """

    ids: Array
    values: Array
    split: Array
    reference: Array
    optimum: Array


def claims_of(store: TrajectoryStore) -> Claims:
    """Return the contexts of a dataset: those of its episodes, and those of its contexts.safetensors where it has one.

    Raises:
        DatasetError: the file is damaged or of another scenario.
    """
    ids, first = np.unique(store.column("context_id").numpy(), return_index=True)
    place = np.array([SPLITS.index(name) for name in store.strings("split")[first].tolist()], dtype=np.int64)
    unknown = np.full(len(ids), np.nan)
    values = store.gather("context", torch.from_numpy(first)).numpy()
    parts = [Claims(ids, values, place, unknown, unknown)]
    if (store.folder / CONTEXTS).is_file():
        pool = ContextPool.load(store.folder / CONTEXTS, store.scenario)
        parts += [Claims(part.ids.numpy(), part.values.numpy(), np.full(len(part), SPLITS.index(name)),
                         part.reference.numpy(), part.optimum.numpy()) for name, part in pool.splits.items()]
    return _joined(parts)


@dataclass(frozen=True, eq=False)
class MergedContexts(Claims):
    """The B contexts of several datasets, K = B: ids and values all different, values ordered by their bytes.

    Attributes:
        of: for each dataset, its own ids, ascending, and which of the contexts each is.
        moved: contexts that were in different splits.
        renumbered: contexts that had another id in one of the datasets.
    """

    of: Sequence[tuple[Array, Array]]
    moved: int
    renumbered: int

    def pool(self) -> ContextPool:
        """Return them as a dataset's contexts.safetensors holds them, each split by id."""
        pool = {}
        for place, name in enumerate(SPLITS):
            rows = np.flatnonzero(self.split == place)
            rows = rows[np.argsort(self.ids[rows])]
            if len(rows):
                fields = (self.ids, self.values, self.reference, self.optimum)
                pool[name] = Contexts(**{key: torch.from_numpy(field[rows])
                                         for key, field in zip(FIELDS, fields, strict=True)}, split=name)
        return ContextPool(pool)

    def normalised(self, utility: Array, places: Array) -> Array:
        """Return the normalised returns (E,) of designs with this utility (E,) in the contexts at these places (E,)."""
        figures = (utility, self.reference[places], self.optimum[places])
        result: Array = normalised_return(*map(torch.from_numpy, figures)).numpy()
        return result

    def places(self, dataset: int, episodes: Episodes) -> Array:
        """Return which context (E,) each episode of a dataset has.

        Raises:
            DatasetError: an episode's context is not the one that its id has in the dataset.
        """
        ids, which = self.of[dataset]
        places: Array = which[np.searchsorted(ids, episodes.context_id)]
        wrong = (self.values[places].view(np.uint32) != episodes.context.view(np.uint32)).any(axis=1)
        if wrong.any():
            raise DatasetError(f"context_id {episodes.context_id[wrong.argmax()]} has several different contexts in "
                               "one dataset. Check it with `aign dataset verify`, then make it again.")
        return places


def distinct_rows(values: Array) -> tuple[Array, Array]:
    """Return the distinct rows of float32 (E, C), ordered by their bytes, and which of them each row is, (E,)."""
    words = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    distinct, which = np.unique(words, axis=0, return_inverse=True)
    return distinct.view(np.float32), which.reshape(-1)


def merged(claims: Sequence[Claims], scenario: Scenario[Any]) -> MergedContexts:
    """Bring the contexts of several datasets together; those without reference utilities are certified."""
    every = _joined(claims)
    values, which = distinct_rows(every.values)
    split = np.zeros(len(values), dtype=np.int64)
    np.maximum.at(split, which, every.split)
    ids = _identifiers(every.ids, which, len(values))
    ends = np.cumsum([len(claim.ids) for claim in claims])[:-1]
    of = []
    for claim, places in zip(claims, np.split(which, ends), strict=True):
        distinct_ids, first = np.unique(claim.ids, return_index=True)
        of.append((distinct_ids, places[first]))
    reference, optimum = _reference_utilities(every, which, values, scenario)
    return MergedContexts(
        ids=ids, values=values, split=split, reference=reference, optimum=optimum, of=of,
        moved=len(np.unique(which[every.split < split[which]])),
        renumbered=len(np.unique(which[every.ids != ids[which]])))


def _joined(claims: Sequence[Claims]) -> Claims:
    return Claims(*(np.concatenate([getattr(claim, name) for claim in claims])
                    for name in Claims.__dataclass_fields__))


def _identifiers(claimed: Array, which: Array, size: int) -> Array:
    """Return an id for each context: the least claimed one that is still free, in the order of the contexts; else the
    least number that nobody claims.
    """
    ids = np.full(size, -1, dtype=np.int64)
    taken: set[int] = set()
    order = np.lexsort((claimed, which))
    for context, number in zip(which[order].tolist(), claimed[order].tolist(), strict=True):
        if ids[context] < 0 and number not in taken:
            ids[context] = number
            taken.add(number)
    everybody = set(claimed.tolist())
    free = (number for number in count() if number not in everybody)
    for context in np.flatnonzero(ids < 0).tolist():
        ids[context] = next(free)
    return ids


def _reference_utilities(every: Claims, which: Array, values: Array, scenario: Scenario[Any]) -> tuple[Array, Array]:
    """Return reference and optimum of each context: the least pair claimed, or certified where there is none."""
    reference, optimum = np.full(len(values), np.nan), np.full(len(values), np.nan)
    order = np.lexsort((every.optimum, every.reference))[::-1]  # written last, so kept: the least; NaN come first
    known = order[~np.isnan(every.reference[order])]
    reference[which[known]], optimum[which[known]] = every.reference[known], every.optimum[known]
    missing = np.flatnonzero(np.isnan(reference))
    if len(missing):
        new = certified(scenario, torch.from_numpy(values[missing]), SPLITS[0])
        reference[missing], optimum[missing] = new.reference.numpy(), new.optimum.numpy()
    return reference, optimum
