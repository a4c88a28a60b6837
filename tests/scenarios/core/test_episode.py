"""A running episode: what it holds, when it ends, what it refuses, and that its arrays are the caller's own."""

import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from sequences import Calls

from aign.errors import ParameterError
from aign.scenarios.core.episode import Simulation
from aign.scenarios.water_filling import WaterFilling

SCENARIO = WaterFilling.create(channels=3, budget=2.0)


@pytest.fixture
def simulation():
    running = Simulation(SCENARIO, draws=True)
    running.start(SCENARIO.draw_contexts(4, torch.Generator().manual_seed(0)))
    return running


def test_it_ends_after_the_horizon_and_not_before(simulation):
    for _ in range(SCENARIO.horizon):
        assert not simulation.ended
        simulation.advance(np.zeros((4, 3)))
    assert simulation.ended
    with pytest.raises(ResetNeeded):
        simulation.advance(np.zeros((4, 3)))


def test_it_takes_the_steps_of_the_scenario(simulation):
    actions = np.full((4, 3), 0.25, np.float32)
    rewards = simulation.advance(actions)
    state, expected = SCENARIO.step(simulation.contexts, simulation.path[0], torch.tensor(actions))
    assert rewards.tolist() == expected.tolist()
    assert torch.equal(simulation.state, state)
    np.testing.assert_array_equal(simulation.observation(), SCENARIO.observe(simulation.contexts, state, 1))


def test_information_is_of_the_current_design(simulation):
    simulation.advance(np.ones((4, 3)))
    information = simulation.information()
    assert set(information) == {label.name for label in SCENARIO.labels} | {"utility", "context"}
    np.testing.assert_allclose(information["total_power"], 1.5, rtol=1e-5)  # three channels, half a watt each
    np.testing.assert_array_equal(information["utility"], SCENARIO.utility(simulation.contexts, simulation.state))


def test_what_is_handed_out_can_be_overwritten_without_harm(simulation):
    before = simulation.observation(), simulation.information()
    simulation.observation()[:] = np.nan
    for values in simulation.information().values():
        values[:] = np.nan
    np.testing.assert_array_equal(simulation.observation(), before[0])
    for name, values in simulation.information().items():
        np.testing.assert_array_equal(values, before[1][name])


def test_what_is_handed_in_is_copied(simulation):
    actions = np.ones((4, 3), np.float32)
    simulation.advance(actions)
    first = simulation.state.clone()
    actions[:] = -1
    assert torch.equal(simulation.state, first)


@pytest.mark.parametrize("actions", [np.zeros(3), np.zeros((4, 2)), np.zeros((3, 3)), np.zeros((4, 3, 1))])
def test_actions_of_the_wrong_shape_are_refused(simulation, actions):
    with pytest.raises(ParameterError, match=r"given shape .*allowed: shape \(4, 3\)"):
        simulation.advance(actions)
    assert simulation.steps == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_actions_that_are_no_numbers_are_refused(simulation, value):
    actions = np.zeros((4, 3))
    actions[2, 1] = value
    with pytest.raises(ParameterError, match="not a number, or infinite"):
        simulation.advance(actions)


def test_nothing_can_be_done_before_the_start():
    with pytest.raises(ResetNeeded):
        Simulation(SCENARIO).advance(np.zeros((4, 3)))
    with pytest.raises(ResetNeeded):
        Simulation(SCENARIO).picture(0)


def test_only_a_simulation_that_draws_keeps_the_states_it_has_passed(simulation):
    plain, first = Simulation(SCENARIO), simulation.state
    plain.start(simulation.contexts)
    for _ in range(2):
        rewards = [running.advance(np.full((4, 3), 0.5)) for running in (plain, simulation)]
        np.testing.assert_array_equal(*rewards)
    assert torch.equal(plain.state, simulation.state)
    assert plain.path == []
    assert len(simulation.path) == 3
    assert torch.equal(simulation.path[0], first)
    simulation.start(simulation.contexts)
    assert len(simulation.path) == 1


def test_the_picture_changes_with_the_design(simulation):
    empty = simulation.picture(1)
    simulation.advance(np.ones((4, 3)))
    assert empty.dtype == np.uint8
    assert empty.shape[2] == 3
    assert not np.array_equal(simulation.picture(1), empty)


# --- choices ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def calling():
    running = Simulation(Calls.create(numbers=4))
    running.start(torch.tensor([[0.0, 1, 2, 3, 0, 1], [2, 2, 2, 2, 2, 2]]))
    return running


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_the_number_of_a_choice_is_that_choice(calling, kind):
    assert calling.advance(np.array([0, 1], kind)).tolist() == [1, -0.5]
    assert calling.advance(np.array([1, 2], kind)).tolist() == [1, 1]
    assert calling.information()["hits"].tolist() == [2, 1]


@pytest.mark.parametrize("actions", [[0], [[0], [1]], [0, 4], [-1, 0], [0.0, 1.0]])
def test_what_is_no_choice_is_refused(calling, actions):
    with pytest.raises(ParameterError, match=r"calls: given .*; allowed: shape \(2,\) of whole numbers from 0 to 3\."):
        calling.advance(np.array(actions))
