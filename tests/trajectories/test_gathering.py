import mmap

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.trajectories.gathering import Gatherer, joined

SIZES = st.lists(st.integers(0, 7), min_size=1, max_size=4).filter(any)


def scattered(whole, sizes):
    """The tensors of a split, each in memory of its own and in no order of addresses."""
    parts = [part.clone() for part in reversed(whole.split(sizes))]
    return parts[::-1]


@given(sizes=SIZES, dtype=st.sampled_from([torch.float32, torch.int64, torch.int32, torch.bool]), data=st.data())
def test_rows_across_shards_are_rows_of_the_whole(sizes, dtype, data):
    whole = torch.arange(sum(sizes) * 6).view(-1, 3, 2).to(dtype)
    rows = torch.tensor(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=20)), dtype=torch.long)
    gatherer = Gatherer(scattered(whole, sizes))
    assert len(gatherer) == len(whole)
    picked = gatherer.rows(rows)
    assert picked.dtype == dtype
    assert torch.equal(picked, whole[rows])


@given(sizes=SIZES, steps=st.integers(1, 6), tail=st.sampled_from([(), (2,)]), data=st.data())
def test_steps_across_shards_are_slices_of_the_whole(sizes, steps, tail, data):
    whole = torch.rand(sum(sizes), 6, *tail)
    places = data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 6 - steps)), min_size=1,
                                max_size=12))
    rows, starts = torch.tensor(places).unbind(1)
    windows = Gatherer(scattered(whole, sizes)).steps(rows, starts, steps)
    assert len(windows) == len(places)
    order = torch.tensor(data.draw(st.permutations(range(len(places)))))
    expected = torch.stack([whole[row, start:start + steps] for row, start in places])
    assert torch.equal(windows.pick(order), expected[order])
    with pytest.raises(IndexError):
        windows.pick(torch.tensor([len(places)]))


def test_scalars_of_files_mapped_far_apart(tmp_path):
    parts = []
    for name, values in (("a", np.arange(5.0)), ("b", np.arange(5.0, 9.0))):
        np.save(tmp_path / name, values)
        parts.append(torch.from_numpy(np.load(tmp_path / f"{name}.npy", mmap_mode="r+")))
        parts.append(torch.arange(3.0, dtype=torch.float64))
    assert Gatherer(parts).rows(torch.tensor([14, 8, 3, 0])).tolist() == [2.0, 5.0, 3.0, 0.0]


def test_what_is_picked_is_a_copy():
    whole = torch.zeros(4, 3)
    Gatherer([whole]).rows(torch.tensor([0, 1])).fill_(1)
    Gatherer([whole]).steps(torch.tensor([0]), torch.tensor([1]), 2).pick(torch.tensor([0])).fill_(1)
    assert not whole.any()


def test_the_tensors_are_kept_alive():
    gatherer = Gatherer([torch.full((1000, 50), 3.0), torch.full((1000, 50), 4.0)])
    torch.full((2000, 50), 9.0)
    assert gatherer.rows(torch.arange(2000))[:, 7].unique().tolist() == [3.0, 4.0]


def test_a_tensor_at_an_odd_address_is_read_rightly():
    memory = bytearray(4 * 6 + 1)
    odd = torch.frombuffer(memory, dtype=torch.float32, offset=1, count=6).view(3, 2)
    odd.copy_(torch.arange(6.0).view(3, 2))
    both = Gatherer([odd, torch.full((2, 2), 7.0)])
    assert both.rows(torch.arange(5)).tolist() == [[0, 1], [2, 3], [4, 5], [7, 7], [7, 7]]


def test_nothing_to_pick_from_or_nothing_asked_for():
    empty = Gatherer([torch.zeros(0, 4, 2), torch.zeros(0, 4, 2)])
    assert len(empty) == 0
    assert empty.rows(torch.empty(0, dtype=torch.long)).shape == (0, 4, 2)
    assert Gatherer([torch.zeros(3, 4, 2)]).rows(torch.empty(0, dtype=torch.long)).shape == (0, 4, 2)


@pytest.mark.parametrize("row", [-1, 6])
@pytest.mark.parametrize("sizes", [[6], [2, 4]])
def test_rows_out_of_range(row, sizes):
    gatherer = Gatherer(torch.zeros(6, 2).split(sizes))
    with pytest.raises(IndexError):
        gatherer.rows(torch.tensor([row]))
    with pytest.raises(IndexError):
        gatherer.steps(torch.tensor([row]), torch.tensor([0]), 1)


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
