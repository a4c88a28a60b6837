import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exchange_data import episodes_of, shortened, write_dataset
from smoke import aign, contents

from aign.errors import DatasetError
from aign.exchange.minari_export import MinariExport, Provenance, dataset_id, export_minari
from aign.trajectories.reader import TrajectoryStore

minari = pytest.importorskip("minari")


@pytest.fixture(scope="module")
def ragged(tmp_path_factory, scenario):
    """Episodes of 1 to 8 steps; those of 8 came to their own end."""
    batches, _ = episodes_of(scenario, seed=4)
    parts = [shortened(batch, 1 + np.arange(len(batch)) % scenario.horizon) for batch in batches]
    return TrajectoryStore.open(write_dataset(tmp_path_factory.mktemp("ragged") / "short ones", scenario, parts))


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Minari's own loader, looking into tmp_path."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return minari.load_dataset


def test_minari_iterates_the_same_episodes(ragged, tmp_path, load):
    said = []
    made = export_minari(ragged, tmp_path, report=lambda done, total: said.append((done, total)))
    assert made == MinariExport("aign/short-ones-all-v0", 20, 20)
    assert said[-1] == (20, 20)
    dataset = load(made.dataset_id)
    assert len(dataset) == 20
    assert dataset.total_steps == int(ragged.column("length").sum())
    for row, episode in enumerate(dataset.iterate_episodes()):
        steps = int(ragged.column("length")[row])
        assert len(episode) == steps
        assert np.array_equal(episode.observations, ragged.column("observations")[row, :steps + 1].numpy())
        assert np.array_equal(episode.actions, ragged.column("actions")[row, :steps].numpy())
        assert episode.rewards.dtype == np.float64
        assert np.array_equal(episode.rewards, ragged.column("rewards")[row, :steps].numpy())
        full = steps == ragged.scenario.horizon
        assert episode.terminations.tolist() == [False] * (steps - 1) + [full]
        assert episode.truncations.tolist() == [False] * (steps - 1) + [not full]
        assert dataset.observation_space.contains(episode.observations[0])
        assert all(dataset.action_space.contains(action) for action in episode.actions)
        repr(episode)


def test_a_relative_folder_will_do(store, tmp_path, load, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load(export_minari(store, Path("."), "validation").dataset_id)) == 4


def test_metadata_of_episodes_are_the_columns(store, tmp_path, load):
    dataset = load(export_minari(store, tmp_path, "validation").dataset_id)
    rows = store.rows("validation").tolist()
    assert len(dataset) == len(rows) == 4
    for row, found in zip(rows, dataset.storage.get_episode_metadata(range(4)), strict=True):
        assert found["behaviour"] == store.strings("behaviour")[row]
        assert found["source"] == "collect"
        assert found["split"] == "validation"
        assert found["seed"] == int(store.column("env_seed")[row])
        for name in ("context_id", "return_raw", "return_normalised", "utility", "agent_step"):
            assert found[name] == store.column(name)[row].item(), name
        for label in store.scenario.labels:
            assert found["labels"][label.name] == store.column(label.name)[row].item()
        assert np.array_equal(found["options"]["context"], store.column("context")[row].numpy())
        first = store.column("observations")[row, 0, :store.scenario.state_size]
        assert np.array_equal(found["options"]["state"], first.numpy())
        assert found["replayable"]


def test_the_environment_recovered_is_the_datasets_own(store, tmp_path, load):
    environment = load(export_minari(store, tmp_path, "train", limit=2).dataset_id).recover_environment().unwrapped
    assert environment.scenario.spec() == store.scenario.spec()


def altered(folder, scenario, **changes):
    """A dataset of whose first episode some columns are changed, each by a function."""
    batches, _ = episodes_of(scenario)
    columns = {name: getattr(batches[0], name).copy() for name in changes}
    for name, change in changes.items():
        change(columns[name][0])
    return TrajectoryStore.open(write_dataset(folder, scenario, [replace(batches[0], **columns), *batches[1:]]))


def put(value, *place):
    def change(values):
        values[place] = value
    return change


@pytest.mark.parametrize("changes", [
    {"rewards": put(0.125, 3)},  # a log's reward, further from the simulator's than float32 tells
    {"observations": put(0.25, 5, 0)},
    {"observations": put(0.875, 0, slice(3))},  # more than the budget: no episode begins so
    {"actions": put(0.5, 2, 1)}])
