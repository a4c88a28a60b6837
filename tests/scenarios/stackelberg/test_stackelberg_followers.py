"""Best responses against plain maximisation of the followers' utility."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.stackelberg.followers import L_MAX, Devices

SEEDS = st.integers(0, 2**31)


def devices(seed, whole, count=6, networks=4):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(2, networks, count, generator=generator, dtype=torch.float64)
    return Devices(1 + 5 * draw[0], 0.2 + 2.8 * draw[1], whole)


def prices(seed, networks=4, many=40):
    generator = torch.Generator().manual_seed(seed + 1)
    return 0.01 + 1.99 * torch.rand(networks, 1, many, generator=generator, dtype=torch.float64) ** 3


@given(SEEDS)
def test_no_whole_number_of_layers_is_better_than_the_answer(seed):
    followers, offered = devices(seed, whole=True), prices(seed)
    answer = followers.respond(offered)
    earned = followers.utility(offered, answer)
    for level in range(L_MAX + 1):
        other = followers.utility(offered, torch.full_like(answer, level)).nan_to_num(nan=-torch.inf)
        assert bool((other <= earned + 1e-12).all())
    assert torch.equal(answer, answer.round())


@given(SEEDS)
def test_no_part_of_a_layer_is_better_than_the_continuous_answer(seed):
    followers, offered = devices(seed, whole=False), prices(seed)
    answer = followers.respond(offered)
    earned = followers.utility(offered, answer)
    for level in np.linspace(0, L_MAX, 241):
        other = followers.utility(offered, torch.full_like(answer, level)).nan_to_num(nan=-torch.inf)
        assert bool((other <= earned + 1e-12).all())


@given(SEEDS)
def test_whole_and_continuous_answers_lie_within_a_layer_of_each_other(seed):
    whole, parts = (devices(seed, whole).respond(prices(seed)) for whole in (True, False))
    assert float((whole - parts).abs().max()) < 1


@given(SEEDS)
def test_a_higher_price_never_buys_fewer_layers(seed):
    for whole in (True, False):
        answers = devices(seed, whole).respond(prices(seed).sort(2).values)
        assert bool((answers.diff(dim=2) >= 0).all())


def test_who_is_indifferent_computes_the_larger_part():
    followers = devices(0, whole=True)
    threshold = followers.thresholds()
    for level in range(1, L_MAX + 1):
        offered = threshold[:, :, level - 1:level]
        reachable = offered.isfinite()
        answer = followers.respond(offered.nan_to_num(posinf=2.0))
        assert bool((answer == level)[reachable].all())
        below = followers.respond((offered * (1 - 1e-12)).nan_to_num(posinf=2.0))
        assert bool((below == level - 1)[reachable].all())


def test_start_and_full_price_are_where_answers_leave_zero_and_reach_all_layers():
    followers = devices(1, whole=False)
    start, full = followers.start_price()[:, :, None], followers.full_price()[:, :, None]
    assert bool((followers.respond(start * (1 - 1e-9)) == 0).all())
    assert bool((followers.respond(start * (1 + 1e-9)) > 0).all())
    finite = full.isfinite()
    assert bool(finite.any())
    assert not bool(finite.all())
    answer = followers.respond(full.nan_to_num(posinf=2.0))
    torch.testing.assert_close(answer[finite], torch.full_like(answer[finite], L_MAX))
    assert bool((answer[~finite] < L_MAX).all())


def test_a_device_too_weak_for_a_layer_is_never_asked_for_it():
    weak = Devices(torch.tensor([[1.0]]).double(), torch.tensor([[0.2]]).double(), whole=True)
    assert float(weak.capacity) == pytest.approx((1 + 1 - 0.116) / 0.358)
    assert int(weak.thresholds().isinf().sum()) == L_MAX - 5
    assert float(weak.respond(torch.tensor([[[1e6]]]).double())) == 5
