"""Writers in processes of their own; one is killed while it writes."""

import time
from multiprocessing import get_context

import pytest

from aign.errors import DatasetError, StorageError
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.hugging_face import with_features
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import arrow_schema
from aign.trajectories.writer import ShardWriter, finished_parts

FORK = get_context("fork")


def write(folder, place, pause, make_episodes):
    """80 episodes in shards of 16; what a process of its own does."""
    scenario = registry.create("water-filling", channels=4)
    with ShardWriter(folder, scenario, 16, first_episode_id=1000 * place) as writer:
        for batch in range(4):
            writer.append(make_episodes(20, seed=10 * place + batch))
            time.sleep(pause)
    writer.finish()


@pytest.fixture(scope="module")
def start(scenario, make_episodes):
    with_features(arrow_schema(scenario))  # what takes long to import is imported before the processes fork

    def go(folder, place, pause=0.0):
        process = FORK.Process(target=write, args=(folder, place, pause, make_episodes))
        process.start()
        return process
    return go


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory, start):
    """Three writers side by side, of which the second is killed after its first shard and run again."""
    base = tmp_path_factory.mktemp("side-by-side")
    folders = [base / f"writer-{place}" for place in range(3)]
    slow = start(folders[1], 1, pause=60)
    others = [start(folders[place], place) for place in (0, 2)]
    deadline = time.monotonic() + 60
    while not list(folders[1].glob("part-*.arrow")):
        assert slow.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (folders[1] / f".part-00001.arrow.{slow.pid}.part").write_bytes(b"as a kill in the midst of a shard leaves it")
    slow.kill()
    slow.join()
    with pytest.raises(DatasetError, match=r"writer-1: not finished.*run the writer again"):
        finished_parts(folders[1:2])
    others.append(start(folders[1], 1))
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0, 0]
    return folders


def test_whoever_was_killed_leaves_nothing_half_written(written, tmp_path, scenario, make_episodes):
    names = sorted(path.name for path in written[1].iterdir())
    assert names == ["meta", *(f"part-0000{number}.arrow" for number in range(5))]
    with ShardWriter(tmp_path / "never-killed", scenario, 16, first_episode_id=1000) as writer:
        for batch in range(4):
            writer.append(make_episodes(20, seed=10 + batch))
    writer.finish()
    assert contents(tmp_path / "never-killed") == contents(written[1])


def test_nothing_is_lost_or_doubled_and_the_order_plays_no_part(written, tmp_path, scenario):
    parts = finished_parts(written)
    assemble(tmp_path / "0", parts, scenario, {"seed": 1})
    for number, order in enumerate([finished_parts(reversed(written)), parts[7:] + parts[:7]], start=1):
        assemble(tmp_path / str(number), order, scenario, {"seed": 1})
        assert contents(tmp_path / str(number)) == contents(tmp_path / "0")
    store = TrajectoryStore.open(tmp_path / "0")
    assert store.column("episode_id").tolist() == [1000 * place + one for place in range(3) for one in range(80)]


def test_a_folder_has_one_writer_at_a_time(tmp_path, scenario, make_episodes):
    first, second = (ShardWriter(tmp_path / "a", scenario, 8, start) for start in (0, 100))
    first.append(make_episodes(9))
    with pytest.raises(StorageError, match=r"a: another process is writing there\. Give each a folder of its own"):
        second.append(make_episodes(9))
    assert len(first.close()) == 2
    with ShardWriter(tmp_path / "a", scenario, 8, 100) as third:
        third.append(make_episodes(3))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["part-00000.arrow"]


def test_a_writer_that_starts_again_is_not_finished(tmp_path, scenario, make_episodes):
    with ShardWriter(tmp_path / "a", scenario, 8, 0) as writer:
        writer.append(make_episodes(20))
    writer.finish()
    assert [part.name for part in finished_parts([tmp_path / "a"])] == [f"part-0000{number}.arrow" for number in
                                                                        range(3)]
    with ShardWriter(tmp_path / "a", scenario, 8, 0) as again:
        again.append(make_episodes(8))
        with pytest.raises(DatasetError, match="not finished"):
            finished_parts([tmp_path / "a"])


def test_shards_altered_since_are_refused(tmp_path, scenario, make_episodes):
    with ShardWriter(tmp_path / "a", scenario, 8, 0) as writer:
        writer.append(make_episodes(20))
    writer.finish()
    part = tmp_path / "a" / "part-00001.arrow"
    content = part.read_bytes()
    part.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(DatasetError, match=r"part-00001\.arrow: altered.*run the writer again"):
        finished_parts([tmp_path / "a"])
    part.unlink()
    with pytest.raises(DatasetError, match=r"part-00001\.arrow: missing"):
        finished_parts([tmp_path / "a"])
    with pytest.raises(DatasetError, match="no such folder"):
        finished_parts([tmp_path / "b"])


def test_a_writer_without_episodes_has_no_parts(tmp_path):
    with ShardWriter(tmp_path / "a", registry.create("water-filling"), 8, 0) as writer:
        pass
    writer.finish()
    assert finished_parts([tmp_path / "a"]) == []
