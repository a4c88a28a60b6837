import json
import zipfile

import numpy as np
import pytest
from exchange_data import episodes_of, shortened, write_dataset
from smoke import aign

from aign.errors import DatasetError, StorageError
from aign.exchange.d4rl_export import export_npz
from aign.scenarios.core import registry
from aign.trajectories.reader import TrajectoryStore

BASIC = ("observations", "actions", "rewards", "next_observations", "terminals", "timeouts")


def read(path):
    """All arrays, as plain numpy opens them."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def rebuilt(arrays):
    """The episodes, cut where an offline library cuts them: after each terminal or timeout."""
    ends = np.flatnonzero(arrays["terminals"] | arrays["timeouts"]) + 1
    assert ends[-1] == len(arrays["rewards"])
    for start, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        part = {name: values[start:end] for name, values in arrays.items() if not name.startswith("metadata/")}
        part["observations"] = np.concatenate([part["observations"], part["next_observations"][-1:]])
        yield part


def test_numpy_rebuilds_every_episode(store, tmp_path):
    assert export_npz(store, tmp_path / "all.npz") == 20 * store.scenario.horizon
    arrays = read(tmp_path / "all.npz")
    for row, episode in enumerate(rebuilt(arrays)):
        for name in ("observations", "actions", "rewards"):
            assert np.array_equal(episode[name], store.column(name)[row].numpy())
        for name in ("context_id", "context", "return_raw", "return_normalised", "utility", "env_seed", "total_power"):
            expected = store.column(name)[row].numpy()
            assert (episode[f"infos/{name}"] == expected).all()
        for name in ("behaviour", "source", "split"):
            assert set(episode[f"infos/{name}"].tolist()) == {store.strings(name)[row]}
    assert row == 19


def test_each_key_has_a_row_for_each_step(store, tmp_path):
    steps = export_npz(store, tmp_path / "all.npz")
    arrays = read(tmp_path / "all.npz")
    assert set(BASIC) <= arrays.keys()
    assert {len(values) for name, values in arrays.items() if not name.startswith("metadata/")} == {steps}
    assert arrays["observations"].dtype == arrays["actions"].dtype == np.float32
    assert arrays["rewards"].dtype == arrays["infos/utility"].dtype == np.float64
    assert arrays["terminals"].dtype == arrays["timeouts"].dtype == bool
    assert json.loads(str(arrays["metadata/scenario"])) == store.scenario.spec()


def test_choices_are_whole_numbers(tmp_path):
    scenario = registry.create("asp-selection", providers=3, tasks=5)
    batches, _ = episodes_of(scenario)
    store = TrajectoryStore.open(write_dataset(tmp_path / "asp", scenario, batches))
    export_npz(store, tmp_path / "x.npz")
    arrays = read(tmp_path / "x.npz")
    assert arrays["actions"].dtype == np.int64
    assert arrays["actions"].shape == arrays["rewards"].shape == (100,)
    chosen = np.eye(3, dtype=np.float32)[arrays["actions"].reshape(20, 5)]
    assert np.array_equal(chosen, store.column("actions").numpy())
    assert json.loads(str(arrays["metadata/action_space"])) == {"kind": "discrete", "choices": 3}


def test_the_action_space_of_values_is_told(store, tmp_path):
    export_npz(store, tmp_path / "x.npz")
    found = json.loads(str(read(tmp_path / "x.npz")["metadata/action_space"]))
    assert found == {"kind": "continuous", "size": 3, "low": -1.0, "high": 1.0}


def test_what_is_outside_its_space_is_refused(scenario, tmp_path):
    batches, _ = episodes_of(scenario)
    batches[0].observations[2, 1, 0] = -0.5
    store = TrajectoryStore.open(write_dataset(tmp_path / "d", scenario, batches))
    with pytest.raises(DatasetError, match=r"episode in row 2, step 1: the observation .* is not in Box"):
        export_npz(store, tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_within_an_episode_the_next_observation_is_the_following_one(store, tmp_path):
    export_npz(store, tmp_path / "all.npz")
    arrays = read(tmp_path / "all.npz")
    inside = ~(arrays["terminals"] | arrays["timeouts"])[:-1]
    assert np.array_equal(arrays["next_observations"][:-1][inside], arrays["observations"][1:][inside])


def test_ends_are_right_whatever_the_lengths(tmp_path, scenario):
    random = np.random.default_rng(5)
    lengths = random.integers(1, scenario.horizon, 200, endpoint=True)
    batches, _ = episodes_of(scenario, counts={"train": 200})
    batch = shortened(batches[0], lengths)
    batch.terminated[:] = random.random(200) < 0.5
    batch.truncated[:] = ~batch.terminated | (random.random(200) < 0.3)
    store = TrajectoryStore.open(write_dataset(tmp_path / "ragged", scenario, [batch], shard_rows=64))
    export_npz(store, tmp_path / "x.npz")
    episodes = list(rebuilt(read(tmp_path / "x.npz")))
    assert [len(one["rewards"]) for one in episodes] == lengths.tolist()
    for row, one in enumerate(episodes):
        assert one["terminals"][-1] == batch.terminated[row]
        assert one["timeouts"][-1] == (not batch.terminated[row])
        assert np.array_equal(one["observations"], batch.observations[row, :lengths[row] + 1])
        assert np.array_equal(one["actions"], batch.actions[row, :lengths[row]])


def test_a_split_and_a_limit(store, tmp_path):
    assert export_npz(store, tmp_path / "x.npz", "test", limit=2) == 2 * store.scenario.horizon
    arrays = read(tmp_path / "x.npz")
    assert set(arrays["infos/split"].tolist()) == {"test"}


def test_equal_exports_are_equal_bytes_without_a_clock(store, tmp_path):
    for name in ("a.npz", "b.npz"):
        export_npz(store, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None


def test_progress_reaches_its_total(store, tmp_path):
    said = []
    export_npz(store, tmp_path / "x.npz", report=lambda done, total: said.append((done, total)))
    assert [done for done, _ in said] == list(range(1, said[0][1] + 1))


def test_an_empty_split_is_an_error(tmp_path, scenario):
    batches, _ = episodes_of(scenario, counts={"train": 4}, contexts={"train": 4})
    store = TrajectoryStore.open(write_dataset(tmp_path / "x", scenario, batches))
    with pytest.raises(DatasetError, match="no episode of split test"):
        export_npz(store, tmp_path / "x.npz", "test")
    assert not (tmp_path / "x.npz").exists()


def test_a_folder_is_no_file_to_write(store, tmp_path):
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        export_npz(store, tmp_path / "x.npz")


def test_the_command_writes_the_file(folder, tmp_path):
    said = aign("dataset", "export", folder, "--as", "npz", "--to", tmp_path / "x.npz", "--episodes", 2)
    assert said.code == 0, said.err
    assert "16 steps" in said.out
    assert len(read(tmp_path / "x.npz")["rewards"]) == 16


def test_the_command_wants_a_name_that_numpy_knows(folder, tmp_path):
    said = aign("dataset", "export", folder, "--as", "npz", "--to", tmp_path / "x.zip")
    assert said.code == 2
    assert ".npz" in said.err
