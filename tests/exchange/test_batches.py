import numpy as np
import pytest

from aign.errors import DatasetError
from aign.exchange import batches as module
from aign.exchange.batches import batches, chosen_rows
from aign.trajectories.validation import columns_of


@pytest.mark.parametrize("size", [1, 6, 100])
def test_batches_give_every_column_of_every_row_in_order(store, size):
    parts = list(batches(store, chosen_rows(store), size))
    assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
    for name in store.columns:
        if name != "episode_id":
            expected = store.strings(name) if name in ("behaviour", "source", "split") else store.column(name).numpy()
            found = np.concatenate([columns_of(part)[name] for part in parts])
            assert np.array_equal(found, expected), name


def test_long_episodes_make_small_batches(store, monkeypatch):
    episode = (store.scenario.horizon + 1) * store.scenario.observation_size
    monkeypatch.setattr(module, "VALUES", 3 * episode + 1)
    assert [len(part) for part in batches(store, chosen_rows(store))] == [3] * 6 + [2]
    monkeypatch.setattr(module, "VALUES", 1)
    assert [len(part) for part in batches(store, chosen_rows(store)[:2])] == [1, 1]


def test_rows_are_those_of_a_split_up_to_a_limit(store):
    test = np.flatnonzero(store.strings("split") == "test")
    assert chosen_rows(store, "test").tolist() == test.tolist()
    assert chosen_rows(store, "test", 3).tolist() == test[:3].tolist()
    assert chosen_rows(store, None, 100).tolist() == list(range(20))
    with pytest.raises(DatasetError, match="Did you mean 'train'"):
        chosen_rows(store, "trian")


def test_no_rows_give_no_batch(store):
    assert list(batches(store, chosen_rows(store)[:0])) == []
