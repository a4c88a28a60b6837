import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError
from aign.exchange import arrangement
from aign.trajectories.schema import SPLITS

splits_of_a_shard = st.lists(st.sampled_from(SPLITS), min_size=1, max_size=30)


def shards(parts):
    return [arrangement.arrangement(f"data-{i:05d}-of-{len(parts):05d}.arrow", part) for i, part in enumerate(parts)]


@given(splits_of_a_shard)
def test_sorting_into_splits_and_back_gives_the_rows_again(splits):
    one = arrangement.arrangement("data-00000-of-00001.arrow", splits)
    rows = np.arange(len(splits))
    by_split = np.concatenate([rows[[split == name for split in splits]] for name in SPLITS])
    assert by_split[one.restored_rows()].tolist() == rows.tolist()
    assert one.counts() == {name: splits.count(name) for name in SPLITS}


@given(st.lists(splits_of_a_shard, min_size=1, max_size=4))
def test_what_was_saved_is_loaded(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("order") / "order.parquet"
    saved = shards(parts)
    arrangement.save(path, saved)
    loaded = arrangement.load(path)
    assert [one.shard for one in loaded] == [one.shard for one in saved]
    assert [one.codes.tolist() for one in loaded] == [one.codes.tolist() for one in saved]
    assert arrangement.totals(loaded) == {name: sum(part.count(name) for part in parts) for name in SPLITS}
    assert pq.read_table(path).column("split").to_pylist() == list(itertools.chain(*parts)), "plain Parquet"


def test_a_million_mixed_rows_take_less_than_one_byte_each(tmp_path):
    codes = np.random.default_rng(0).integers(0, 3, 1_000_000)
    arrangement.save(tmp_path / "order.parquet", [arrangement.Arrangement("data-00000-of-00001.arrow", codes)])
    assert (tmp_path / "order.parquet").stat().st_size < 500_000


def test_a_missing_or_damaged_file_is_named(tmp_path):
    path = tmp_path / "order.parquet"
    with pytest.raises(DatasetError, match=r"order\.parquet: the order of the episodes cannot be read"):
        arrangement.load(path)
    arrangement.save(path, shards([["train", "test"]]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"order\.parquet: the order of the episodes cannot be read"):
        arrangement.load(path)


@pytest.mark.parametrize("content", [
    {"shard": [], "split": []},
    {"shard": ["data-00000-of-00001.arrow"], "split": ["holdout"]},
    {"shard": ["../../etc/passwd"], "split": ["train"]},
    {"shard": ["data-00000-of-00001.arrow", "data-00001-of-00001.arrow", "data-00000-of-00001.arrow"],
     "split": ["train"] * 3},
    {"shard": [None], "split": ["train"]},
    {"shard": ["data-00000-of-00001.arrow"], "split": [None]},
])
def test_a_foreign_file_is_refused(tmp_path, content):
    pq.write_table(pa.table(content, schema=arrangement.SCHEMA), tmp_path / "order.parquet")
    with pytest.raises(DatasetError, match=r"order\.parquet: no order of episodes"):
        arrangement.load(tmp_path / "order.parquet")


def test_other_columns_are_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "order.parquet")
    with pytest.raises(DatasetError, match=r"order\.parquet"):
        arrangement.load(tmp_path / "order.parquet")
