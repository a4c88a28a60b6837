"""Closed-form rules by their formulas, coordinate ascent by what it promises."""

import numpy as np
import power_reference as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.scenarios.power_allocation import heuristics, physics

SEEDS = st.integers(0, 2**31)
KINDS = st.sampled_from(["log", "rate"])


def gains(users, stations=1, seed=0, count=4):
    return reference.spread_gains(count, users, stations, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("stations", [1, 2])
def test_the_serving_gain_is_the_largest(stations):
    contexts = gains(5, stations)
    expected = contexts.double().reshape(4, 5, stations).amax(dim=2)
    assert torch.equal(heuristics.serving_gain(contexts, 5), expected)


def test_gain_blind_rules_give_everybody_one_level():
    assert torch.equal(heuristics.full_power(gains(5), 5), torch.full((4, 5), 40.0))
    assert torch.equal(heuristics.noise_limited(gains(5), 5), torch.full((4, 5), 31.0))


def test_the_noise_limited_level_is_optimal_for_a_lone_weak_user():
    # With SINR far below 1 the rate is proportional to power, so alpha ln p - c p is what is left.
    value = [6.948 * np.log(level) - 0.2206 * level for level in range(1, 41)]
    assert 1 + int(np.argmax(value)) == 31


@pytest.mark.parametrize("stations", [1, 2])
@pytest.mark.parametrize(("rule", "exponent"), [("channel_inversion", 1.0), ("fractional_control", 0.5)])
def test_inversion_rules_compensate_the_path_loss(rule, exponent, stations):
    contexts = gains(5, stations)
    powers = heuristics.CLOSED_FORM[rule](contexts, 5)
    gain = contexts.double().reshape(4, 5, stations).amax(dim=2).numpy()
    np.testing.assert_array_equal(powers, np.round(40 * (gain.min(1, keepdims=True) / gain) ** exponent))
    assert torch.equal(powers.gather(1, torch.tensor(gain).argmin(dim=1, keepdim=True)), torch.full((4, 1), 40.0))


def test_every_rule_returns_whole_admissible_levels():
    for rule in heuristics.CLOSED_FORM.values():
        powers = rule(gains(6, 2), 6)
        assert powers.dtype == torch.float32
        assert torch.equal(powers, powers.round().clamp(0, 40))
    assert set(heuristics.GAIN_BLIND) <= set(heuristics.CLOSED_FORM)


# --- coordinate ascent ------------------------------------------------------------------------------------------------
def start(users, seed, count=4):
    return torch.randint(0, 41, (count, users), generator=torch.Generator().manual_seed(seed)).float()


@settings(max_examples=25)
@given(SEEDS, KINDS, st.sampled_from([1, 2]), st.sampled_from([1, 3, 40]))
def test_ascent_never_worsens_and_stays_admissible(seed, kind, stations, reach):
    contexts, first = gains(4, stations, seed), start(4, seed)
    value = physics.utility(contexts, first, kind)
    for sweeps in (1, 2, 3):
        powers = heuristics.coordinate_ascent(contexts, first, kind, reach=reach, sweeps=sweeps)
        better = physics.utility(contexts, powers, kind)
        assert bool((better >= value).all())
        assert torch.equal(powers, powers.round().clamp(0, 40))
        value = better


@settings(max_examples=10)
@given(SEEDS, KINDS)
def test_at_convergence_no_user_can_gain_alone(seed, kind):
    contexts, first = gains(3, 1, seed), start(3, seed)
    powers = heuristics.coordinate_ascent(contexts, first, kind, sweeps=100)
    value = physics.utility(contexts, powers, kind)
    for user in range(3):
        for level in range(41):
            other = powers.clone()
            other[:, user] = level
            assert bool((physics.utility(contexts, other, kind) <= value + 1e-8 * value.abs()).all())


def test_the_start_is_not_changed_in_place():
    first = start(4, 0)
    before = first.clone()
    heuristics.coordinate_ascent(gains(4), first, "log")
    assert torch.equal(first, before)


@settings(max_examples=20)
@given(SEEDS)
def test_ascent_keeps_to_allowed_designs(seed):
    contexts, budget = gains(4, 1, seed), 30
    first = start(4, seed).clamp(max=7)
    powers = heuristics.coordinate_ascent(contexts, first, "log", allowed=lambda _, p: p.sum(dim=1) <= budget)
    assert bool((powers.sum(dim=1) <= budget).all())
    assert bool((physics.utility(contexts, powers, "log") >= physics.utility(contexts, first, "log")).all())


def test_from_a_forbidden_start_ascent_moves_to_an_allowed_design():
    powers = heuristics.coordinate_ascent(gains(2, count=1), torch.tensor([[40.0, 10.0]]), "log",
                                          allowed=lambda _, p: p.sum(dim=1) <= 30)
    assert float(powers.sum()) <= 30
