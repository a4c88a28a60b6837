from pathlib import Path

import pyarrow as pa
import pytest

from aign.errors import DatasetError
from aign.trajectories.schema import FORMAT_VERSION, OWN_SOURCE, arrow_schema
from aign.trajectories.shard import read_batch
from aign.trajectories.versions import READABLE, upgraded, version_of


@pytest.fixture
def batch(folder):
    return read_batch(folder / "data-00000-of-00004.arrow")


def test_the_version_in_use_is_readable_and_the_last():
    assert list(READABLE) == list(range(1, FORMAT_VERSION + 1))
    for version in READABLE:
        assert version_of({"format_version": version}, Path("d")) == version


@pytest.mark.parametrize("info", [{}, [], None, {"format_version": None}, {"format_version": 3},
                                  {"format_version": "1"}, {"format_version": 1.0},
                                  {"format_version": True}, {"format_version": [1]}])
def test_any_other_is_refused(info):
    with pytest.raises(DatasetError, match=r"some/folder: format version .*this program reads 1 and 2"):
        version_of(info, Path("some/folder"))


def test_version_one_gets_the_source_where_it_belongs(batch, scenario):
    old = batch.drop_columns(["source"])
    new = upgraded(old, 1)
    assert new.schema.remove_metadata().equals(arrow_schema(scenario))
    assert new.column("source").to_pylist() == [OWN_SOURCE] * len(old)
    for name in old.schema.names:
        assert new.column(name).equals(old.column(name))


def test_numbers_are_not_copied(batch):
    def address(one):
        return one.column("observations").values.values.buffers()[1].address

    assert address(upgraded(batch.drop_columns(["source"]), 1)) == address(batch)


@pytest.mark.parametrize("version", READABLE)
def test_what_has_its_columns_stays(batch, version):
    assert upgraded(batch, version) is batch


def test_what_lacks_the_columns_of_its_version_is_left_to_the_reader(batch):
    old = batch.drop_columns(["source"])
    assert upgraded(old, 2) is old
    foreign = pa.RecordBatch.from_pydict({"x": [1]})
    assert upgraded(foreign, 1) is foreign
