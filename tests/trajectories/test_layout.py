import warnings

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.trajectories.layout import dtype_of, is_text, row_bytes, shape_of, to_arrow, to_tensor

KINDS = {"float32": pa.float32(), "int32": pa.int32(), "int64": pa.int64(), "bool": pa.bool_()}


def nested(leaf, shape):
    for size in reversed(shape):
        leaf = pa.list_(leaf, size)
    return leaf


@given(rows=st.integers(0, 5), shape=st.lists(st.integers(1, 4), max_size=3), name=st.sampled_from(sorted(KINDS)),
       seed=st.integers(0, 9))
def test_there_and_back(rows, shape, name, seed):
    kind = nested(KINDS[name], shape)
    values = np.random.default_rng(seed).integers(-9, 9, (rows, *shape)).astype(name)
    array = to_arrow(values, kind)
    assert array.type == kind
    assert array.to_pylist() == values.tolist()  # pyarrow's own reading is the independent truth
    tensor = to_tensor(array)
    assert tensor.numpy().dtype == values.dtype
    np.testing.assert_array_equal(tensor.numpy(), values)
    assert shape_of(kind) == tuple(shape)
    assert dtype_of(kind) == values.dtype


def test_numbers_are_not_copied_either_way():
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensor = to_tensor(to_arrow(values, nested(pa.float32(), [3, 4])))
    assert tensor.data_ptr() == values.ctypes.data


def test_read_only_memory_gives_no_warning():
    buffer = pa.py_buffer(np.arange(4, dtype=np.float32).tobytes())
    assert not buffer.is_mutable
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_tensor(pa.Array.from_buffers(pa.float32(), 4, [None, buffer])).tolist() == [0, 1, 2, 3]


def test_text():
    assert is_text(pa.string())
    assert not is_text(pa.list_(pa.float32(), 2))
    assert to_arrow(np.array(["a", "b"], dtype=object), pa.string()).to_pylist() == ["a", "b"]


@pytest.mark.parametrize(("kind", "size"), [(nested(pa.float32(), [9, 41]), 9 * 41 * 4), (pa.int64(), 8)])
def test_row_bytes_of_numbers(kind, size):
    assert row_bytes(pa.schema([pa.field("x", kind)])) == size


def test_row_bytes_bound_what_is_written(scenario, make_episodes, tmp_path):
    from aign.trajectories.writer import MARGIN_BYTES, ShardWriter
    with ShardWriter(tmp_path, scenario, 500, 0) as writer:
        writer.append(make_episodes(500))
    assert writer.close()[0].stat().st_size < 500 * row_bytes(writer.schema) + MARGIN_BYTES
