import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch

from aign.errors import DatasetError
from aign.files import manifest
from aign.files.writing import write_json
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.validation import columns_of


def test_every_column_comes_back(store, episodes):
    for name, values in columns_of(episodes).items():
        if values.dtype.kind == "U":
            assert store.strings(name).tolist() == values.tolist()
        else:
            assert store.column(name).numpy().dtype == values.dtype
            np.testing.assert_array_equal(store.column(name).numpy(), values)
    assert set(store.columns) == {*columns_of(episodes), "episode_id"}


def test_scenario(store, scenario):
    assert store.scenario.spec() == scenario.spec()
    assert len(store) == 100


def test_views_are_one_a_shard(store, episodes):
    views = store.views("observations")
    assert [tuple(view.shape) for view in views] == [(32, 9, 9)] * 3 + [(4, 9, 9)]
    assert torch.equal(torch.cat(views), torch.from_numpy(episodes.observations))


def test_the_column_of_a_single_shard_is_the_mapped_file(tmp_path, make_dataset, episodes):
    store = TrajectoryStore.open(make_dataset(tmp_path / "one", episodes, shard_rows=1000))
    before = pa.total_allocated_bytes()
    assert store.column("observations").data_ptr() == store.views("observations")[0].data_ptr()
    assert pa.total_allocated_bytes() == before


def test_rows(store, episodes):
    assert store.rows().tolist() == list(range(100))
    assert store.rows("test").tolist() == np.flatnonzero(episodes.split == "test").tolist()
    assert store.rows("train", ["sac", "random"]).tolist() == np.flatnonzero(
        (episodes.split == "train") & (episodes.behaviour != "solver-guided")).tolist()
    assert store.rows(behaviours=[]).tolist() == []


def test_gather_is_the_same_from_files_and_from_memory(folder, episodes):
    store = TrajectoryStore.open(folder, deep=False)
    rows = torch.tensor([99, 0, 31, 32, 64, 31, 5])
    for name in ("observations", "rewards", "utility", "terminated", "context_id"):
        truth = columns_of(episodes)[name][rows.numpy()]
        np.testing.assert_array_equal(store.gather(name, rows).numpy(), truth)
        store.column(name)
        np.testing.assert_array_equal(store.gather(name, rows).numpy(), truth)
    assert store.gather("observations", rows[:0]).shape == (0, 9, 9)
    with pytest.raises(IndexError):
        store.gather("actions", torch.tensor([100]))


def test_tensors_are_in_one_piece_once_in_memory(folder):
    store = TrajectoryStore.open(folder, deep=False)
    assert len(store.tensors("actions")) == 4
    assert store.column_bytes("actions") == 100 * 8 * 4 * 4
    column = store.column("actions")
    assert [tensor.data_ptr() for tensor in store.tensors("actions")] == [column.data_ptr()]


def test_unknown_names_suggest_the_nearest(store):
    with pytest.raises(DatasetError, match="Did you mean 'observations'"):
        store.column("observation")
    with pytest.raises(DatasetError, match="Did you mean 'solver-guided'"):
        store.rows(behaviours=["solver_guided"])
    with pytest.raises(DatasetError, match="Did you mean 'train'"):
        store.rows("training")
    with pytest.raises(DatasetError, match="text"):
        store.gather("behaviour", torch.tensor([0]))


def test_repr_prints_shapes(store):
    assert "100 episodes in 4 shards" in repr(store)
    assert "observations: float32 (100, 9, 9)" in repr(store)
    assert "behaviour: str (100,)" in repr(store)


def test_damage_is_found_when_opening(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    shard = copy / "data-00002-of-00004.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DatasetError, match=r"data-00002-of-00004\.arrow: altered"):
        TrajectoryStore.open(copy)
    assert len(TrajectoryStore.open(copy, deep=False)) == 100  # sizes and names only, as asked


def rewritten(folder, tmp_path, change):
    """Copy the dataset, change its info, and seal it again."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    info = json.loads((copy / "meta" / "info.json").read_text())
    change(info)
    write_json(copy / "meta" / "info.json", info)
    files = manifest.check(folder, deep=False)
    manifest.build(copy, {name: entry["rows"] for name, entry in files.items() if "rows" in entry})
    return copy


def test_another_format_version_is_refused(folder, tmp_path):
    copy = rewritten(folder, tmp_path, lambda info: info.update(format_version=99))
    with pytest.raises(DatasetError, match="format version 99"):
        TrajectoryStore.open(copy)


def test_a_scenario_that_has_changed_since_is_refused(folder, tmp_path):
    copy = rewritten(folder, tmp_path, lambda info: info["scenario"].update(channels=5))
    with pytest.raises(DatasetError, match="as it is now"):
        TrajectoryStore.open(copy).scenario  # noqa: B018
    with pytest.raises(DatasetError, match=f"^file://{copy}/"):  # not the temporary files that it is read into
        TrajectoryStore.open(f"file://{copy}").scenario  # noqa: B018


def test_wrong_numbers_of_rows_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    manifest.build(copy, {path.name: 33 for path in copy.glob("*.arrow")})
    with pytest.raises(DatasetError, match=r"data-00000-of-00004\.arrow: 32 episodes, the manifest says 33"):
        TrajectoryStore.open(copy)
