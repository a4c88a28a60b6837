import mmap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.trajectories.gathering import joined, pick_across, pick_rows, pick_steps


@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4), data=st.data())
def test_rows_across_shards_are_rows_of_the_whole(sizes, data):
    whole = torch.arange(sum(sizes) * 6).view(-1, 3, 2)
    rows = torch.tensor(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=20)), dtype=torch.long)
    assert torch.equal(pick_across(whole.split(sizes), rows[:, None], pick_rows), whole[rows])


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3), steps=st.integers(1, 6),
       tail=st.sampled_from([(), (2,)]), data=st.data())
def test_steps_across_shards_are_slices_of_the_whole(sizes, steps, tail, data):
    whole = torch.rand(sum(sizes), 6, *tail)
    places = data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 6 - steps)), min_size=1,
                                max_size=12))
    expected = torch.stack([whole[row, start:start + steps] for row, start in places])
    assert torch.equal(pick_across(whole.split(sizes), torch.tensor(places), pick_steps(steps)), expected)


def test_what_is_picked_is_a_copy():
    whole = torch.zeros(4, 3)
    pick_across([whole], torch.tensor([[0], [1]]), pick_rows).fill_(1)
    pick_across([whole], torch.tensor([[0, 1]]), pick_steps(2)).fill_(1)
    assert not whole.any()


@pytest.mark.parametrize("row", [-1, 6])
@pytest.mark.parametrize("sizes", [[6], [2, 4]])
def test_rows_out_of_range(row, sizes):
    with pytest.raises(IndexError):
        pick_across(torch.zeros(6, 2).split(sizes), torch.tensor([[row]]), pick_rows)


@pytest.mark.parametrize("large_pages", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_joined_shards_are_the_whole_and_a_copy(dtype, large_pages, monkeypatch):
    if not large_pages:
        monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    views = [(torch.rand(rows, 3, 2) * 9).to(dtype) for rows in (4, 1, 700)]
    whole = joined(views)
    assert whole.dtype == dtype
    assert torch.equal(whole, torch.cat(views))
    views[0].zero_()
    assert whole[:4].any()
    assert joined([torch.zeros(0, 3), torch.zeros(0, 3)]).shape == (0, 3)
