"""What is found out of an environment before it is used."""

import numpy as np
import pytest
import toy_worlds  # registers the toys

from aign.errors import ParameterError
from aign.scenarios.gymnasium.labels import LabelParameters
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.trial import MEASURED_SEEDS, bounds, check_reproducible, random_observations

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


def test_a_whole_episode_is_compared_and_the_step_is_named():
    check_reproducible(maker("toy/Late-v0", '{"held": 101}'), 100)
    with pytest.raises(ParameterError, match=r"Late-v0 goes differently although .* \(first in step 100\)"):
        check_reproducible(maker("toy/Late-v0", '{"held": 100}'), 100)


def test_an_episode_that_depends_on_others_under_way_is_refused():
    with pytest.raises(ParameterError, match=r"GlobalRandom-v0 goes differently while another one is under way "
                                             r"\(first in step 1\).*random.seed"):
        check_reproducible(maker("toy/GlobalRandom-v0"), 8)


def test_labels_are_compared_too():
    check_reproducible(maker("toy/Faulty-v0"), 8, (("x", LabelParameters(info="load")),))
    with pytest.raises(ParameterError, match=r"Faulty-v0 goes differently although .* \(first in step 1\)"):
        check_reproducible(maker("toy/Faulty-v0"), 8, (("x", LabelParameters(function="toy_worlds:drawn")),))


def test_a_fault_late_in_the_episode_is_found_at_once():
    with pytest.raises(ParameterError, match=r"Faulty-v0, step 3 with seed 0: labels\.x: function toy_worlds:raised"):
        check_reproducible(maker("toy/Faulty-v0"), 8, (("x", LabelParameters(function="toy_worlds:raised")),))


def test_stated_bounds_are_kept():
    assert bounds(maker("toy/Corridor-v0"), 5) == ((0, 0, -20), (1, 1, 20))


def test_missing_bounds_are_measured_with_a_margin():
    low, high = bounds(maker("toy/Switches-v0"), 3)
    seen = np.concatenate([random_observations(maker("toy/Switches-v0"), seed, 3) for seed in range(MEASURED_SEEDS)])
    span = seen.max(0) - seen.min(0)
    np.testing.assert_allclose(low, seen.min(0) - span / 2)
    np.testing.assert_allclose(high, seen.max(0) + span / 2)


def test_cart_pole_has_bounds_on_two_of_its_four_values():
    low, high = bounds(maker("CartPole-v1"), 500)
    assert (low[0], high[0]) == pytest.approx((-4.8, 4.8))
    assert all(np.isfinite([*low, *high]))
    assert low[1] < -1 < 1 < high[1]
