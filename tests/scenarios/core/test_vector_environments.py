"""The Gymnasium face of every scenario: Gymnasium's own checker, and vector environment against single ones."""

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines

from aign.errors import ContextError, ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.environments import ScenarioEnv, ScenarioVectorEnv, environment_id, register_all

NAMES = registry.names()
WATER = {"scenario": "water-filling", "channels": 3}


def brief(name):
    """Return arguments that make a scenario with episodes short enough for a test."""
    fields = registry.scenario_class(name).Parameters.model_fields
    return {"scenario": name, **{field: 12 for field in ("tasks",) if field in fields}}


def random_actions(envs, steps, seed=0):
    generator = np.random.default_rng(seed)
    if envs.scenario.choices is not None:
        return generator.integers(envs.scenario.choices, size=(steps, *envs.action_space.shape))
    return generator.uniform(-1, 1, (steps, *envs.action_space.shape)).astype(np.float32)


def play(envs, actions, seed):
    """Return observations, rewards, terminations, truncations, infos of all steps, and the first observation."""
    first, _ = envs.reset(seed=seed)
    return first, [envs.step(action) for action in actions]


# --- Gymnasium's requirements -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_gymnasium_finds_nothing_to_complain_about(name):
    register_all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(environment_id(name), render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("name", NAMES)
def test_stable_baselines_finds_nothing_to_complain_about(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_for_stable_baselines(ScenarioEnv(name))


@pytest.mark.parametrize("name", NAMES)
def test_registered_ids_make_both_kinds(name):
    register_all()
    register_all()
    assert isinstance(gymnasium.make(environment_id(name)).unwrapped, ScenarioEnv)
    envs = gymnasium.make_vec(environment_id(name), num_envs=2)
    assert isinstance(envs, ScenarioVectorEnv)
    assert envs.num_envs == 2
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.scenario.spec() == registry.create(name).spec()


def test_parameters_reach_the_scenario():
    register_all()
    assert gymnasium.make("aign/water-filling-v0", channels=7).action_space.shape == (7,)
    assert gymnasium.make_vec("aign/water-filling-v0", num_envs=2, channels=7).action_space.shape == (2, 7)
    made = ScenarioEnv(registry.create("water-filling", channels=7))
    assert made.observation_space == ScenarioEnv("water-filling", channels=7).observation_space


# --- the vector environment -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_the_batch_is_gymnasiums_own_vector_of_single_environments(name):
    ours, theirs = ScenarioVectorEnv(**brief(name), num_envs=3), SyncVectorEnv([lambda: ScenarioEnv(**brief(name))] * 3)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    actions = random_actions(ours, 2 * ours.scenario.horizon + 4)  # two automatic resets
    (first, steps), (first_of_theirs, steps_of_theirs) = play(ours, actions, 11), play(theirs, actions, 11)
    np.testing.assert_array_equal(first, first_of_theirs)
    for step, expected in zip(steps, steps_of_theirs, strict=True):
        np.testing.assert_allclose(step[0], expected[0], rtol=1e-6)
        np.testing.assert_allclose(step[1], expected[1], rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(step[2], expected[2])
        np.testing.assert_array_equal(step[3], expected[3])
        assert step[4].keys() == expected[4].keys()
        for key, values in step[4].items():
            np.testing.assert_allclose(values, expected[4][key], rtol=1e-6)
            assert values.dtype == expected[4][key].dtype


@pytest.mark.parametrize("name", NAMES)
def test_observations_stay_in_their_bounds_and_have_their_type(name):
    envs = ScenarioVectorEnv(**brief(name), num_envs=16)
    actions = random_actions(envs, envs.scenario.horizon)
    first, steps = play(envs, actions if envs.scenario.choices is not None else np.sign(actions), 5)
    for observation in (first, *(step[0] for step in steps)):
        assert observation in envs.observation_space
    assert {step[1].dtype for step in steps} == {np.dtype(np.float64)}


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_terminates_at_the_horizon_and_starts_anew_in_the_next_step(name):
    envs = ScenarioVectorEnv(**brief(name), num_envs=2)
    horizon, _ = envs.scenario.horizon, envs.reset(seed=0)
    actions = random_actions(envs, horizon + 1)
    *_, last, fresh = [envs.step(action) for action in actions]
    assert last[2].all()
    assert last[0][:, -1].tolist() == [1, 1]
    assert not fresh[2].any()
    assert not fresh[3].any()
    assert fresh[1].tolist() == [0, 0]
    assert fresh[0][:, -1].tolist() == [0, 0]
    assert not np.array_equal(fresh[4]["context"], last[4]["context"])


@pytest.mark.parametrize("name", NAMES)
def test_infos_tell_utility_and_labels_of_the_design(name):
    envs = ScenarioVectorEnv(**brief(name), num_envs=2)
    scenario = envs.scenario
    _, steps = play(envs, random_actions(envs, 3), 0)
    observation, info = steps[-1][0], steps[-1][4]
    context = torch.tensor(info["context"])
    hidden = scenario.generation != "whole-plan"  # totals are not observed
    state = envs._episode.current("step").states if hidden else torch.tensor(observation[:, :scenario.state_size])
    utility, labels = scenario.outcome(context, state)
    np.testing.assert_allclose(info["utility"], utility, rtol=1e-6)
    for label, values in labels.items():
        np.testing.assert_allclose(info[label], values, rtol=1e-6)
        assert info[f"_{label}"].all()


def test_seeds_decide_contexts():
    envs = ScenarioVectorEnv(**WATER, num_envs=3)
    contexts = [envs.reset(seed=seed)[1]["context"] for seed in (4, 5, [4, 5, 6], np.int64(4))]
    np.testing.assert_array_equal(contexts[0], contexts[2])
    np.testing.assert_array_equal(contexts[0], contexts[3])
    np.testing.assert_array_equal(contexts[0][1:], contexts[1][:-1])
    assert len(np.unique(contexts[0], axis=0)) == 3


def test_a_network_without_a_seed_goes_on_drawing():
    envs = ScenarioVectorEnv(**WATER, num_envs=2)
    first = envs.reset(seed=[1, 2])[1]["context"]
    second = envs.reset(seed=[1, None])[1]["context"]
    np.testing.assert_array_equal(first[0], second[0])
    assert not np.array_equal(first[1], second[1])


def test_as_many_seeds_as_networks_are_needed():
    with pytest.raises(ParameterError, match="2 seeds for 3 networks"):
        ScenarioVectorEnv(**WATER, num_envs=3).reset(seed=[1, 2])


# --- fixed contexts ---------------------------------------------------------------------------------------------------
def test_a_given_context_is_used_for_one_episode():
    given = np.array([1.5, 0.5, 0.25], np.float32)
    env = ScenarioEnv(**WATER)
    np.testing.assert_array_equal(env.reset(seed=0, options={"context": given})[1]["context"], given)
    assert not np.array_equal(env.reset()[1]["context"], given)
    envs = ScenarioVectorEnv(**WATER, num_envs=2)
    np.testing.assert_array_equal(envs.reset(options={"context": given})[1]["context"], [given, given])
    both = np.stack([given, given / 2])
    np.testing.assert_array_equal(envs.reset(options={"context": both})[1]["context"], both)


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"context": [1.0, 1.0]}, ContextError, "3 context values"),
    ({"context": [1.0, 1.0, -1.0]}, ContextError, r"gain\[2\] = -1"),
    ({"context": np.ones((3, 3))}, ContextError, "given 3 contexts for 2 networks"),
    ({"contxt": [1.0, 1.0, 1.0]}, ParameterError, "Did you mean 'context'"),
])
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        ScenarioVectorEnv(**WATER, num_envs=2).reset(options=options)


