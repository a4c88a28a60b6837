import dataclasses
import re
import shutil
import socket

import numpy as np
import pyarrow as pa
import pytest

from aign.errors import DatasetError, StorageError
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.shard import read_batch, write_batch
from aign.trajectories.writer import ShardWriter


def parts_of(folder, scenario, episodes, first=0, rows=40):
    with ShardWriter(folder, scenario, rows, first) as writer:
        writer.append(episodes)
    return writer.close()


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder(folder):
    assert sorted(contents(folder)) == sorted([
        "README.md", "contexts.safetensors", "data-00000-of-00004.arrow", "data-00001-of-00004.arrow",
        "data-00002-of-00004.arrow", "data-00003-of-00004.arrow", "dataset_info.json", "meta/info.json",
        "meta/manifest.json", "meta/quality.json", "meta/stats.json", "state.json"])
    assert contents(folder)["contexts.safetensors"] == (folder.parent / "some-tensor-file").read_bytes()


def test_pyarrow_alone_reads_the_shards(folder, episodes):
    tables = [pa.ipc.open_stream(str(path)).read_all() for path in sorted(folder.glob("*.arrow"))]
    table = pa.concat_tables(tables)
    np.testing.assert_array_equal(np.array(table["rewards"].to_pylist()), episodes.rewards)


def test_same_input_same_bytes_wherever_it_lies(folder, tmp_path, make_dataset, make_episodes):
    extra = tmp_path / "elsewhere" / "x"
    extra.parent.mkdir()
    shutil.copyfile(folder / "contexts.safetensors", extra)
    again = make_dataset(tmp_path / "deep" / "other-name", make_episodes(100), extras={"contexts.safetensors": extra})
    assert contents(again) == contents(folder)


def test_no_path_machine_or_date_in_the_texts(folder):
    texts = b"".join(content for name, content in contents(folder).items() if name.endswith((".json", ".md"))).decode()
    assert str(folder.parent) not in texts
    assert socket.gethostname() not in texts
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", texts)


def test_parts_of_several_writers(tmp_path, scenario, make_episodes):
    first = parts_of(tmp_path / "a", scenario, make_episodes(50, seed=1))
    second = parts_of(tmp_path / "b", scenario, make_episodes(30, seed=2), first=50)
    assemble(tmp_path / "d", [*first, *second], scenario, {})
    store = TrajectoryStore.open(tmp_path / "d")
    assert store.column("episode_id").tolist() == list(range(80))
    assert all(path.exists() for path in [*first, *second])


def test_what_cannot_be_one_dataset(tmp_path, scenario, make_episodes):
    one = parts_of(tmp_path / "a", scenario, make_episodes(50, seed=1))
    with pytest.raises(DatasetError, match="no shards"):
        assemble(tmp_path / "d", [], scenario, {})
    with pytest.raises(DatasetError, match=r"part-00009\.arrow: missing"):
        assemble(tmp_path / "d", [tmp_path / "part-00009.arrow"], scenario, {})
    overlapping = parts_of(tmp_path / "b", scenario, make_episodes(9, seed=2), first=20)
    with pytest.raises(DatasetError, match="episode_id 20 occurs 2 times"):
        assemble(tmp_path / "d", [*one, *overlapping], scenario, {})
    with pytest.raises(DatasetError, match="different: actions, context, observations"):
        assemble(tmp_path / "d", one, registry.create("water-filling", channels=5), {})
    moved = dataclasses.replace(make_episodes(50, seed=1), split=np.array(["train"] * 50))
    with pytest.raises(DatasetError, match="context_id 1000 occurs in more than one split"):
        assemble(tmp_path / "d", [*one, *parts_of(tmp_path / "c", scenario, moved, 90)], scenario, {})
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("name", ["README.md", "state.json", "meta/stats.json", "../out", "/tmp/out", "more.arrow", ""])
def test_extras_keep_off_our_names(tmp_path, scenario, episodes, name):
    parts = parts_of(tmp_path / "a", scenario, episodes)
    with pytest.raises(DatasetError, match="Extra file"):
        assemble(tmp_path / "d", parts, scenario, {}, {name: parts[0]})


def test_a_failure_keeps_the_old_dataset(tmp_path, scenario, make_dataset, episodes, monkeypatch):
    folder = make_dataset(tmp_path / "d", episodes)
    before = contents(folder)
    with pytest.raises(DatasetError, match="none is missing"):
        assemble(folder, sorted(folder.glob("*.arrow")), scenario, {}, {"notes.txt": tmp_path / "none"})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aign.trajectories.assemble.write_json", full)
    with pytest.raises(StorageError, match="No space left"):
        assemble(folder, sorted(folder.glob("*.arrow")), scenario, {})
    assert contents(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "d-parts"]


def test_shards_are_numbered_by_their_first_episodes(tmp_path, scenario, make_episodes):
    later = parts_of(tmp_path / "a", scenario, make_episodes(50, seed=1), first=500)
    sooner = parts_of(tmp_path / "b", scenario, make_episodes(30, seed=2), first=7)
    assemble(tmp_path / "d", [*later, *sooner], scenario, {})
    assemble(tmp_path / "e", [*sooner, *reversed(later)], scenario, {})
    assert contents(tmp_path / "d") == contents(tmp_path / "e")
    assert TrajectoryStore.open(tmp_path / "d").column("episode_id").tolist() == [*range(7, 37), *range(500, 550)]


def test_a_shard_without_episodes_is_refused(tmp_path, scenario, make_episodes):
    part = parts_of(tmp_path / "a", scenario, make_episodes(5))[0]
    write_batch(tmp_path / "empty.arrow", read_batch(part).slice(0, 0))
    with pytest.raises(DatasetError, match=r"empty\.arrow: no episodes"):
        assemble(tmp_path / "d", [part, tmp_path / "empty.arrow"], scenario, {})
