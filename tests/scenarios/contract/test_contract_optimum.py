"""The closed form against a general solver on hundreds of random markets, and what makes a menu exact on the grid."""

import numpy as np
import pytest
import torch
from contract_reference import everybody_signs
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from aign.scenarios.contract import Contract
from aign.scenarios.contract.menu import GRID, ContractParameters, Market, gain, sign, slacks
from aign.scenarios.contract.optimum import (
    aligned,
    antitonic,
    best_menu,
    best_rewards,
    best_speeds,
    down,
    indifference,
    log_rent,
    nobody,
    up,
    valid,
    virtual_cost,
)

SEEDS = st.integers(0, 2**31)
TYPES = st.sampled_from([2, 3, 5, 10])


def wild_markets(types, count, seed, **values):
    """Return markets as uneven as can be: probabilities of many sizes and complexities anywhere. Unless said otherwise
    every type brings so much that all are served.
    """
    generator = np.random.default_rng(seed)
    share = generator.dirichlet(np.full(types, 0.7), count).clip(1e-3)
    complexity = np.sort(generator.uniform(10, 100, (count, types)), 1)
    contexts = np.hstack([share / share.sum(1, keepdims=True), complexity, np.full((count, 1), 30.0)])
    values = {"e1": 1e4, "reward_max": 40.0, "x_max": 20.0, **values}
    return Market.read(torch.from_numpy(contexts), ContractParameters(types=types, **values))


def solved(market, served=None):
    """Return the least cost of serving types 1..served, by the general solver."""
    return [everybody_signs(p[:served], c[:served], 5.0, market.terms.z2, 20.0)
            for p, c in zip(market.share.numpy(), market.cost.numpy(), strict=True)]


def ironed(market):
    """Return where the first-order condition alone would make a faster contract follow a slower one."""
    ratio = market.share / virtual_cost(market)
    return (ratio.diff(dim=1) > 1e-9).any(1)


# --- the optimum ------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("types", [2, 3, 5, 10])
def test_the_closed_form_agrees_with_a_general_solver_on_three_hundred_markets(types):
    market = wild_markets(types, 300, seed=types)
    best, served, speed, _ = best_menu(market)
    assert torch.equal(served, torch.full((300,), types))
    truth = solved(market)
    known = np.array([one is not None for one in truth])
    assert known.mean() > 0.98
    found = (market.share.sum(1) * market.blind - best).numpy()
    np.testing.assert_allclose(found[known], [one for one in truth if one is not None], atol=2e-7)
    pooled = ironed(market)
    assert bool((speed[pooled].diff(dim=1) <= 0).all())
    assert types == 2 or int(pooled.sum()) > 100  # instances that need ironing


@pytest.mark.parametrize("z2", [0.5, 2.0])
def test_other_exponents_agree_with_a_general_solver(z2):
    market = wild_markets(4, 20, seed=3, z2=z2)
    best = best_menu(market)[0]
    truth = solved(market)
    np.testing.assert_allclose((market.share.sum(1) * market.blind - best).numpy(), truth, atol=1e-6)


def test_two_types_by_hand():
    market = Market.read(torch.tensor([[0.5, 0.5, 20.0, 60.0, 30.0]]), ContractParameters())
    best, served, speed, reward = best_menu(market)
    assert virtual_cost(market)[0].tolist() == pytest.approx([10, 50])
    assert speed[0].tolist() == pytest.approx([5**0.5, 1.0])  # sqrt(100 * .5 / 10); sqrt(100 * .5 / 50) = 1
    assert reward[0].tolist() == pytest.approx([3 + 5**0.5 - 1, 3.0])
    assert float(best) == pytest.approx(10 - 0.5 * (5 / 5**0.5 + 2 + 5**0.5) - 0.5 * 8)
    assert int(served) == 2


@pytest.mark.parametrize("e1", [0.0, 0.05, 0.2, 30.0])
def test_how_many_types_to_serve_is_decided_by_what_they_bring(e1):
    market = wild_markets(4, 12, seed=5, e1=e1)
    best, served, speed, reward = best_menu(market)
    values = [nobody(market)]
    for k in range(1, 5):
        costs = torch.tensor(solved(market, k))
        rest = (market.share * (market.blind - market.lost))[:, k:].sum(1)
        values.append(market.share[:, :k].sum(1) * market.blind - costs + rest)
    truth, number = torch.stack(values).max(0)
    torch.testing.assert_close(best, truth, atol=1e-6, rtol=0)
    assert torch.equal(served, number)
    torch.testing.assert_close(gain(market, sign(market, *aligned(market, served, speed, reward))), best, atol=1e-3,
                               rtol=0)


