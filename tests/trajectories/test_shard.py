import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from aign.errors import DatasetError
from aign.trajectories.shard import Shard, write_batch


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


def test_releasing_changes_nothing_but_memory(folder, episodes):
    shard = Shard(folder / "data-00001-of-00004.arrow")
    before = shard.view("observations")
    shard.release()
    after = shard.view("observations")
    assert before.data_ptr() != after.data_ptr()
    for view in (before, after):  # what was handed out before stays valid
        np.testing.assert_array_equal(view.numpy(), episodes.observations[32:64])


def test_pages_read_before_a_release_no_longer_count(tmp_path):
    path = tmp_path / "large.arrow"
    values = pa.array(np.zeros(8_000_000, np.float32))
    write_batch(path, pa.RecordBatch.from_arrays([values], names=["x"]))
    shard = Shard(path)

    def resident():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssFile"))

    before = resident()
    assert float(shard.view("x").sum()) == 0.0
    read = resident()
    shard.release()
    assert read > before + 24_000_000
    assert resident() < read - 24_000_000


def test_a_file_that_took_the_place_of_another_is_not_mapped(folder, tmp_path, episodes):
    path = tmp_path / "shard.arrow"
    shutil.copyfile(folder / "data-00001-of-00004.arrow", path)
    shard = Shard(path)
    shutil.copyfile(folder / "data-00002-of-00004.arrow", tmp_path / "other")
    (tmp_path / "other").replace(path)
    shard.release()
    np.testing.assert_array_equal(shard.view("rewards").numpy(), episodes.rewards[32:64])
    path.unlink()
    shard.release()
    np.testing.assert_array_equal(shard.view("rewards").numpy(), episodes.rewards[32:64])
