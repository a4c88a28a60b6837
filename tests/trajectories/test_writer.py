import dataclasses
from itertools import pairwise
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest

from aign.errors import DatasetError, StorageError
from aign.trajectories import writer as module
from aign.trajectories.layout import row_bytes
from aign.trajectories.schema import arrow_schema
from aign.trajectories.validation import columns_of
from aign.trajectories.writer import ShardWriter, rows_within_limit


def batches(path):
    with pa.ipc.open_stream(str(path)) as stream:
        return list(stream)


def test_pyarrow_alone_reads_back_what_was_appended(scenario, make_episodes, tmp_path):
    first, second = make_episodes(50, seed=1), make_episodes(37, seed=2)
    with ShardWriter(tmp_path, scenario, 30, first_episode_id=500) as writer:
        writer.append(first)
        writer.append(second)
    paths = writer.close()
    assert [path.name for path in paths] == ["part-00000.arrow", "part-00001.arrow", "part-00002.arrow"]
    found = [batches(path) for path in paths]
    assert [[batch.num_rows for batch in one] for one in found] == [[30], [30], [27]]
    table = pa.Table.from_batches([one[0] for one in found])
    assert table.schema.equals(arrow_schema(scenario))
    assert table["episode_id"].to_pylist() == list(range(500, 587))
    ours, theirs = columns_of(first), columns_of(second)
    for name in ours:
        np.testing.assert_array_equal(np.array(table[name].to_pylist()), np.concatenate([ours[name], theirs[name]]))


def test_hugging_face_opens_a_shard(scenario, episodes, tmp_path):
    with ShardWriter(tmp_path, scenario, 1000, 0) as writer:
        writer.append(episodes)
    dataset = datasets.Dataset.from_file(str(writer.close()[0]))
    assert len(dataset) == 100
    np.testing.assert_array_equal(np.array(dataset[7]["observations"], dtype=np.float32), episodes.observations[7])
    assert dataset.data["observations"].num_chunks == 1


def test_memory_is_bounded_by_one_shard(scenario, make_episodes, tmp_path):
    writer = ShardWriter(tmp_path, scenario, 16, 0)
    size = sum(values.nbytes for values in writer._buffer.values())
    assert size <= 16 * row_bytes(writer.schema)
    for seed in range(12):
        writer.append(make_episodes(3 + 5 * seed, seed=seed))
        assert writer.buffered < 16
        assert sum(values.nbytes for values in writer._buffer.values()) == size
        # What does not wait is on disk already.
        assert 16 * len(list(tmp_path.glob("part-*.arrow"))) + writer.buffered == writer.next_episode_id
    writer.close()
    assert not writer._buffer


def test_rows_are_lowered_where_they_are_large(scenario, make_episodes, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHARD_BYTES", 100_000)
    with ShardWriter(tmp_path, scenario, 200_000, 0) as writer:
        writer.append(make_episodes(150))
    paths = writer.close()
    assert len(paths) > 1
    assert all(path.stat().st_size < 100_000 for path in paths)
    assert sum(batches(path)[0].num_rows for path in paths) == 150


@pytest.mark.parametrize("columns", [41, 1000, 40_000])
def test_a_full_shard_stays_below_the_limit(columns):
    schema = pa.schema([pa.field("x", pa.list_(pa.float32(), columns)), pa.field("y", pa.string())])
    rows = rows_within_limit(schema, 10**9)
    assert rows * row_bytes(schema) < 128_000_000 <= (rows + 1) * row_bytes(schema) + module.MARGIN_BYTES


def test_a_row_beyond_any_shard_is_refused():
    with pytest.raises(DatasetError, match="shorter horizon"):
        rows_within_limit(pa.schema([pa.field("x", pa.list_(pa.float32(), 40_000_000))]), 8)


def test_same_input_same_bytes(scenario, make_episodes, tmp_path):
    written = []
    for name, cuts in (("a", [0, 100]), ("b", [0, 1, 33, 64, 100])):
        episodes = make_episodes(100)
        with ShardWriter(tmp_path / name, scenario, 64, 0) as writer:
            for start, end in pairwise(cuts):
                part = {field.name: getattr(episodes, field.name) for field in dataclasses.fields(episodes)}
                part["labels"] = {key: values[start:end] for key, values in episodes.labels.items()}
                writer.append(type(episodes)(**{key: values if key == "labels" else values[start:end]
                                                for key, values in part.items()}))
        written.append([path.read_bytes() for path in writer.close()])
    assert written[0] == written[1]


def test_an_invalid_batch_leaves_nothing_behind(scenario, episodes, make_episodes, tmp_path):
    wrong = dataclasses.replace(episodes, rewards=np.full_like(episodes.rewards, np.nan))
    with ShardWriter(tmp_path, scenario, 1000, 0) as writer:
        with pytest.raises(DatasetError, match="'rewards'"):
            writer.append(wrong)
        writer.append(make_episodes(5))
    assert batches(writer.close()[0])[0].num_rows == 5


def test_an_exception_drops_the_unfinished_shard(scenario, make_episodes, tmp_path):
    def interrupted():
        with ShardWriter(tmp_path, scenario, 8, 0) as writer:
            writer.append(make_episodes(11))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-00000.arrow"]


def test_a_last_shard_that_cannot_be_written_frees_the_folder(scenario, make_episodes, tmp_path):
    stopped = ShardWriter(tmp_path / "a", scenario, 10, first_episode_id=0)
    with pytest.raises(StorageError), stopped:  # noqa: PT012
        stopped.append(make_episodes(15))
        (tmp_path / "a" / "part-00001.arrow").mkdir()  # in the way of the second shard
    (tmp_path / "a" / "part-00001.arrow").rmdir()
    with ShardWriter(tmp_path / "a", scenario, 10, first_episode_id=0) as again:
        again.append(make_episodes(15))
    assert len(again.close()) == 2


def test_closing(scenario, make_episodes, tmp_path):
    writer = ShardWriter(tmp_path, scenario, 8, 0)
    assert "0 shards written" in repr(writer)
    writer.append(make_episodes(3))
    assert writer.close() == writer.close() == [tmp_path / "part-00000.arrow"]
    with pytest.raises(ValueError, match="closed"):
        writer.append(make_episodes(3))
    with ShardWriter(tmp_path / "empty", scenario, 8, 0) as empty:
        pass
    assert empty.close() == []


def test_a_label_that_is_a_column_is_refused(tmp_path):
    from aign.scenarios.core import registry
    scenario = registry.create("water-filling")
    scenario.labels = (dataclasses.replace(scenario.labels[0], name="utility"), *scenario.labels[1:])
    with pytest.raises(DatasetError, match="Rename the label"):
        ShardWriter(tmp_path, scenario, 8, 0)


def test_a_folder_that_cannot_be_written_is_an_error_for_the_user(scenario, episodes, tmp_path):
    blocked = tmp_path / "file"
    Path(blocked).write_text("")
    with pytest.raises(StorageError, match="part-00000"), ShardWriter(blocked, scenario, 8, 0) as writer:
        writer.append(episodes)
