from dataclasses import replace

import numpy as np
import pytest
import torch
from exchange_data import episodes_of, write_dataset
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError
from aign.exchange.batches import batches, chosen_rows
from aign.exchange.merge_contexts import Claims, claims_of, merged
from aign.trajectories.reader import TrajectoryStore

VALUES = np.linspace(0.1, 1.9, 6, dtype=np.float32)[:, None] * np.array([[1.0, 0.9, 0.8]], dtype=np.float32)


def claims(entries):
    """Claims of one dataset; entries are (which of VALUES, id, split)."""
    which, ids, split = (np.array(column, dtype=np.int64) for column in zip(*entries, strict=True))
    return Claims(ids, VALUES[which], split, which * 1.0, which * 2.0)


@st.composite
def datasets(draw):
    """Two to four datasets whose contexts overlap; within each, ids and values go one to one."""
    made = []
    for _ in range(draw(st.integers(2, 4))):
        size = draw(st.integers(1, 6))
        which = draw(st.permutations(range(6)))[:size]
        ids = draw(st.lists(st.integers(0, 7), min_size=size, max_size=size, unique=True))
        splits = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
        made.append(list(zip(which, ids, splits, strict=True)))
    return made


def as_table(found):
    return {value.tobytes(): (number, split, low, high) for value, number, split, low, high in
            zip(found.values, found.ids.tolist(), found.split.tolist(), found.reference, found.optimum, strict=True)}


@given(datasets(), st.randoms(use_true_random=False))
def test_the_order_of_datasets_does_not_matter(scenario, made, random):
    shuffled = random.sample(made, len(made))
    one, two = (merged([claims(entries) for entries in order], scenario) for order in (made, shuffled))
    assert as_table(one) == as_table(two)
    assert (one.moved, one.renumbered) == (two.moved, two.renumbered)
    assert [part.ids.tolist() for part in one.pool().splits.values()] == \
        [part.ids.tolist() for part in two.pool().splits.values()]


@given(datasets())
def test_equal_values_are_one_context_in_the_most_held_out_split(scenario, made):
    found = merged([claims(entries) for entries in made], scenario)
    every = [entry for entries in made for entry in entries]
    assert len(found.ids) == len(set(found.ids.tolist())) == len({which for which, _, _ in every})
    for value, split in zip(found.values, found.split, strict=True):
        which = next(i for i in range(6) if np.array_equal(VALUES[i], value))
        assert split == max(place for other, _, place in every if other == which)


@given(datasets())
def test_ids_are_kept_where_they_can_be(scenario, made):
    found = as_table(merged([claims(entries) for entries in made], scenario))
    owners = {}
    for entries in made:
        for which, number, _ in entries:
            owners.setdefault(number, set()).add(which)
    for which in range(6):
        claimed = {number for entries in made for other, number, _ in entries if other == which}
        alone = {number for number in claimed if owners[number] == {which}}
        if claimed and alone == claimed:
            assert found[VALUES[which].tobytes()][0] == min(claimed)
    assert {number for number, *_ in found.values()} & set(owners)


@given(datasets())
def test_each_dataset_finds_its_contexts_again(scenario, made):
    found = merged([claims(entries) for entries in made], scenario)
    for entries, (own, which) in zip(made, found.of, strict=True):
        for index, number, _ in entries:
            place = which[own.tolist().index(number)]
            assert np.array_equal(found.values[place], VALUES[index])
            assert found.reference[place] == index


def test_moved_and_renumbered_are_counted(scenario):
    found = merged([claims([(0, 5, 0), (1, 6, 0)]), claims([(0, 5, 2), (2, 6, 0)])], scenario)
    assert found.moved == 1
    assert found.renumbered == 1
    assert found.split.tolist() == [2, 0, 0]
    assert found.ids.tolist() == [5, 6, 0]


def test_contexts_without_reference_utilities_are_certified(scenario):
    entries = claims([(0, 0, 0), (1, 1, 1)])
    unknown = np.full(2, np.nan)
    found = merged([replace(entries, reference=unknown, optimum=unknown)], scenario)
    contexts = torch.from_numpy(found.values)
    assert np.array_equal(found.optimum, scenario.certify(contexts).utility.numpy())
    assert np.array_equal(found.reference, scenario.reference_utility(contexts).numpy())


def test_a_dataset_claims_the_contexts_of_its_file_too(store, scenario):
    found = claims_of(store)
    assert len(set(found.ids.tolist())) == 20
    assert len(np.unique(found.values, axis=0)) == 20
    assert np.isnan(found.reference).sum() == len(np.unique(store.column("context_id")))


def test_a_dataset_without_the_file_claims_those_of_its_episodes(tmp_path, scenario):
    made, _ = episodes_of(scenario, counts={"train": 5}, contexts={"train": 5})
    found = claims_of(TrajectoryStore.open(write_dataset(tmp_path / "bare", scenario, made)))
    assert len(found.ids) == 5
    assert np.isnan(found.optimum).all()


def test_an_id_of_two_contexts_is_refused(store, scenario):
    part = next(batches(store, chosen_rows(store)))
    part.context[1] = part.context[0]
    found = merged([claims_of(store)], scenario)
    with pytest.raises(DatasetError, match="has several different contexts"):
        found.places(0, part)
