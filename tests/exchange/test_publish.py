import os
import shutil
import subprocess
import sys

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pytest
from publishing import VERSIONS, mixed_store, stored
from smoke import contents

from aign.errors import DatasetError, ParameterError, StorageError
from aign.exchange.publish import publish_dataset
from aign.files import manifest

AGAIN = """
import sys
from pathlib import Path
from aign.exchange.publish import publish_dataset
publish_dataset([Path(one) for one in sys.argv[2:]], sys.argv[1])
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The golden stores of both versions, published as one. Read-only."""
    folder = tmp_path_factory.mktemp("published") / "golden"
    publish_dataset(VERSIONS, str(folder))
    return folder


def of_split(store, split):
    table = stored(store)
    return table.filter(pa.array(np.array(table.column("split").to_pylist()) == split))


def test_the_folder_holds_what_it_should(published):
    names = set(contents(published))
    for store in VERSIONS:
        name = store.name
        assert {f"{name}/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")} <= names
        kept = {one: data for one, data in contents(store).items() if not one.endswith(".arrow")}
        assert kept == contents(published / "store" / name), "beside the shards, byte for byte"
    assert {"README.md", "meta/manifest.json", "meta/publication.json"} <= names
    assert len(manifest.check(published, deep=True)) == len(names) - 1
    assert {one.suffix for one in (published / "version-2").iterdir()} == {".parquet"}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("store", VERSIONS, ids=lambda path: path.name)
def test_datasets_opens_it(published, store, streaming, tmp_path):
    opened = datasets.load_dataset(str(published), store.name, streaming=streaming, cache_dir=str(tmp_path))
    assert list(opened) == ["train", "validation", "test"]
    for split, part in opened.items():
        wanted = of_split(store, split)
        rows = list(part)
        assert part.info.features == datasets.Features.from_arrow_schema(wanted.schema)
        assert rows == wanted.to_pylist(), "every value of every column, in the order of the store"


def test_the_first_dataset_is_opened_by_default(published, tmp_path):
    opened = datasets.load_dataset(str(published), split="test", cache_dir=str(tmp_path))
    assert opened.to_list() == of_split(VERSIONS[0], "test").to_pylist()
    assert datasets.get_dataset_config_names(str(published)) == ["version-1", "version-2", "version-3"]


def test_pandas_and_pyarrow_open_a_variant_as_a_whole(published):
    wanted = sorted(stored(VERSIONS[1]).column("episode_id").to_pylist())
    assert sorted(pd.read_parquet(published / "version-2")["episode_id"]) == wanted
    table = pyarrow.dataset.dataset(published / "version-2").to_table(columns=["episode_id"])
    assert sorted(table.column("episode_id").to_pylist()) == wanted


@pytest.mark.slow
def test_a_second_publish_is_the_same_bytes_also_in_another_process_and_place(published, tmp_path):
    first = contents(published)
    elsewhere = [shutil.copytree(store, tmp_path / "elsewhere" / store.name) for store in VERSIONS]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", AGAIN, "again", *map(str, elsewhere)], cwd=tmp_path,
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "again") == first


def test_publishing_again_replaces_the_old_publication_and_says_the_same(tmp_path):
    one = publish_dataset(VERSIONS, str(tmp_path / "out"))
    two = publish_dataset(VERSIONS[1:], str(tmp_path / "out"))
    assert one.digest != two.digest
    assert not (tmp_path / "out" / "version-1").exists()
    assert two == publish_dataset(VERSIONS[1:], str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing is left beside it"


def test_mixed_splits_are_sorted_and_keep_their_order(tmp_path):
    store = mixed_store(tmp_path / "mixed")
    publish_dataset([store], str(tmp_path / "out"))
    for split in ("train", "validation", "test"):
        found = pa.parquet.read_table(next((tmp_path / "out" / "mixed").glob(f"{split}-*")))
        assert found.column("episode_id").to_pylist() == of_split(store, split).column("episode_id").to_pylist()


def test_a_dry_run_tells_files_and_bytes_and_writes_nothing(published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = publish_dataset(VERSIONS, "out", dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert told.dry
    assert told.files == {name: len(data) for name, data in contents(published).items()}


def test_progress_counts_every_episode(tmp_path):
    told = []
    publish_dataset(VERSIONS, str(tmp_path / "out"), report=lambda done, total: told.append((done, total)))
    assert told[-1] == (90, 90)
    assert told == sorted(told)


def test_a_damaged_dataset_is_refused_and_nothing_is_written(tmp_path):
    store = shutil.copytree(VERSIONS[1], tmp_path / "damaged")
    shard = store / "data-00000-of-00002.arrow"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DatasetError, match=r"data-00000-of-00002\.arrow: altered"):
        publish_dataset([store], str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["meta", "store", "with space", "a*", ".hidden"])
def test_names_that_no_configuration_can_have(tmp_path, name):
    shutil.copytree(VERSIONS[1], tmp_path / name)
    with pytest.raises(ParameterError, match="cannot be the name of a configuration"):
        publish_dataset([tmp_path / name], str(tmp_path / "out"))


def test_two_datasets_of_one_name_or_none(tmp_path):
    copy = shutil.copytree(VERSIONS[1], tmp_path / "version-2")
    with pytest.raises(ParameterError, match="more than one dataset is called 'version-2'"):
        publish_dataset([VERSIONS[1], copy], str(tmp_path / "out"))
    with pytest.raises(ParameterError, match="No dataset given"):
        publish_dataset([], str(tmp_path / "out"))


def test_a_full_disk_leaves_the_old_publication(tmp_path, monkeypatch):
    publish_dataset(VERSIONS[:1], str(tmp_path / "out"))
    before = contents(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageError, match="No space left on device"):
        publish_dataset(VERSIONS, str(tmp_path / "out"))
    assert contents(tmp_path) == before
