"""Numpy arrays as nested fixed-size Arrow lists and back, without copying numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

LONGEST_TEXT = 64
"""Bytes a text value may have; bounds the size of a shard before it is written."""


def shape_of(kind: pa.DataType) -> tuple[int, ...]:
    """Return the fixed sizes of nested lists, outermost first: float32[9][41] gives (9, 41), a scalar ()."""
    sizes = []
    while pa.types.is_fixed_size_list(kind):
        sizes.append(kind.list_size)
        kind = kind.value_type
    return tuple(sizes)


def leaf_of(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values inside nested lists."""
    while pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    return kind


def dtype_of(kind: pa.DataType) -> np.dtype[Any]:
    """Return the numpy dtype of the values inside nested lists; object for text."""
    dtype: np.dtype[Any] = np.dtype(leaf_of(kind).to_pandas_dtype())
    return dtype


def is_text(kind: pa.DataType) -> bool:
    """Return whether the column holds text."""
    return bool(pa.types.is_string(kind))


def row_bytes(schema: pa.Schema) -> int:
    """Return an upper bound of the bytes one row takes in a shard."""
    def size(kind: pa.DataType) -> int:
        if is_text(kind):
            return 4 + LONGEST_TEXT
        return math.prod(shape_of(kind)) * dtype_of(kind).itemsize

    return sum(size(field.type) for field in schema)


def to_arrow(values: np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    """Return (E, *shape) values as an Arrow array of E nested lists; numbers are not copied."""
    array = pa.array(values.reshape(-1), type=leaf_of(kind))
    for size in reversed(shape_of(kind)):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def to_tensor(array: pa.Array) -> Tensor:
    """Return an Arrow array of E nested lists as a tensor (E, *shape).

    Numbers are not copied: where the array lies in a memory-mapped file, so does the tensor, and writing to it would
    end the process. Booleans are bits on disk and are unpacked.
    """
    shape = (len(array), *shape_of(array.type))
    while pa.types.is_fixed_size_list(array.type):
        array = array.values
    if pa.types.is_boolean(array.type):
        return torch.from_numpy(array.to_numpy(zero_copy_only=False).copy()).view(shape)
    # DLPack rather than numpy: torch.from_numpy warns of every array that cannot be written.
    return from_dlpack(array).view(shape)
