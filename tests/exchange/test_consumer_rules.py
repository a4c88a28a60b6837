from pathlib import Path

import numpy as np
import pytest

from aign.errors import DatasetError
from aign.exchange.consumer_rules import check_spaces, exported_actions
from aign.scenarios.core import registry
from aign.scenarios.core.environments import action_space, observation_space

ASP = registry.create("asp-selection", providers=3, tasks=4)
WATER = registry.create("water-filling", channels=2)


def checked(scenario, observations=None, actions=None, length=(2, 1)):
    """Check two episodes, drawn from the spaces where not given."""
    seen, space = observation_space(scenario), action_space(scenario)
    seen.seed(0)
    space.seed(0)
    steps = scenario.horizon
    drawn = (np.stack([[seen.sample() for _ in range(steps + 1)] for _ in range(2)]),
             np.stack([[space.sample() for _ in range(steps)] for _ in range(2)]))
    check_spaces(scenario, Path("data"), np.array([7, 9]), drawn[0] if observations is None else observations(drawn[0]),
                 drawn[1] if actions is None else actions(drawn[1]), np.array(length))


def test_the_number_of_a_choice_is_the_place_of_its_largest_score():
    scores = np.float32([[[0, 0, 1], [1, 0, 0]], [[-3, -2, -2.5], [0, 0, 0]]])
    actions = exported_actions(ASP, scores)
    assert actions.dtype == np.int64
    assert actions.tolist() == [[2, 0], [1, 0]]


def test_action_values_are_exported_as_they_are():
    values = np.float32([[[0.5, -1.0]]])
    assert exported_actions(WATER, values) is values


@pytest.mark.parametrize("scenario", [ASP, WATER], ids=["choices", "values"])
def test_values_of_the_spaces_are_accepted(scenario):
    checked(scenario)


def test_what_follows_an_episodes_end_is_not_looked_at():
    def padded(actions):
        actions[1, 1:] = 99
        return actions
    checked(ASP, actions=padded)
    with pytest.raises(DatasetError, match=r"data: episode in row 9, step 1: the action 99 \(int64\) is not in Discr"):
        checked(ASP, actions=padded, length=(2, 2))


@pytest.mark.parametrize(("change", "what"), [
    (lambda actions: actions.astype(np.float32), "float32"),  # what was exported before: no number of a choice
    (lambda actions: -1 - actions, "int64"), (lambda actions: actions + 3, "int64")])
def test_what_is_no_choice_is_refused(change, what):
    with pytest.raises(DatasetError, match=rf"row 7, step 0: the action .* \({what}\) is not in Discrete"):
        checked(ASP, actions=change)


def test_one_hot_rows_are_no_choices():
    with pytest.raises(DatasetError, match=r"is not in Discrete\(3\)"):
        checked(ASP, actions=lambda actions: np.eye(3, dtype=np.int64)[actions])


def test_another_type_than_the_spaces_is_refused():
    with pytest.raises(DatasetError, match=r"the observation .* \(float64\) is not in Box"):
        checked(WATER, observations=lambda seen: seen.astype(np.float64))


@pytest.mark.parametrize("value", [1.5, -1.5, np.nan])
def test_the_first_value_at_fault_is_named(value):
    def change(actions):
        actions[1, 0, 1] = value
        return actions
    with pytest.raises(DatasetError, match=r"row 9, step 0: the action"):
        checked(WATER, actions=change)
