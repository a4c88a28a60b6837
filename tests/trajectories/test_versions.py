from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from aign.errors import DatasetError
from aign.trajectories.layout import leaf_of
from aign.trajectories.schema import FORMAT_VERSION, OWN_SOURCE, arrow_schema
from aign.trajectories.shard import read_batch
from aign.trajectories.versions import READABLE, SINGLE, upgraded_column, upgraded_schema, version_of


@pytest.fixture
def batch(folder):
    return read_batch(folder / "data-00000-of-00004.arrow")


def test_the_version_in_use_is_readable_and_the_last():
    assert list(READABLE) == list(range(1, FORMAT_VERSION + 1))
    for version in READABLE:
        assert version_of({"format_version": version}, Path("d")) == version


@pytest.mark.parametrize("info", [{}, [], None, {"format_version": None}, {"format_version": 4},
                                  {"format_version": "1"}, {"format_version": 1.0},
                                  {"format_version": True}, {"format_version": [1]}])
def test_any_other_is_refused(info):
    with pytest.raises(DatasetError, match=r"some/folder: format version .*this program reads 1, 2 and 3"):
        version_of(info, Path("some/folder"))


def stored_by(batch, version):
    """The rows as a program of an older version would have stored them."""
    fields = {}
    for field in batch.schema.remove_metadata():
        column = batch.column(field.name)
        if version < 3 and leaf_of(field.type) == pa.float64():
            kind = pa.float32() if field.type == pa.float64() else pa.list_(pa.float32(), field.type.list_size)
            column = column.cast(kind, safe=False)
        if version > 1 or field.name != "source":
            fields[field.name] = column
    return pa.RecordBatch.from_pydict(fields)


@pytest.mark.parametrize("version", READABLE)
def test_every_version_has_the_columns_of_today(batch, scenario, version):
    old = stored_by(batch, version)
    assert upgraded_schema(old.schema, version).equals(arrow_schema(scenario))
    for field in arrow_schema(scenario):
        column = upgraded_column(old, field.name, version)
        assert column.type == field.type
        if field.name == "source":
            assert column.to_pylist() == [OWN_SOURCE] * len(old)
        elif field.name in SINGLE or version == 3:
            assert column.equals(batch.column(field.name))
        else:
            assert column.equals(old.column(field.name).cast(field.type))


def test_whole_numbers_that_float32_holds_come_back_exactly():
    old = pa.RecordBatch.from_pydict({"bytes": pa.array(np.float32([2**24, 2**24 + 2, -1]))})
    assert upgraded_column(old, "bytes", 2).to_pylist() == [2**24, 2**24 + 2, -1]


def test_numbers_that_keep_their_type_are_not_copied(batch):
    def address(column):
        return column.values.values.buffers()[1].address

    for version in READABLE:
        old = stored_by(batch, version)
        assert address(upgraded_column(old, "observations", version)) == address(old.column("observations"))


def test_what_lacks_the_columns_of_its_version_is_left_to_the_reader(batch, scenario):
    assert not upgraded_schema(stored_by(batch, 1).schema, 2).equals(arrow_schema(scenario))
    assert not upgraded_schema(stored_by(batch, 2).schema, 3).equals(arrow_schema(scenario))
    foreign = pa.schema([("x", pa.int64())])
    assert upgraded_schema(foreign, 1).equals(foreign)
