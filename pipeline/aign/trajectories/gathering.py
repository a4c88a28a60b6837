"""Picking rows, or windows of steps, out of columns that lie in one tensor or in several shards.

Axes: N rows, L steps, H steps of a window, b rows picked.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Picker = Callable[[Tensor, Tensor], Tensor]
"""(one shard's tensor, (b, k) integer places whose first value is the row) -> (b, ...)."""


def joined(views: Sequence[Tensor]) -> Tensor:
    """Return shards as one tensor in memory, on large pages where Linux offers them.

    Rows picked at random are then found through far fewer page table entries: windows come a third faster, measured by
    tests/benchmarks/window_reads.py.
    """
    size = sum(view.nbytes for view in views)
    if not size or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.cat(list(views))
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    whole = torch.frombuffer(memory, dtype=views[0].dtype).view(-1, *views[0].shape[1:])
    return torch.cat(list(views), out=whole)


def pick_rows(view: Tensor, places: Tensor) -> Tensor:
    """Return view[rows] for a tensor (N, ...) and places (b, 1) = [row]; always a copy."""
    return view.index_select(0, places.select(1, 0))


def pick_steps(steps: int) -> Picker:
    """Return a picker of `steps` consecutive steps from a contiguous (N, L, ...), for places (b, 2) = [row, start].

    A window is one stretch of memory, so windows are rows of an overlapping view: one copy each, as fast as whole
    rows and faster than indexing step by step.
    """
    def pick(view: Tensor, places: Tensor) -> Tensor:
        rows, length = view.shape[:2]
        if steps == length:
            return pick_rows(view, places)
        step = view.stride(1)
        windows = view.as_strided((rows * length - steps + 1, steps, *view.shape[2:]),
                                  (step, step, *view.stride()[2:]))
        return windows.index_select(0, places[:, 0] * length + places[:, 1])

    return pick


def pick_across(views: Sequence[Tensor], places: Tensor, pick: Picker) -> Tensor:
    """Pick from shards as if they were one tensor; `places` (b, k) counts rows over all shards, any order.

    The rows are sorted so that each shard is asked once, then brought back to the order asked for.
    """
    if len(views) == 1:
        return pick(views[0], places)
    ends = torch.tensor([len(view) for view in views]).cumsum(0)
    if len(places) and not 0 <= int(places[:, 0].min()) <= int(places[:, 0].max()) < int(ends[-1]):
        raise IndexError(f"row out of range: the dataset has rows 0 to {int(ends[-1]) - 1}")
    order = places[:, 0].argsort()
    ordered = places[order]
    cuts = torch.searchsorted(ordered[:, 0].contiguous(), ends).tolist()
    pieces = []
    for view, end, first, last in zip(views, ends.tolist(), [0, *cuts[:-1]], cuts, strict=True):
        inside = ordered[first:last].clone()
        inside[:, 0] -= end - len(view)
        pieces.append(pick(view, inside))
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return torch.cat(pieces).index_select(0, back)