# --- misuse -----------------------------------------------------------------------------------------------------------
def test_a_single_environment_must_be_reset_by_hand():
    env = ScenarioEnv(**WATER)
    env.reset(seed=0)
    for _ in range(env.scenario.horizon):
        *_, terminated, truncated, _ = env.step(np.zeros(3, np.float32))
    assert (terminated, truncated) == (True, False)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(3, np.float32))


@pytest.mark.parametrize("kind", [ScenarioEnv, ScenarioVectorEnv])
def test_wrong_arguments_are_refused(kind):
    with pytest.raises(ParameterError, match="Unknown scenario"):
        kind("water-feeling")
    with pytest.raises(ParameterError, match="channels"):
        kind("water-filling", channels=0)
    with pytest.raises(ParameterError, match="Unknown render mode 'human'"):
        kind("water-filling", render_mode="human")
    with pytest.raises(ParameterError, match="built already"):
        kind(registry.create("water-filling"), channels=3)


def test_a_vector_needs_a_network():
    with pytest.raises(ParameterError, match="given 0"):
        ScenarioVectorEnv("water-filling", num_envs=0)


# --- pictures ---------------------------------------------------------------------------------------------------------
def test_each_network_of_a_vector_is_drawn():
    envs = ScenarioVectorEnv(**WATER, num_envs=2, render_mode="rgb_array")
    envs.reset(seed=0)
    envs.step(np.ones((2, 3), np.float32))
    frames = envs.render()
    single = ScenarioEnv(**WATER, render_mode="rgb_array")
    single.reset(seed=1)
    single.step(np.ones(3, np.float32))
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[1], single.render())
    assert not np.array_equal(frames[0], frames[1])


def test_without_a_render_mode_nothing_is_drawn():
    env, envs = ScenarioEnv(**WATER), ScenarioVectorEnv(**WATER)
    env.reset()
    envs.reset()
    assert env.render() is None
    assert envs.render() is None