def test_an_episode_that_the_simulator_does_not_give_is_said_not_replayable(scenario, tmp_path, load, changes):
    store = altered(tmp_path / "d", scenario, **changes)
    made = export_minari(store, tmp_path)
    assert (made.episodes, made.replayable) == (20, 19)
    dataset = load(made.dataset_id)
    entries = dataset.storage.get_episode_metadata(range(20))
    assert [bool(entry["replayable"]) for entry in entries] == [False] + [True] * 19
    assert dataset.storage.metadata["replayable_episodes"] == 19
    stored = store.column("rewards")[0].numpy()
    assert np.array_equal(dataset[0].rewards, stored)  # never replaced by others


@pytest.mark.parametrize(("changes", "why"), [
    ({"actions": put(1.25, 2, 1)}, r"episode in row 0, step 2: the action \[.*1\.25.*\] \(float32\) is not in Box\(-1"),
    ({"observations": put(-0.5, 4, 2)}, r"episode in row 0, step 4: the observation .* is not in Box")])
def test_what_is_outside_its_space_is_refused(scenario, tmp_path, changes, why):
    store = altered(tmp_path / "d", scenario, **changes)
    with pytest.raises(DatasetError, match=why):
        export_minari(store, tmp_path / "minari")
    assert [path for path in (tmp_path / "minari").rglob("*") if path.is_file()] == []


def test_provenance_is_in_the_metadata(store, tmp_path):
    made = export_minari(store, tmp_path, "test", provenance=Provenance("Ada", "ada@example.org", "code/at/commit"))
    found = json.loads((tmp_path / made.dataset_id / "data/metadata.json").read_text())
    assert found["author"] == ["Ada"]
    assert found["author_email"] == ["ada@example.org"]
    assert found["code_permalink"] == "code/at/commit"
    assert found["algorithm_name"] == "random"
    assert found["labels"][0]["unit"] == "W"
    assert "aign" in found["requirements"][0]


def test_the_author_is_the_datasets_own_where_none_is_given(store, tmp_path):
    found = json.loads((tmp_path / export_minari(store, tmp_path).dataset_id / "data/metadata.json").read_text())
    assert found["author"] == ["test"]
    assert "code_permalink" not in found


def test_equal_exports_are_equal_bytes(store, tmp_path):
    for place in ("one", "two"):
        export_minari(store, tmp_path / place, "train", limit=5)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_without_minari_the_error_says_what_to_install(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "minari.dataset.minari_storage", None)
    with pytest.raises(DatasetError, match=r"pip install 'aign\[exports\]'"):
        export_minari(store, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_leaves_nothing(store, tmp_path, monkeypatch):
    from minari.dataset._storages.hdf5_storage import HDF5Storage

    from aign.errors import StorageError

    def full(self, episodes):
        raise RuntimeError("no space left on device")

    monkeypatch.setattr(HDF5Storage, "update_episodes", full)
    with pytest.raises(StorageError, match="no space left"):
        export_minari(store, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_simulator_without_memory_is_no_full_disk(store, tmp_path, monkeypatch):
    def starved(scenario, part):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("aign.exchange.minari_export.replayability", starved)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        export_minari(store, tmp_path)


def test_foreign_folders_are_not_replaced(store, tmp_path):
    mine = tmp_path / dataset_id(store, None) / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    with pytest.raises(DatasetError, match="not replaced"):
        export_minari(store, tmp_path)
    assert mine.read_text() == "years of work"


def test_the_command_exports_and_says_how_to_open(folder, tmp_path, load):
    said = aign("dataset", "export", folder, "--as", "minari", "--to", tmp_path, "--split", "train", "--episodes", 3)
    assert said.code == 0, said.err
    assert "minari.load_dataset('aign/water-train-v0')" in said.out
    assert "the recovered environment reproduces 3 of 3 episodes" in said.out
    assert len(load("aign/water-train-v0")) == 3


@pytest.mark.parametrize(("arguments", "why"), [
    (("--as", "minary"), "Did you mean 'minari'"), (("--as", "minari", "--split", "dev"), "Unknown split"),
    (("--as", "npz", "--author", "Ada"), "leave them out")])
def test_wrong_arguments_are_one_clear_error(folder, tmp_path, arguments, why):
    said = aign("dataset", "export", folder, "--to", tmp_path / "out", *arguments)
    assert said.code == 2
    assert why in said.err
    assert not (tmp_path / "out").exists()
