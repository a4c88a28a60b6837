"""The leader's utility by hand, labels of known answers, and settlement within the budget."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.stackelberg import Stackelberg
from aign.scenarios.stackelberg.followers import LAYER_COST
from aign.scenarios.stackelberg.leader import PRICE_HIGH, PRICE_LOW, neighbours

SEEDS = st.integers(0, 2**31)


def game(seed=0, layers="continuous", count=8):
    scenario = Stackelberg.create(prices="per-device", layers=layers, devices=4)
    return scenario.game(scenario.draw_contexts(count, torch.Generator().manual_seed(seed)))


def test_labels_of_known_answers():
    played = game(count=1)
    offered, layers = torch.tensor([[[0.5], [0.25], [0.25], [0.1]]]).double(), torch.tensor([[[12.0], [6], [6], [0]]])
    values = {name: float(value) for name, value in played.measure(offered, layers.double()).items()}
    expected = 4 * 30 - 9.0 - float(played.cost) * LAYER_COST * (0 + 6 + 6 + 12)
    assert values == pytest.approx({"payment": 9.0, "offload_ratio": 0.5, "max_price": 0.5, "profit": expected,
                                    "fairness": 24**2 / (4 * (144 + 36 + 36)), "participation": 0.75})


def test_nobody_computing_anything_counts_as_fair():
    played = game(count=1)
    nothing = torch.zeros(1, 4, 1).double()
    values = played.measure(torch.full_like(nothing, PRICE_LOW), nothing)
    assert float(values["fairness"]) == 1
    assert float(values["participation"]) == 0


@pytest.mark.parametrize("layers", ["continuous", "integer"])
@given(seed=SEEDS)
def test_settled_prices_keep_the_budget_and_settle_to_themselves(layers, seed):
    played = game(seed, layers)
    offered = 0.1 + 2 * torch.rand(8, 4, generator=torch.Generator().manual_seed(seed))
    settled = played.settle(offered)
    assert bool((played.payment(settled.double()[:, :, None]) <= played.budget).all())
    assert torch.equal(played.settle(settled), settled)
    assert bool((settled >= PRICE_LOW - 1e-9).all() and (settled <= PRICE_HIGH).all())


@pytest.mark.parametrize("layers", ["continuous", "integer"])
@given(seed=SEEDS)
def test_settlement_lowers_no_further_than_it_has_to(layers, seed):
    played = game(seed, layers)
    offered = (0.1 + 1.5 * torch.rand(8, 4, generator=torch.Generator().manual_seed(seed))).clamp(max=PRICE_HIGH)
    factor = played.settle(offered) / offered
    lowered = factor.amax(1) < 1 - 1e-6
    slightly_more = (offered * factor.amax(1, keepdim=True) * (1 + 1e-5)).clamp(PRICE_LOW, PRICE_HIGH)
    over = (played.payment(slightly_more.double()[:, :, None]) > played.budget)[:, 0]
    assert bool(over[lowered].all())
    assert bool((factor[~lowered] > 1 - 1e-6).all())


def test_without_a_budget_prices_are_only_kept_within_bounds():
    scenario = Stackelberg.create()
    played = scenario.game(scenario.draw_contexts(3, torch.Generator().manual_seed(0)))
    settled = played.settle(torch.tensor([[-1.0], [0.7], [9.0]]))
    torch.testing.assert_close(settled, torch.tensor([[PRICE_LOW], [0.7], [PRICE_HIGH]]))


@given(SEEDS)
def test_neighbours_enclose_a_price_as_tightly_as_float32_can(seed):
    prices = 0.02 + torch.rand(50, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    below, above = neighbours(prices).chunk(2)
    assert bool((below <= prices).all() and (prices <= above).all())
    gap = above.float() - below.float()
    assert bool((gap <= 2 * torch.finfo(torch.float32).eps * prices).all())
    exact = prices.float().double()
    assert torch.equal(neighbours(exact), torch.cat([exact, exact]))
