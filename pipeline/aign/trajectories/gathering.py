"""Picking rows, or windows of steps, out of columns that lie in one tensor or in several shards.

Axes: N rows over all tensors, L steps, H steps of a window, b rows picked.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence

import torch
from torch import Tensor


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


NOWHERE = -(1 << 62)


class Gatherer:
    """Picks from several tensors (n, ...) of one row shape as if they were one tensor (N, ...), without joining them.

    All of them lie in the address space of this process, so one flat view from the lowest address to the highest
    reaches every row, and one `index_select` picks from all shards at once: as fast as from one tensor. What lies
    between the tensors is never read: a row that does not exist has no place.

    Args:
        tensors: at least one; contiguous. They are kept, so what they lie in stays mapped.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._shape = tensors[0].shape[1:]
        self._kept = [tensor if _is_aligned(tensor) else tensor.clone() for tensor in tensors if tensor.numel()]
        self._bounds = torch.tensor([0, *map(len, self._kept)]).cumsum(0)  # first row of each tensor, and N
        self._flat, starts = _spanned(self._kept) if self._kept else (tensors[0].new_empty(0), [])
        size = self._shape.numel()
        bases = [start - size * first for start, first in zip(starts, self._bounds.tolist(), strict=False)]
        # A row begins at size * row + the base of its tensor; outside all tensors that is negative, which is refused.
        self._bases = torch.tensor([NOWHERE, *bases, NOWHERE])

    def __len__(self) -> int:
        return int(self._bounds[-1])

    def rows(self, rows: Tensor) -> Tensor:
        """Return rows (b,) int64, in the order asked for; always a copy (b, ...).

        Raises:
            IndexError: a row out of range.
        """
        return Stretches(self._flat, self._places(rows), self._shape, self._kept).all()

    def steps(self, rows: Tensor, starts: Tensor, steps: int) -> Stretches:
        """Return windows of `steps` consecutive steps, window w from step starts[w] of row rows[w], to pick from.

        Args:
            rows: (W,) int64.
            starts: (W,) int64, each from 0 to L - steps, for which the caller vouches.
            steps: H.

        Raises:
            IndexError: a row out of range.
        """
        places = self._places(rows).add_(starts, alpha=self._shape[1:].numel())
        return Stretches(self._flat, places, torch.Size((steps, *self._shape[1:])), self._kept)

    def _places(self, rows: Tensor) -> Tensor:
        """Return where rows (b,) begin in the flat view, in elements."""
        if len(self._kept) == 1:  # what is out of range is then beyond the flat view as well
            return rows * self._shape.numel()
        bases = self._bases.index_select(0, torch.bucketize(rows.contiguous(), self._bounds, right=True))
        return bases.add_(rows, alpha=self._shape.numel())


class Stretches:
    """Stretches of one length in a flat tensor, each beginning at a place of its own, to pick from by number.

    Args:
        flat: (F,).
        places: (W,) int64, where each begins.
        shape: of a stretch.
        kept: tensors that own the memory under `flat`.

    Raises:
        IndexError: a place outside the flat tensor.
    """

    def __init__(self, flat: Tensor, places: Tensor, shape: torch.Size, kept: Sequence[Tensor]) -> None:
        self._shape, self._places, self._kept = shape, places, kept
        count = max(len(flat) - shape.numel() + 1, 0)
        # Every stretch of the flat tensor, overlapping: (F - size + 1, size). One row is one copy of memory.
        self._every = flat.as_strided((count, shape.numel()), (1, 1))
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < count:
            raise IndexError("row out of range")

    def __len__(self) -> int:
        return len(self._places)

    def all(self) -> Tensor:
        """Return all stretches, a copy (W, *shape)."""
        return self._every.index_select(0, self._places).view(len(self), *self._shape)

    def pick(self, indices: Tensor) -> Tensor:
        """Return stretches by number, int64 (b,): a copy (b, *shape), in the order asked for.

        Raises:
            IndexError: a number out of range.
        """
        picked = self._every.index_select(0, self._places.index_select(0, indices))
        return picked.view(len(indices), *self._shape)


def _spanned(tensors: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """Return one flat view over all tensors and what lies between them, and where each begins in it, in elements."""
    lowest = min(tensor.data_ptr() for tensor in tensors)
    highest = max(tensor.data_ptr() + tensor.nbytes for tensor in tensors)
    memory = (ctypes.c_char * (highest - lowest)).from_address(lowest)
    return (torch.frombuffer(memory, dtype=tensors[0].dtype),
            [(tensor.data_ptr() - lowest) // tensor.itemsize for tensor in tensors])


def _is_aligned(tensor: Tensor) -> bool:
    return tensor.data_ptr() % tensor.itemsize == 0
