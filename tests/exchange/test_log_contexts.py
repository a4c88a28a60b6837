from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError
from aign.exchange.logs.contexts import certified_pool, different, split_of
from aign.exchange.logs.mapping import SplitShares
from aign.trajectories.schema import SPLITS

PATH = Path("log.csv")


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=12))
def test_equal_values_are_one_context(rows):
    values = np.array(rows, dtype=np.float32)
    found, which = different(values)
    assert np.array_equal(found[which].view(np.uint32), values.view(np.uint32))
    assert len(found) == len({value.tobytes() for value in values})
    assert np.array_equal(different(values[::-1])[0].view(np.uint32), found.view(np.uint32))


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
    values = scenario.draw_contexts(6, torch.Generator().manual_seed(0)).numpy()
    splits = np.array([0, 2, 1, 0, 0, 2])
    pool, row = certified_pool(values, splits, scenario)
    every = scenario.certify(torch.from_numpy(values)).utility
    for index in range(6):
        part = pool[SPLITS[splits[index]]]
        assert np.array_equal(part.values[row[index]].numpy(), values[index])
        assert part.optimum[row[index]] == every[index]
    ids = torch.cat([part.ids for part in pool.splits.values()])
    assert len(ids.unique()) == 6
