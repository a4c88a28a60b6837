"""The simulator against a double loop over users, and against the numbers the paper publishes."""

import math

import numpy as np
import power_reference as reference
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.power_allocation import physics

SEEDS = st.integers(0, 2**31)
SIZES = [(2, 1), (5, 1), (2, 2), (6, 2), (5, 4)]


def networks(users, stations, seed, count=3):
    generator = torch.Generator().manual_seed(seed)
    gains = reference.spread_gains(count, users, stations, generator, 1e-6, 1.0)
    return gains, torch.randint(0, 41, (count, users), generator=generator).float()


@pytest.mark.parametrize(("users", "stations"), SIZES)
@given(seed=SEEDS)
def test_sinr_rates_and_utility_are_those_of_a_double_loop(users, stations, seed):
    gains, powers = networks(users, stations, seed)
    found = {"sinr": physics.sinr(gains, powers), "rates": physics.rates(gains, powers),
             "log": physics.utility(gains, powers, "log"), "rate": physics.utility(gains, powers, "rate")}
    for row in range(len(gains)):
        plain, levels = reference.as_rows(gains[row], users), powers[row].tolist()
        np.testing.assert_allclose(found["sinr"][row], reference.sinr(plain, levels), rtol=1e-11)
        np.testing.assert_allclose(found["rates"][row], reference.rates(plain, levels), rtol=1e-11)
        for kind in ("log", "rate"):
            assert float(found[kind][row]) == pytest.approx(reference.utility(plain, levels, kind), rel=1e-11)


@pytest.mark.parametrize(("users", "stations"), SIZES)
def test_cross_gains_hold_every_user_at_the_station_that_serves(users, stations):
    gains, _ = networks(users, stations, 0)
    cross = physics.cross_gains(physics.gain_matrix(gains, users))
    assert cross.shape == (3, users, users)
    for row in range(3):
        plain = reference.as_rows(gains[row], users)
        for served in range(users):
            station = int(np.argmax(plain[served]))
            assert cross[row, served].tolist() == [heard[station] for heard in plain]


@pytest.mark.parametrize("stations", [1, 2])
@given(seed=SEEDS)
def test_results_are_double_precision_whatever_goes_in_and_inputs_stay_untouched(stations, seed):
    gains, powers = networks(4, stations, seed)
    exact = physics.utility(gains.double(), powers.double(), "log")
    for contexts, levels in ((gains, powers), (gains, powers.double()), (gains.double(), powers)):
        before = contexts.clone(), levels.clone()
        value = physics.utility(contexts, levels, "log")
        assert value.dtype == torch.float64
        assert torch.equal(value, exact)
        assert torch.equal(before[0], contexts)
        assert torch.equal(before[1], levels)


def test_silent_users_have_rate_zero_and_are_credited_the_floor():
    gains, _ = networks(3, 1, 0)
    silent = torch.zeros(3, 3)
    assert torch.equal(physics.rates(gains, silent), torch.zeros(3, 3, dtype=torch.float64))
    expected = torch.full((3,), 3 * 6.948 * math.log(0.01), dtype=torch.float64)
    torch.testing.assert_close(physics.utility(gains, silent, "log"), expected)
    assert torch.equal(physics.utility(gains, silent, "rate"), torch.zeros(3, dtype=torch.float64))


# --- published numbers ------------------------------------------------------------------------------------------------
def test_the_two_user_utilities_of_the_paper():
    designs = torch.tensor([[0.0, 0.0], [28.0, 31.0], [28.0, 32.0]])
    value = physics.utility(torch.tensor([2.8e-3, 3.5e-4]).expand(3, -1), designs, "log")
    assert float(value[0]) == pytest.approx(-63.993, abs=6e-4)
    np.testing.assert_allclose(value[1:], [26.1009, 26.0974], atol=6e-5, rtol=0)


@pytest.mark.parametrize(("users", "utility", "level"), [(20, 254.09, 20), (50, 488.98, 15), (80, 632.65, 12)])
def test_the_best_common_level_and_its_utility_for_many_equal_users(users, utility, level):
    designs = torch.arange(41.0)[:, None].expand(-1, users)
    value = physics.utility(torch.full((41, users), physics.MEAN_GAIN), designs, "log")
    assert int(value.argmax()) == level
    assert float(value.max()) == pytest.approx(utility, abs=0.006)


# --- thresholds as SINR -----------------------------------------------------------------------------------------------
LABELS = {"min_rate": physics.shannon, "min_sinr_db": physics.decibels}


@given(st.sampled_from(sorted(LABELS)), st.floats(-60, 4000))
def test_the_target_is_the_least_float_whose_label_reaches_the_threshold(label, threshold):
    if label == "min_rate" and threshold < 1e-6:
        assert threshold > 0 or physics.sinr_target(label, threshold) == 0
        return
    if label == "min_sinr_db":
        threshold /= 10
    target = torch.tensor([physics.sinr_target(label, threshold)], dtype=torch.float64)
    below = torch.nextafter(target, torch.zeros_like(target))
    assert float(LABELS[label](target)) >= threshold > float(LABELS[label](below))
    closed_form = 2 ** (threshold / 423.1) - 1 if label == "min_rate" else 10 ** (threshold / 10)
    assert float(target) == pytest.approx(closed_form, rel=1e-8)


@given(st.sampled_from(sorted(LABELS)), SEEDS)
def test_a_network_reaches_the_threshold_taken_from_its_own_label(label, seed):
    gains, powers = networks(3, 1, seed, count=1)
    ratio = physics.sinr(gains, powers.clamp_min(1)).amin(dim=1)
    assert physics.sinr_target(label, float(LABELS[label](ratio))) <= float(ratio)


@pytest.mark.parametrize(("label", "threshold"), [("min_rate", 0.0), ("min_rate", -3.0), ("min_sinr_db", -100.0),
                                                  ("min_sinr_db", -1e6)])
def test_what_silence_meets_asks_for_no_sinr(label, threshold):
    assert physics.sinr_target(label, threshold) == 0
    assert float(LABELS[label](torch.zeros(1, dtype=torch.float64))) >= threshold


@pytest.mark.parametrize(("label", "threshold"), [("min_rate", 1e6), ("min_sinr_db", 1e5)])
def test_what_no_float_reaches_asks_for_infinite_sinr(label, threshold):
    assert physics.sinr_target(label, threshold) == math.inf
