"""Episodes behind Gymnasium environments: what they refuse, and that their arrays are the caller's own."""

import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from sequences import Calls

from aign.errors import ParameterError
from aign.scenarios.core.array_episode import ArrayEpisode
from aign.scenarios.water_filling import WaterFilling

SCENARIO = WaterFilling.create(channels=3, budget=2.0)


def started(scenario, contexts, render_mode=None):
    episode = ArrayEpisode(scenario, render_mode, {})
    episode.start([np.random.default_rng(0)] * len(contexts), {"context": contexts.numpy()})
    return episode


@pytest.fixture
def episode():
    return started(SCENARIO, SCENARIO.draw_contexts(4, torch.Generator().manual_seed(0)), "rgb_array")


def test_no_step_can_be_taken_after_the_end(episode):
    for _ in range(SCENARIO.horizon):
        assert not episode.ended
        episode.advance(np.zeros((4, 3)))
    assert episode.ended
    with pytest.raises(ResetNeeded):
        episode.advance(np.zeros((4, 3)))


def test_information_is_of_the_current_design(episode):
    episode.advance(np.ones((4, 3)))
    information = episode.information()
    assert set(information) == {label.name for label in SCENARIO.labels} | {"utility", "context"}
    np.testing.assert_allclose(information["total_power"], 1.5, rtol=1e-5)  # three channels, half a watt each
    current = episode.current("step")
    np.testing.assert_array_equal(information["utility"], SCENARIO.utility(current.contexts, current.states))


def test_what_is_handed_out_can_be_overwritten_without_harm(episode):
    before = episode.observation(), episode.information()
    episode.observation()[:] = np.nan
    for values in episode.information().values():
        values[:] = np.nan
    np.testing.assert_array_equal(episode.observation(), before[0])
    for name, values in episode.information().items():
        np.testing.assert_array_equal(values, before[1][name])


def test_what_is_handed_in_is_copied(episode):
    actions = np.ones((4, 3), np.float32)
    episode.advance(actions)
    first = episode.current("step").states.clone()
    actions[:] = -1
    assert torch.equal(episode.current("step").states, first)


@pytest.mark.parametrize("actions", [np.zeros(3), np.zeros((4, 2)), np.zeros((3, 3)), np.zeros((4, 3, 1))])
def test_actions_of_the_wrong_shape_are_refused(episode, actions):
    with pytest.raises(ParameterError, match=r"given shape .*allowed: shape \(4, 3\)"):
        episode.advance(actions)
    assert episode.current("step").time == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_actions_that_are_no_numbers_are_refused(episode, value):
    actions = np.zeros((4, 3))
    actions[2, 1] = value
    with pytest.raises(ParameterError, match="not a number, or infinite"):
        episode.advance(actions)


def test_nothing_can_be_done_before_the_start():
    with pytest.raises(ResetNeeded):
        ArrayEpisode(SCENARIO, None, {}).advance(np.zeros((4, 3)))
    with pytest.raises(ResetNeeded):
        ArrayEpisode(SCENARIO, None, {}).picture(0)


def test_the_picture_changes_with_the_design(episode):
    empty = episode.picture(1)
    episode.advance(np.ones((4, 3)))
    assert empty.dtype == np.uint8
    assert empty.shape[2] == 3
    assert not np.array_equal(episode.picture(1), empty)


# --- choices ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def calling():
    return started(Calls.create(numbers=4), torch.tensor([[0.0, 1, 2, 3, 0, 1], [2, 2, 2, 2, 2, 2]]))


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_the_number_of_a_choice_is_that_choice(calling, kind):
    assert calling.advance(np.array([0, 1], kind)).tolist() == [1, -0.5]
    assert calling.advance(np.array([1, 2], kind)).tolist() == [1, 1]
    assert calling.information()["hits"].tolist() == [2, 1]


@pytest.mark.parametrize("actions", [[0], [[0], [1]], [0, 4], [-1, 0], [0.0, 1.0]])
def test_what_is_no_choice_is_refused(calling, actions):
    with pytest.raises(ParameterError, match=r"calls: given .*; allowed: shape \(2,\) of whole numbers from 0 to 3\."):
        calling.advance(np.array(actions))