@given(SEEDS, TYPES, st.floats(0.0, 0.3))
def test_no_menu_beats_the_bound(seed, types, size):
    """Menus around the best, lowered within the tolerance of choice and beyond."""
    market, generator = wild_markets(types, 40, seed % 1000), torch.Generator().manual_seed(seed)
    best, _, speed, reward = best_menu(market)
    for scale in (size, 1e-6, 5e-7):
        noise = scale * torch.randn(2, 40, types, generator=generator).double()
        for x, r in ((speed + noise[0], reward + noise[1]), (speed, reward - 1e-6), (speed, reward - scale)):
            assert bool((gain(market, sign(market, x.clamp_min(1), r)) <= best + indifference(market) + 1e-12).all())
    assert float(indifference(market).max()) < 2e-6 * (types + 1)


def test_the_virtual_complexity_of_the_second_type_by_hand():
    market = Market.read(torch.tensor([[0.5, 0.5, 20.0, 60.0, 30.0]]), ContractParameters())
    assert log_rent(market)[0].tolist() == pytest.approx([0.0, np.log(100 / 60)])


# --- monotone regression ----------------------------------------------------------------------------------------------
@given(SEEDS, st.integers(1, 12))
def test_antitonic_regression_agrees_with_the_library(seed, size):
    generator = np.random.default_rng(seed)
    weight, value = generator.uniform(0.1, 3, (3, size)), generator.uniform(0, 5, (3, size))
    found = antitonic(torch.from_numpy(value * weight), torch.from_numpy(weight))
    truth = [isotonic_regression(v, weights=w, increasing=False).x for v, w in zip(value, weight, strict=True)]
    np.testing.assert_allclose(found, truth, atol=1e-12)


@given(SEEDS, TYPES)
def test_rewards_leave_the_last_type_nothing_and_neighbours_indifferent(seed, types):
    market = wild_markets(types, 10, seed)
    speed = best_speeds(market, types)
    rational, compatible = slacks(sign(market, speed, best_rewards(market, speed, types)).payoffs)
    torch.testing.assert_close(rational[:, -1], torch.zeros(10).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(compatible.diagonal(1, 1, 2), torch.zeros(10, types - 1).double(), atol=1e-12, rtol=0)
    assert float(compatible.min()) > -1e-12


# --- menus on the grid ------------------------------------------------------------------------------------------------
@given(SEEDS, TYPES)
def test_best_menus_keep_their_gain_through_float32(seed, types):
    market = wild_markets(types, 20, seed)
    best, served, speed, reward = best_menu(market)
    x, r = aligned(market, served, speed, reward)
    for values in (x, r):
        assert torch.equal(values.float().double(), values)
        assert torch.equal((values / GRID).round() * GRID, values)
    rational, compatible = slacks(sign(market, x, r).payoffs)
    assert float(rational.min()) >= 0
    assert float(compatible.min()) > -1e-12
    found = gain(market, sign(market, x.float().double(), r.float().double()))
    assert bool((best - found <= 1e-4 * (market.blind - best)).all())  # relative to what the client pays


@given(SEEDS, TYPES, st.floats(0.0, 0.5), st.floats(0.0, 1e-3))
def test_aligning_respects_margins(seed, types, rational, compatible):
    market = wild_markets(types, 10, seed)
    speed = torch.linspace(15, 2, types).double().expand(10, -1)
    x, r = aligned(market, torch.full((10,), types), speed, torch.zeros_like(speed), rational, compatible)
    own, other = slacks(sign(market, x, r).payoffs)
    assert float(own.min()) >= rational - 1e-12
    merged = (x.diff(dim=1) == 0).any(1)
    other = other + torch.eye(types) * 10
    assert bool((other.flatten(1).amin(1) >= compatible - 1e-12)[~merged].all())


@given(SEEDS, TYPES, st.sampled_from([5.0, 5.5, 10.0, 40.0]))
def test_any_menu_becomes_a_valid_one_within_bounds_and_valid_ones_stay(seed, types, reward_max):
    scenario, generator = Contract.create(types=types, reward_max=reward_max), torch.Generator().manual_seed(seed)
    contexts = scenario.draw_contexts(12, generator)
    market, bounds = scenario.market(contexts), scenario.parameters
    speed, reward = scenario.initial_state(contexts, generator).double().split(types, 1)
    x, r = valid(market, speed, reward)
    rational, compatible = slacks(sign(market, x, r).payoffs)
    assert float(rational.min()) >= 0
    assert float(compatible.min()) > -1e-12
    assert 1 <= float(x.min()) <= float(x.max()) <= bounds.x_max
    assert 0 <= float(r.min()) <= float(r.max()) <= bounds.reward_max
    again = valid(market, x, r)
    torch.testing.assert_close(torch.cat(again), torch.cat([x, r]), atol=3 * types * GRID, rtol=0)


@given(st.floats(1e-6, 100))
def test_coins(value):
    value = torch.tensor([value], dtype=torch.float64)
    assert value - GRID < down(value) <= value <= up(value) < value + GRID
