import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError, StorageError
from aign.exchange import parquet

SCHEMA = pa.schema([("id", pa.int64()), ("paths", pa.list_(pa.list_(pa.float32(), 3), 2)), ("done", pa.bool_()),
                    ("who", pa.string())], {b"huggingface": b"{}"})


def rows(count, first=0):
    values = np.random.default_rng(first).normal(size=count * 6).astype(np.float32)
    if count:
        values[:3] = [np.float32(-0.0), np.float32(1e-45), np.float32(3e38)]
    nested = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pa.array(values), 3), 2)
    number = np.arange(first, first + count)
    arrays = [pa.array(number), nested, pa.array(number % 3 == 0), pa.array([f"agent {i % 4}" for i in number])]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


@pytest.fixture
def small_files(monkeypatch):
    """Three rows a group, two groups a file."""
    monkeypatch.setattr(parquet, "rows_a_group", lambda schema: 3)
    monkeypatch.setattr(parquet, "rows_a_file", lambda schema: 6)


def write_all(folder, batches, count):
    feed = parquet.Feed(batches, SCHEMA)
    told = []
    paths = [folder / name for name in parquet.file_names("train", count, SCHEMA)]
    written = [parquet.write(path, feed, told.append) for path in paths]
    assert feed.take(1).num_rows == 0
    return paths, written, told


@given(st.lists(st.integers(0, 5), max_size=6), st.lists(st.integers(0, 9), max_size=8))
def test_rows_are_taken_in_order_whatever_the_batches(sizes, takes):
    ends = np.cumsum([0, *sizes]).tolist()
    feed = parquet.Feed((rows(size, first) for size, first in zip(sizes, ends, strict=False)), SCHEMA)
    left, at = ends[-1], 0
    for wanted in takes:
        got = feed.take(wanted)
        assert got.column("id").to_pylist() == list(range(at, at + min(wanted, left)))
        at, left = at + got.num_rows, left - got.num_rows


def test_files_and_row_groups_have_the_stated_sizes(tmp_path, small_files):
    paths, written, told = write_all(tmp_path, [rows(4), rows(9, 4), rows(1, 13)], 14)
    assert [path.name for path in paths] == [f"train-0000{i}-of-00003.parquet" for i in range(3)]
    assert [one.rows for one in written] == [6, 6, 2]
    assert told == [3, 3, 3, 3, 2]
    assert [pq.ParquetFile(path).num_row_groups for path in paths] == [2, 2, 1]
    assert written[2].memory == pytest.approx(2 * (8 + 24 + 1 / 8 + 7 + 4), abs=8)


def test_what_was_written_is_read_bit_for_bit(tmp_path, small_files):
    batch = rows(17)
    paths, _, _ = write_all(tmp_path, [batch.slice(0, 5), batch.slice(5)], 17)
    schema = parquet.read_schema(paths)
    assert schema.equals(SCHEMA, check_metadata=True)
    back = pa.Table.from_batches(parquet.read_batches(paths, schema), schema).combine_chunks()
    assert back.equals(pa.Table.from_batches([batch]))
    bits = back.column("paths").chunk(0).values.values.to_numpy().view(np.uint32)
    assert (bits == batch.column("paths").values.values.to_numpy().view(np.uint32)).all(), "also the sign of zero"


def test_others_read_the_files(tmp_path):
    paths, _, _ = write_all(tmp_path, [rows(8)], 8)
    frame = pd.read_parquet(paths[0])
    assert frame["who"].tolist() == rows(8).column("who").to_pylist()
    assert np.array_equal(np.stack([np.stack(one) for one in frame["paths"]]).ravel(),
                          rows(8).column("paths").values.values.to_numpy())
    names = pq.read_schema(paths[0]).field("paths").type
    assert names.value_field.name == "element", "the name that the format prescribes"


def test_equal_rows_are_equal_bytes_however_they_came(tmp_path, small_files):
    one, _, _ = write_all(tmp_path / "one", [rows(14)], 14)
    two, _, _ = write_all(tmp_path / "two", [rows(14).slice(i, 1) for i in range(14)], 14)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_sizes_by_default_bound_memory_and_files():
    schema = pa.schema([("observations", pa.list_(pa.list_(pa.float32(), 41), 17)), ("split", pa.string())])
    group, file = parquet.rows_a_group(schema), parquet.rows_a_file(schema)
    assert group * 17 * 41 * 4 < parquet.GROUP_BYTES < (group + 1) * (17 * 41 * 4 + 100)
    assert file % group == 0
    assert file * 17 * 41 * 4 <= parquet.FILE_BYTES
    assert parquet.file_names("test", file, schema) == ["test-00000-of-00001.parquet"]
    assert len(parquet.file_names("test", file + 1, schema)) == 2
    huge = pa.schema([("observations", pa.list_(pa.float32(), 1 << 28))])
    assert parquet.rows_a_group(huge) == parquet.rows_a_file(huge) == 1


def test_a_damaged_file_is_named(tmp_path):
    paths, _, _ = write_all(tmp_path, [rows(40)], 40)
    schema = parquet.read_schema(paths)
    data = bytearray(paths[0].read_bytes())
    paths[0].write_bytes(data[:-20])
    with pytest.raises(DatasetError, match=r"train-00000-of-00001\.parquet: not readable as Parquet"):
        parquet.read_schema(paths)
    data[4:200] = bytes(196)
    paths[0].write_bytes(data)
    with pytest.raises(DatasetError, match=r"train-00000-of-00001\.parquet: not readable as Parquet"):
        list(parquet.read_batches(paths, schema))


def test_files_with_other_columns_are_refused(tmp_path):
    paths, _, _ = write_all(tmp_path, [rows(4)], 4)
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"id": [1]}), other)
    with pytest.raises(DatasetError, match=r"other\.parquet: its columns are not those of train-"):
        parquet.read_schema([*paths, other])


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        write_all(tmp_path / "file" / "inside", [rows(4)], 4)
