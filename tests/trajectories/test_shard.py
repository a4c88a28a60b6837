import pyarrow as pa
import pytest
import torch

from aign.errors import DatasetError
from aign.trajectories.shard import Shard


@pytest.fixture(scope="module")
def path(folder):
    return folder / "data-00000-of-00004.arrow"


def test_views_lie_in_the_mapped_file(path, episodes):
    before = pa.total_allocated_bytes()
    view = Shard(path).view("observations")
    assert pa.total_allocated_bytes() == before
    assert torch.equal(view, torch.from_numpy(episodes.observations[:32]))


def test_a_view_outlives_its_shard(path, episodes):
    shard = Shard(path)
    view = shard.view("context")
    del shard
    assert torch.equal(view, torch.from_numpy(episodes.context[:32]))


def test_booleans_and_text(path, episodes):
    shard = Shard(path)
    assert shard.view("terminated").tolist() == episodes.terminated[:32].tolist()
    assert shard.strings("behaviour").tolist() == episodes.behaviour[:32].tolist()
    assert shard.rows_of("test").tolist() == [i for i in range(32) if i % 4 == 1]


def test_wrong_names(path):
    shard = Shard(path)
    with pytest.raises(DatasetError, match="Did you mean 'observations'"):
        shard.view("observation")
    with pytest.raises(DatasetError, match="strings"):
        shard.view("split")
    with pytest.raises(DatasetError, match="numbers"):
        shard.strings("rewards")


def test_files_that_are_no_shards(tmp_path):
    with pytest.raises(DatasetError, match="missing"):
        Shard(tmp_path / "none.arrow")
    (tmp_path / "text.arrow").write_text("not arrow at all, but long enough to be read")
    (tmp_path / "empty.arrow").write_text("")
    for name in ("text.arrow", "empty.arrow"):
        with pytest.raises(DatasetError, match="Arrow stream"):
            Shard(tmp_path / name)
    table = pa.table({"x": [1, 2, 3]})
    with pa.OSFile(str(tmp_path / "two.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table, max_chunksize=2)
    with pytest.raises(DatasetError, match="2 record batches"):
        Shard(tmp_path / "two.arrow")
