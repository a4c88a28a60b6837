import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exchange_data import episodes_of, write_dataset
from publishing import VERSIONS, mixed_store, stored
from smoke import contents

from aign.errors import DatasetError, ParameterError
from aign.exchange import parquet, published
from aign.exchange.publish import publish_dataset
from aign.exchange.published import import_published
from aign.files import manifest
from aign.scenarios.core import registry
from aign.trajectories.reader import TrajectoryStore


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The golden stores of both versions, published as one. Read-only: copy it before damaging it."""
    place = tmp_path_factory.mktemp("published") / "golden"
    publish_dataset(VERSIONS, str(place))
    return place


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def resealed(folder):
    """Write a manifest that fits a folder somebody has changed, as only a forger would."""
    old = json.loads((folder / manifest.NAME).read_text())["files"]
    (folder / manifest.NAME).unlink()
    manifest.build(folder, {name: entry["rows"] for name, entry in old.items()
                            if "rows" in entry and (folder / name).exists()})
    return folder


@pytest.mark.parametrize("store", VERSIONS, ids=lambda path: path.name)
def test_the_store_comes_back_byte_for_byte(folder, store, tmp_path):
    made = import_published(folder, tmp_path / "back", store.name)
    assert contents(tmp_path / "back") == contents(store)
    assert made.identical
    assert made.digest == json.loads((store / manifest.NAME).read_text())["digest"]
    assert (made.name, made.episodes) == (store.name, 30)
    TrajectoryStore.open(tmp_path / "back")


def test_mixed_splits_and_many_files_come_back_byte_for_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "rows_a_group", lambda schema: 2)
    monkeypatch.setattr(parquet, "rows_a_file", lambda schema: 4)
    store = mixed_store(tmp_path / "mixed")
    publish_dataset([store], str(tmp_path / "out"))
    assert len(list((tmp_path / "out" / "mixed").glob("train-*"))) > 2
    told = []
    import_published(tmp_path / "out", tmp_path / "back", report=lambda done, total: told.append((done, total)))
    assert contents(tmp_path / "back") == contents(store)
    assert told[-1] == (30, 30)


@pytest.mark.parametrize("shard_rows", [1, 2, 5])
def test_shards_that_are_parts_of_one_row_group_come_back_byte_for_byte(tmp_path, shard_rows):
    scenario = registry.create("water-filling", channels=4)
    batches, pool = episodes_of(scenario)
    store = write_dataset(tmp_path / "small", scenario, batches, pool, shard_rows)
    publish_dataset([store], str(tmp_path / "out"))
    import_published(tmp_path / "out", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(store)


def test_another_layout_of_the_same_numbers_is_a_whole_store_with_a_digest_of_its_own(folder, tmp_path, monkeypatch):
    def padded(path, batch):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(
                sink, batch.schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True,
                                                                   compression="zstd")) as out:
            out.write_batch(batch)

    monkeypatch.setattr(published, "write_batch", padded)
    made = import_published(folder, tmp_path / "back", "version-2")
    assert not made.identical
    manifest.check(tmp_path / "back", deep=True)
    assert stored(tmp_path / "back").equals(stored(VERSIONS[1]))


def test_a_configuration_must_be_named_where_there_are_several(folder, tmp_path):
    with pytest.raises(DatasetError, match=r"several configurations; name one .*: version-1, version-2, version-3"):
        import_published(folder, tmp_path / "back")
    with pytest.raises(DatasetError, match=r"Unknown configuration 'version-4'.*Did you mean"):
        import_published(folder, tmp_path / "back", "version-4")


def test_any_flipped_bit_and_any_lost_file_is_found_and_named(copy, tmp_path):
    random = np.random.default_rng(0)
    for name, sound in contents(copy).items():
        data = bytearray(sound)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        (copy / name).write_bytes(data)
        with pytest.raises(DatasetError, match=name):
            import_published(copy, tmp_path / "back", "version-2")
        (copy / name).unlink()
        with pytest.raises(DatasetError, match=name):
            import_published(copy, tmp_path / "back", "version-2")
        (copy / name).write_bytes(sound)
    assert not (tmp_path / "back").exists()
    import_published(copy, tmp_path / "back", "version-2")


def test_a_local_store_is_no_published_folder(tmp_path):
    with pytest.raises(DatasetError, match=r"not a published dataset \(meta/publication\.json is missing"):
        import_published(VERSIONS[1], tmp_path / "back")
    with pytest.raises(DatasetError, match="no such folder"):
        import_published(tmp_path / "nothing", tmp_path / "back")


def test_what_git_and_the_hub_add_is_no_damage(copy, tmp_path):
    (copy / ".gitattributes").write_text("*.parquet filter=lfs")
    (copy / ".cache" / "huggingface").mkdir(parents=True)
    (copy / ".cache" / "huggingface" / "CACHEDIR.TAG").write_text("x")
    import_published(copy, tmp_path / "back", "version-2")
    assert contents(tmp_path / "back") == contents(VERSIONS[1])


def test_an_order_that_does_not_fit_the_episodes_is_refused(copy, tmp_path):
    (copy / "version-2" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DatasetError, match=r"0 episodes of split test, its order has 6"):
        import_published(resealed(copy), tmp_path / "back", "version-2")


def test_files_that_hold_fewer_rows_than_they_say_are_refused(copy, tmp_path):
    path = copy / "version-2" / "test-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).slice(2), path)
    with pytest.raises(DatasetError, match="end before the order does"):
        import_published(resealed(copy), tmp_path / "back", "version-2")
    assert [one.name for one in tmp_path.iterdir()] == ["copy"]


def test_columns_of_another_scenario_are_refused(copy, tmp_path):
    path = copy / "store" / "version-2" / "meta" / "info.json"
    info = json.loads(path.read_text())
    for scenario, reason in (({"name": "power-allocation", "users": 3}, "not those of scenario power-allocation"),
                             ({"name": "teleport"}, "Unknown scenario 'teleport'"),
                             (5, "names no scenario")):
        path.write_text(json.dumps({**info, "scenario": scenario}))
        with pytest.raises(DatasetError, match=reason):
            import_published(resealed(copy), tmp_path / "back", "version-2")


def test_an_import_may_be_repeated_but_destroys_nothing(folder, tmp_path):
    import_published(folder, tmp_path / "back", "version-2")
    import_published(folder, tmp_path / "back", "version-2")
    assert contents(tmp_path / "back") == contents(VERSIONS[1])
    with pytest.raises(ParameterError, match="exists but is not this dataset"):
        import_published(folder, tmp_path / "back", "version-1")
    assert contents(tmp_path / "back") == contents(VERSIONS[1])
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(ParameterError, match="so it is not replaced"):
        import_published(folder, tmp_path / "home", "version-1")
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"
