from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError
from aign.exchange.logs.mapping import SplitShares
from aign.exchange.logs.recording import contexts_of, split_of
from aign.exchange.merge_contexts import distinct_rows
from aign.trajectories.schema import SPLITS

PATH = Path("log.csv")


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=12))
def test_equal_values_are_one_context(rows):
    values = np.array(rows, dtype=np.float32)
    distinct, which = distinct_rows(values)
    assert np.array_equal(distinct[which].view(np.uint32), values.view(np.uint32))
    assert len(distinct) == len({value.tobytes() for value in values})
    assert np.array_equal(distinct_rows(values[::-1])[0].view(np.uint32), distinct.view(np.uint32))


@given(st.integers(3, 200), st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.0, 0.1), (1.0, 0.0, 0.0)]),
       st.integers(0, 5), st.randoms(use_true_random=False))
def test_shares_are_kept_whatever_the_order(count, shares, seed, random):
    settings = SplitShares(train=shares[0], validation=shares[1], test=shares[2], seed=seed)
    values = np.arange(count, dtype=np.float32)[:, None]
    splits = split_of(values, settings, PATH)
    for place, share in enumerate(shares):
        if place:
            assert (splits == place).sum() == (max(1, round(share * count)) if share else 0)
    shuffled = list(range(count))
    random.shuffle(shuffled)
    assert np.array_equal(split_of(values[shuffled], settings, PATH), splits[shuffled])


def test_the_seed_decides_who_is_held_out():
    values = np.arange(50, dtype=np.float32)[:, None]
    assert not np.array_equal(*(split_of(values, SplitShares(seed=seed), PATH) for seed in (0, 1)))


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_contexts_for_all_splits(count):
    with pytest.raises(DatasetError, match=r"log\.csv: . different contexts are too few"):
        split_of(np.arange(count, dtype=np.float32)[:, None], SplitShares(), PATH)


def test_contexts_are_certified_like_drawn_ones(scenario):
    values = scenario.draw_contexts(6, torch.Generator().manual_seed(0)).numpy()[[0, 1, 2, 3, 4, 5, 2, 0]]
    contexts = contexts_of(values, SplitShares(train=0.5, validation=0.25, test=0.25), scenario, PATH)
    assert np.array_equal(contexts.of.values.numpy(), values)
    assert torch.equal(contexts.of.optimum, scenario.certify(torch.from_numpy(values)).utility)
    for split, part in contexts.pool.splits.items():
        assert set(contexts.of.ids[torch.from_numpy(contexts.split == split)].tolist()) == set(part.ids.tolist())
    assert len(contexts.of.ids.unique()) == sum(len(part) for part in contexts.pool.splits.values()) == 6
    assert contexts.pool.splits.keys() == set(SPLITS)
