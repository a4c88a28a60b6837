"""What is found out of an environment before it is used."""

import numpy as np
import pytest
import toy_worlds  # registers the toys

from aign.errors import ParameterError
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.trial import MEASURED_SEEDS, bounds, check_reproducible, played

assert toy_worlds.Corridor


def maker(name, options="{}", seed_option=""):
    return Maker(name, "", options, seed_option)


def test_chance_from_elsewhere_than_the_seed_is_refused():
    check_reproducible(maker("toy/Switches-v0"), 4)
    with pytest.raises(ParameterError, match="Switches-v0 goes differently although seed and actions are the same"):
        check_reproducible(maker("toy/Switches-v0", '{"noise": "global"}'), 4)


def test_a_seed_without_effect_is_refused_and_the_remedy_works():
    with pytest.raises(ParameterError, match=r"Stubborn-v0 are the same for every seed.*seed_option"):
        check_reproducible(maker("toy/Stubborn-v0"), 4)
    check_reproducible(maker("toy/Stubborn-v0", seed_option="config.seed"), 4)


def test_stated_bounds_are_kept():
    assert bounds(maker("toy/Corridor-v0"), 5) == ((0, 0, -20), (1, 1, 20))


def test_missing_bounds_are_measured_with_a_margin():
    low, high = bounds(maker("toy/Switches-v0"), 3)
    seen = np.concatenate([played(maker("toy/Switches-v0"), seed, 3) for seed in range(MEASURED_SEEDS)])
    span = seen.max(0) - seen.min(0)
    np.testing.assert_allclose(low, seen.min(0) - span / 2)
    np.testing.assert_allclose(high, seen.max(0) + span / 2)


def test_cart_pole_has_bounds_on_two_of_its_four_values():
    low, high = bounds(maker("CartPole-v1"), 500)
    assert (low[0], high[0]) == pytest.approx((-4.8, 4.8))
    assert all(np.isfinite([*low, *high]))
    assert low[1] < -1 < 1 < high[1]
