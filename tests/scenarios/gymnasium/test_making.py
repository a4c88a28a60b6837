"""Making environments: options reach them, and everything that can be missing is named."""

import json

import pytest
import toy_worlds  # registers the toys

from aign.errors import ParameterError
from aign.scenarios.gymnasium.making import Maker, function, merge, place


def maker(environment="toy/Corridor-v0", module="", seed_option="", **options):
    return Maker(environment, module, json.dumps(options), seed_option)


def test_options_reach_the_environment_and_leave_what_was_registered():
    assert maker(length=9).make(0).unwrapped.length == 9
    assert maker("toy/Stubborn-v0", config={"new": [1]}).make(0).unwrapped.config == {"kept": 1, "new": [1]}
    assert maker("toy/Stubborn-v0").make(0).unwrapped.config == {"kept": 1}


def test_the_seed_is_written_into_the_options_where_asked():
    made = maker("toy/Stubborn-v0", seed_option="config.seed", config={"new": 2}).make(77)
    assert made.unwrapped.config == {"kept": 1, "new": 2, "seed": 77}


def test_the_limit_of_steps_is_not_the_environments():
    env = maker("toy/Stubborn-v0").make(0)
    env.reset(seed=0)
    assert not any(env.step(env.action_space.sample())[3] for _ in range(20))


@pytest.mark.parametrize(("given", "said"), [
    ({"environment": "CartPol-v1"}, "knows no 'CartPol-v1'.*CartPole-v1.*`module`"),
    ({"environment": "CartPole-v77"}, "knows no 'CartPole-v77'.*CartPole-v1"),
    ({"module": "toy_wurlds"}, "module: 'toy_wurlds' cannot be imported.*pip"),
    ({"wheels": 4}, r"Corridor-v0 cannot be made with options \{'wheels': 4\}: raised TypeError"),
])
def test_what_cannot_be_made_says_why(given, said):
    with pytest.raises(ParameterError, match=said):
        maker(**given).make(0)


def test_a_package_that_is_not_installed_is_asked_for(monkeypatch):
    import gymnasium
    monkeypatch.setattr(gymnasium, "make", lambda *a, **k: (_ for _ in ()).throw(ImportError("No module named 'box'")))
    with pytest.raises(ParameterError, match=r"raised ImportError: No module named 'box'.*Install the package .* pip"):
        maker().make(0)


def test_functions_are_found_by_their_path():
    assert function("toy_worlds:lean", "labels.x") is toy_worlds.lean
    with pytest.raises(ParameterError, match=r"labels.x: module 'toy_worlds' holds no function 'leen'"):
        function("toy_worlds:leen", "labels.x")
    with pytest.raises(ParameterError, match=r"rules.y: 'no_such_place' cannot be imported"):
        function("no_such_place:f", "rules.y")


def test_merging_keeps_what_is_not_given_and_changes_neither():
    registered, given = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}, {"a": {"c": {"f": 4}}, "e": {"g": 5}}
    assert merge(registered, given) == {"a": {"b": 1, "c": {"d": 2, "f": 4}}, "e": {"g": 5}}
    assert registered == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert given == {"a": {"c": {"f": 4}}, "e": {"g": 5}}


def test_a_seed_has_no_place_inside_a_number():
    with pytest.raises(ParameterError, match="'config' in the options is no mapping"):
        place({"config": 3}, ["config", "seed"], 1)
