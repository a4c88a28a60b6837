"""Flat vectors against the spaces they stand for."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.scenarios.gymnasium.spaces import actions_of, observed_bounds

SPACES = [
    spaces.Discrete(4, start=-2),
    spaces.Box(np.array([[0, -10]], np.float32), np.array([[1, 30]], np.float32)),
    spaces.Box(-3, 4, (2,), np.int64),
    spaces.MultiDiscrete([2, 3, 1], start=[0, 5, 9]),
    spaces.MultiDiscrete(np.array([[2, 3], [4, 2]])),
    spaces.MultiBinary([2, 2]),
]
finite = st.floats(-1, 1, width=32)


def decision_of(actions, values):
    """The decision a scenario makes of action values."""
    if actions.choices is not None:
        return np.array([values.argmax()], np.float32)
    return actions.applied(torch.from_numpy(values)[None]).numpy()[0]


@pytest.mark.parametrize("space", SPACES, ids=str)
@given(data=st.data())
def test_every_vector_is_an_action_of_the_space(space, data):
    actions = actions_of(space, "x")
    values = np.array(data.draw(st.lists(finite, min_size=actions.size, max_size=actions.size)), np.float32)
    assert actions.decode(decision_of(actions, values)) in space


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_an_action_comes_back_from_its_vector(space):
    actions = actions_of(space, "x")
    space.seed(0)
    for _ in range(50):
        action = space.sample()
        values = actions.encode(action)
        assert values.shape == (actions.size,)
        assert np.abs(values).max() <= 1 + 1e-6
        np.testing.assert_allclose(actions.decode(decision_of(actions, values)), action, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("space", SPACES[1:], ids=str)
def test_what_takes_effect_stays_as_it_is_in_any_batch(space):
    actions = actions_of(space, "x")
    values = torch.rand(7, actions.size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    once = actions.applied(values)
    assert torch.equal(actions.applied(once), once)
    assert torch.equal(torch.cat([actions.applied(row[None]) for row in values]), once)


def test_the_ends_of_a_range_are_the_bounds():
    actions = actions_of(SPACES[1], "x")
    for value, ends in ((-1, [[0, -10]]), (0, [[0.5, 10]]), (1, [[1, 30]])):
        np.testing.assert_array_equal(actions.decode(np.full(2, value, np.float32)), np.array(ends, np.float32))


def test_the_first_of_equal_scores_decides():
    actions = actions_of(SPACES[3], "x")
    assert actions.size == 6
    assert actions.decode(np.zeros(6, np.float32)).tolist() == [0, 5, 9]
    assert actions.decode(np.array([0, 1, 0, 0, 1, 0], np.float32)).tolist() == [1, 7, 9]
    assert actions.applied(torch.tensor([[0, 0, 0.2, 0.1, 0.2, -1.0]])).tolist() == [[1, -1, 1, -1, -1, 1]]


@pytest.mark.parametrize("space", [spaces.Box(-np.inf, np.inf, (1,)), spaces.Box(0, 3e38, (1,)), spaces.Text(3),
                                   spaces.Dict({"a": spaces.Discrete(2)}), spaces.Box(0, 1, (5000,))], ids=str)
def test_other_actions_are_refused(space):
    with pytest.raises(ParameterError, match=r"actions of some-env are .*Allowed: Discrete"):
        actions_of(space, "some-env")


def test_bounds_are_those_of_the_flattened_observation():
    low, high = np.array([[-1, -np.inf], [np.inf, 3e38]], np.float32)
    space = spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(low, high)})
    low, high = observed_bounds(space, "x")
    assert low.tolist() == [0, 0, -1, -np.inf]
    assert high.tolist() == [1, 1, np.inf, np.inf]


@pytest.mark.parametrize(("space", "said"), [(spaces.Sequence(spaces.Discrete(2)), "cannot be flattened"),
                                             (spaces.Box(0, 255, (80, 80), np.uint8), r"\(6400,\) values")])
def test_other_observations_are_refused(space, said):
    with pytest.raises(ParameterError, match=f"some-env are .*{said}"):
        observed_bounds(space, "some-env")
