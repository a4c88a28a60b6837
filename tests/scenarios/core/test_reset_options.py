"""Episodes begin where the options of `reset` say, for every scenario; what cannot be a beginning is refused."""

import numpy as np
import pytest
import torch

from aign.errors import ContextError, ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.environments import ScenarioEnv, ScenarioVectorEnv

WATER = {"scenario": "water-filling", "channels": 3, "budget": 2.0}
CONTEXT = [1.0, 1.5, 0.5]


def scenario_of(name):
    fields = registry.scenario_class(name).Parameters.model_fields
    return registry.create(name, **{field: 12 for field in ("tasks",) if field in fields})


def refused(state, scenario=WATER, context=CONTEXT):
    with pytest.raises(ParameterError) as caught:
        ScenarioEnv(**scenario).reset(options={"context": context, "state": state})
    return str(caught.value)


@pytest.mark.parametrize("name", registry.names())
def test_every_first_state_of_a_scenario_can_be_given(name):
    scenario, generator = scenario_of(name), torch.Generator().manual_seed(3)
    contexts = scenario.draw_contexts(8, generator)
    states = scenario.initial_state(contexts, generator)
    observed = scenario.observe(contexts, states, 0)
    options = {"context": contexts.numpy(), "state": observed[:, :scenario.state_size].numpy()}
    envs = ScenarioVectorEnv(scenario, num_envs=8)
    np.testing.assert_array_equal(envs.reset(seed=0, options=options)[0], observed)
    single = ScenarioEnv(scenario)
    first, _ = single.reset(seed=9, options={key: values[5] for key, values in options.items()})
    np.testing.assert_array_equal(first, observed[5])
    elsewhere = not np.array_equal(ScenarioVectorEnv(scenario, num_envs=8).reset(
        options={"context": contexts.numpy()})[0], observed)
    assert elsewhere == (scenario.generation == "whole-plan")  # sequential episodes begin in one state only


def test_the_first_step_is_taken_from_the_given_state():
    env = ScenarioEnv(**WATER)
    env.reset(options={"context": CONTEXT, "state": [0.25, 0.5, 0.75]})
    observation, reward, *_ = env.step(np.zeros(3, np.float32))
    np.testing.assert_array_equal(observation[:3], np.float32([0.25, 0.5, 0.75]))
    assert reward == 0.0


def test_a_state_holds_for_one_episode_and_a_drawn_context_will_do():
    env = ScenarioEnv(**WATER)
    assert env.reset(seed=1, options={"state": [0.25, 0.5, 0.75]})[0][:3].tolist() == [0.25, 0.5, 0.75]
    assert env.reset(seed=1)[0][:3].tolist() == [0.0, 0.0, 0.0]


def test_one_state_serves_all_networks_and_what_was_handed_in_is_copied():
    envs, state = ScenarioVectorEnv(**WATER, num_envs=2), np.float32([0.25, 0.5, 0.75])
    first, _ = envs.reset(seed=0, options={"state": state})
    assert first[:, :3].tolist() == [[0.25, 0.5, 0.75]] * 2
    state[:] = 1.0
    assert envs.step(np.zeros((2, 3), np.float32))[0][:, :3].tolist() == [[0.25, 0.5, 0.75]] * 2


def test_the_automatic_reset_begins_in_the_usual_state():
    envs = ScenarioVectorEnv(**WATER, num_envs=2)
    envs.reset(seed=0, options={"state": [0.25, 0.5, 0.75]})
    for _ in range(envs.scenario.horizon + 1):
        observation, *_ = envs.step(np.zeros((2, 3), np.float32))
    assert observation[:, :3].tolist() == [[0.0] * 3] * 2


def test_a_state_of_the_wrong_size_is_refused_with_what_is_needed():
    assert "given shape (1, 2); allowed: (1, 3) (3 x power [W])" in refused([0.0, 0.0])
    with pytest.raises(ParameterError, match=r"given shape \(3, 3\); allowed: \(1, 3\) or \(2, 3\)"):
        ScenarioVectorEnv(**WATER, num_envs=2).reset(options={"state": np.zeros((3, 3))})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(value):
    assert "infinite or no number" in refused([0.0, value, 0.0])


@pytest.mark.parametrize("option", ["context", "state"])
def test_what_is_no_array_is_refused(option):
    with pytest.raises((ContextError, ParameterError), match=f"Option '{option}': given 'idle'; allowed: an array"):
        ScenarioEnv(**WATER).reset(options={"context": CONTEXT, "state": [0.0] * 3} | {option: "idle"})


def test_a_design_that_is_not_admissible_is_refused_with_the_nearest_one():
    said = refused([2.0, 0.5, 0.0])
    assert "Option 'state', network 0: power[0] = 2 W; the nearest first state has 1.75 there" in said


def test_a_level_between_two_is_refused():
    scenario = registry.create("power-allocation", users=2)
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(0))[0].numpy()
    env = ScenarioEnv(scenario)
    env.reset(options={"context": context, "state": [0.0, 3.0]})
    with pytest.raises(ParameterError, match=r"\[1\] = 3\.4 .*; the nearest first state has 3 there"):
        env.reset(options={"context": context, "state": [0.0, 3.4]})


def test_followers_answers_must_be_those_to_the_prices():
    scenario = registry.create("stackelberg", devices=5)
    env = ScenarioEnv(scenario)
    observation, info = env.reset(seed=2)
    state = observation[:scenario.state_size].copy()
    env.reset(options={"context": info["context"], "state": state})
    state[-1] = 1.0 - state[-1]
    with pytest.raises(ParameterError, match=r"share\[\d\] = .*the nearest first state has"):
        env.reset(options={"context": info["context"], "state": state})


@pytest.mark.parametrize("name", [name for name, kind in registry.scenarios().items()
                                  if kind.generation != "whole-plan"])
def test_a_sequential_episode_cannot_begin_in_its_middle(name):
    """What has added up and what still runs is not observed, so no state but the first can be made of what is."""
    env = ScenarioEnv(scenario_of(name))
    _, info = env.reset(seed=4)
    action = env.action_space.sample() if env.scenario.choices is None else 0
    later, *_ = env.step(action)
    with pytest.raises(ParameterError, match="the nearest first state has"):
        env.reset(options={"context": info["context"], "state": later[:env.scenario.state_size]})


def test_unknown_options_are_refused():
    with pytest.raises(ParameterError, match="Did you mean 'state'"):
        ScenarioEnv(**WATER).reset(options={"states": [0.0] * 3})
