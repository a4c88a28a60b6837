"""Settings that no network, or not this one, can be trained or sampled with."""

import subprocess
import sys

import pytest

from aign.diffusion import fit
from aign.diffusion.fit import entity_widths
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.errors import ParameterError
from aign.scenarios.core import registry

FIVE = registry.create("power-allocation", users=5)


@pytest.mark.parametrize(("window", "stride"), [(3, 2), (13, 1), (14, 2)])
def test_a_window_fits_episode_and_stride(matching, make_settings, window, stride):
    with pytest.raises(ParameterError, match=rf"train.window = {window}: it must be a multiple of train.stride = "
                                             rf"{stride}, and at most the 12 steps"):
        fit.check(matching.store.scenario, make_settings(window=window, stride=stride))


def test_a_design_needs_the_whole_episode(dataset, make_settings):
    with pytest.raises(ParameterError, match=r"train.window = 4: a design of water-filling is the last state"):
        fit.check(dataset.scenario, make_settings(window=4))


def test_choices_belong_to_no_user(matching, make_settings):
    settings = make_settings(window=4, network=NetworkSettings(kind="set"))
    with pytest.raises(ParameterError, match="matching chooses one of 4"):
        fit.check(matching.store.scenario, settings)


def test_features_that_belong_to_nobody_are_refused():
    scenario = registry.create("power-allocation", users=3, base_stations=2)
    assert entity_widths(scenario, scenario.fixed_features) == [2]
    odd = registry.create("power-allocation", users=4).fixed_features
    with pytest.raises(ParameterError, match=r"log_gain cannot be divided among them. Use kind: temporal"):
        entity_widths(scenario, odd)


def test_a_set_network_needs_values_of_users():
    fit.check(FIVE, TrainSettings(network=NetworkSettings(kind="set")))
    market = registry.create("contract", types=2)
    odd = registry.create("power-allocation", users=3, base_stations=2)
    fit.check(odd, TrainSettings(network=NetworkSettings(kind="set")))
    fit.check(market, TrainSettings(network=NetworkSettings(kind="set")))
    market.agents = 3
    with pytest.raises(ParameterError, match="contract has 3 decision makers, and 2 values of speed"):
        fit.check(market, TrainSettings(network=NetworkSettings(kind="set")))


def test_several_datasets_need_a_set_network():
    fit.check(FIVE, TrainSettings(network=NetworkSettings(kind="set")), datasets=2)
    with pytest.raises(ParameterError, match="kind = temporal: learning from 2 datasets"):
        fit.check(FIVE, TrainSettings(), datasets=2)


def test_held_out_pairs_name_labels():
    fit.check(FIVE, TrainSettings(never_together=(("min_rate", "max_power"),)))
    with pytest.raises(ParameterError, match=r"train\.never_together\[0\]\[1\]: Unknown label 'max_pwer'.*'max_power'"):
        fit.check(FIVE, TrainSettings(never_together=(("min_rate", "max_pwer"),)))


def test_checking_loads_no_library_of_diffusion():
    script = ("import sys; import aign.diffusion.fit, aign.agents.fit; "
              "print(bool({'diffusers', 'stable_baselines3'} & set(sys.modules)))")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
