from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recorded_data import row_of

from aign.errors import DatasetError
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities, check_contexts


def loaded(folder):
    """Return the store, and its contexts in a form that can be changed."""
    store = TrajectoryStore.open(folder, deep=False)
    splits = ContextPool.load(folder / "contexts.safetensors", store.scenario).splits
    return store, {split: SimpleNamespace(ids=one.ids.clone(), values=one.values.clone(),
                                          reference=one.reference.clone(), optimum=one.optimum.clone())
                   for split, one in splits.items()}


def refused(store, splits, *words):
    with pytest.raises(DatasetError) as caught:
        check_contexts(store.shards, store.scenario, ReferenceUtilities(splits))
    for word in words:
        assert str(word) in str(caught.value)


def test_what_was_recorded_agrees(recorded):
    store, splits = loaded(recorded)
    references = ReferenceUtilities(splits)
    check_contexts(store.shards, store.scenario, references)
    assert len(references) == 36


@pytest.mark.parametrize("name", ["reference", "optimum"])
def test_another_reference_utility_is_found_by_the_return(recorded, name):
    store, splits = loaded(recorded)
    _, episode, shard = row_of(recorded, "test")
    getattr(splits["test"], name).mul_(1.001)
    refused(store, splits, shard, "'return_normalised'", f"episode {episode} ", "contexts.safetensors gives")


def test_another_context_is_named(recorded):
    store, splits = loaded(recorded)
    _, episode, shard = row_of(recorded, "validation")
    splits["validation"].values[:, 2] = torch.nextafter(splits["validation"].values[:, 2], torch.tensor(9.0))
    refused(store, splits, shard, "column 'context'", f"episode {episode} ", "context[2] = ")


def test_a_context_that_is_not_there_is_named(recorded):
    store, splits = loaded(recorded)
    splits["train"].ids += 1000
    refused(store, splits, "data-00000-of-00004.arrow", "column 'context_id'", "episode 1000 ", "of split train")


def test_a_context_of_another_split_is_named(recorded):
    store, splits = loaded(recorded)
    splits["train"], splits["test"] = splits["test"], splits["train"]
    refused(store, splits, "column 'context_id'", "does not have in that split")


@pytest.mark.parametrize(("change", "words"), [
    (lambda splits: splits.clear(), "holds no contexts"),
    (lambda splits: splits["test"].ids.copy_(splits["train"].ids[:6]), "context_id 0 occurs twice"),
    (lambda splits: setattr(splits["test"], "optimum", splits["test"].optimum[:-1]), "one row a context"),
    (lambda splits: setattr(splits["test"], "reference", splits["test"].reference.float()), "one row a context"),
    (lambda splits: setattr(splits["test"], "ids", splits["test"].ids[:, None]), "one row a context"),
    (lambda splits: setattr(splits["test"], "values", splits["test"].values.flatten()), "one row a context"),
    (lambda splits: splits["test"].optimum.fill_(float("nan")), "split test: a reference or an optimum is not finite"),
    (lambda splits: [setattr(one, "values", one.values[:, :3]) for one in splits.values()], "contexts of 3 values"),
])
def test_a_malformed_file_is_refused(recorded, change, words):
    store, splits = loaded(recorded)
    change(splits)
    refused(store, splits, words)


@given(ids=st.lists(st.integers(-2**62, 2**62), min_size=1, max_size=30, unique=True), asked=st.integers(0, 29))
def test_each_context_is_found_again(ids, asked):
    split = SimpleNamespace(ids=torch.tensor(ids), values=torch.tensor(ids).float()[:, None],
                            reference=torch.zeros(len(ids), dtype=torch.float64),
                            optimum=torch.arange(1, len(ids) + 1, dtype=torch.float64))
    references, place = ReferenceUtilities({"train": split}), asked % len(ids)
    rows = references.rows(torch.tensor([ids[place]]))
    assert references.ids[rows].tolist() == [ids[place]]
    np.testing.assert_allclose(references.normalised(torch.tensor([1.0], dtype=torch.float64), rows), 1 / (place + 1))
    assert len(references) == len(ids)
