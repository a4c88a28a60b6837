"""Whatever an environment does wrong is one error that names it, the method, the step and the seed."""

import gymnasium
import numpy as np
import pytest
import toy_worlds  # registers the toys
from gymnasium import spaces

from aign.errors import ParameterError
from aign.scenarios.gymnasium.environment import Environment, spaces_of
from aign.scenarios.gymnasium.making import Maker

STATE, NOTHING = np.zeros(3, np.float32), np.zeros(2, np.float32)


@pytest.fixture
def maker():
    """Return a function that registers an environment class under a fresh id and returns its maker."""
    names = []

    def register(entry_point, **kwargs):
        names.append(f"toy/Once{len(names)}-v0")
        gymnasium.register(names[-1], entry_point=entry_point, kwargs=kwargs)
        return Maker(names[-1], "", "{}", "")

    yield register
    spaces_of.cache_clear()
    for name in names:
        del gymnasium.registry[name]


def play(maker, seed=7):
    env = Environment(maker, seed)
    shown = [env.reset()]
    for _ in range(3):
        shown.append(env.step(NOTHING))
    env.close()
    return shown


def test_what_is_right_passes_as_it_is(maker):
    shown, env = play(maker(toy_worlds.Faulty)), gymnasium.make("toy/Faulty-v0")
    observation, info = env.reset(seed=7)
    assert (shown[0].reward, shown[0].ended, shown[0].info) == (0.0, False, info)
    np.testing.assert_array_equal(shown[0].observed, observation.astype(np.float64))
    for step in shown[1:]:
        observation, reward, _, _, info = env.step(NOTHING)
        np.testing.assert_array_equal(step.observed, observation.astype(np.float64))
        assert (step.reward, step.ended, step.info) == (reward, False, info)


@pytest.mark.parametrize(("place", "returned", "said"), [
    ("reset", STATE, r"reset with seed 7: returned an observation without info, array.*\(observation, info\)"),
    ("reset", (STATE, {}, 0), "reset with seed 7: returned 3 values"),
    ("reset", None, "reset with seed 7: returned an observation without info, None"),
    ("reset", (STATE, None), "reset with seed 7: info is None; allowed: a mapping"),
    ("reset", (None, {}), "reset with seed 7: the observation is None; its space allows numbers of shape"),
    ("step", (STATE, 0.0, False, {}), "step 2 with seed 7: returned 4 values, where Gymnasium asks for 5.*`done`"),
    ("step", None, "step 2 with seed 7: returned None, where"),
    ("observation", STATE[:2], r"step 2 with seed 7: the observation has the shape \(2,\)"),
    ("observation", STATE + 51, r"step 2 with seed 7: the observation\[0\] is 51.0; its space allows .* -50.0 to 50.0"),
    ("observation", STATE + np.nan, r"step 2 with seed 7: the observation\[0\] is nan"),
    ("reward", None, "step 2 with seed 7: the reward is None; allowed: one finite number"),
    ("reward", np.array([1.0]), r"step 2 with seed 7: the reward is array\(\[1.\]\) of shape \(1,\)"),
    ("reward", np.nan, "step 2 with seed 7: the reward is nan"),
    ("reward", -np.inf, "step 2 with seed 7: the reward is -inf"),
    ("reward", "1", "step 2 with seed 7: the reward is '1'"),
    ("terminated", None, "step 2 with seed 7: terminated is None and truncated False; allowed: True or False"),
    ("truncated", {}, r"step 2 with seed 7: terminated is False and truncated \{\}"),
    ("terminated", np.array([True, False]), "step 2 with seed 7: terminated is array"),
    ("info", [], r"step 2 with seed 7: info is \[\]; allowed: a mapping"),
])
def test_what_is_returned_against_the_interface_or_the_space_is_told(maker, place, returned, said):
    with pytest.raises(ParameterError, match=f"^environment: toy/Once0-v0, {said}.*Correct the environment"):
        play(maker(toy_worlds.Faulty, place=place, returned=returned))


@pytest.mark.parametrize("error", [KeyError("ue_17"), RuntimeError("lost"), ZeroDivisionError(), SystemExit(1)])
@pytest.mark.parametrize(("place", "method"), [("reset", "reset"), ("step", "step 2")])
def test_what_is_raised_is_told_with_the_line(maker, place, method, error):
    with pytest.raises(ParameterError, match=f"toy/Once0-v0, {method} with seed 7: raised {type(error).__name__}.*"
                                             r"\(toy_worlds.py, line \d+\)") as told:
        play(maker(toy_worlds.Faulty, place=place, raised=error))
    assert type(told.value.__cause__) is type(error)


def test_closing_may_fail_too(maker):
    with pytest.raises(ParameterError, match=r"toy/Once0-v0, close with seed \d: raised OSError: gone"):
        play(maker(toy_worlds.Faulty, place="close", raised=OSError("gone")))


def test_memory_that_runs_out_is_no_fault_of_the_environment(maker):
    with pytest.raises(MemoryError):
        play(maker(toy_worlds.Faulty, place="step", raised=MemoryError()))


# --- what reset takes, and what spaces are ---------------------------------------------------------------------------
class NoSeed(toy_worlds.Faulty):
    def reset(self):
        return super().reset()


class NoOptions(toy_worlds.Faulty):
    def reset(self, seed=None):
        return super().reset(seed=seed)


@pytest.mark.parametrize("kind", [NoSeed, NoOptions])
def test_a_reset_of_older_versions_is_told_what_is_asked_for(maker, kind):
    with pytest.raises(ParameterError, match=r"reset with seed 7: raised TypeError.*older versions: Gymnasium asks for "
                                             r"reset\(self, \*, seed=None, options=None\)"):
        play(maker(kind))


class Broken(toy_worlds.Faulty):
    def __init__(self):
        raise RuntimeError("no licence")


class NoSpace(toy_worlds.Faulty):
    observation_space = action_space = None

    def __init__(self):
        self.place = ""


class OldSpace(NoSpace):
    class Box:
        """A space of some other library."""

    observation_space = Box()
    action_space = spaces.Discrete(2)


class Growing(toy_worlds.Faulty):
    made = 0

    def __init__(self):
        super().__init__()
        Growing.made += 1
        self.action_space = spaces.Discrete(1 + Growing.made)


class Unbounded(toy_worlds.Faulty):
    class Never(spaces.Discrete):
        def sample(self, *args, **kwargs):
            raise NotImplementedError("draw yourself")

    def __init__(self):
        super().__init__()
        self.action_space = Unbounded.Never(2)


@pytest.mark.parametrize(("kind", "said"), [
    (Broken, r"environment: toy/Once0-v0 cannot be made with options \{\}: raised RuntimeError: no licence"),
    (NoSpace, "observation_space with seed 7: is None of type builtins.NoneType; Gymnasium asks for a space"),
    (OldSpace, "observation_space with seed 7: is <.*OldSpace.Box.*; Gymnasium asks for a space"),
    (Growing, r"action_space with seed 7: is Discrete\(2\), with seed 0 Discrete\(3\); allowed: one space for all"),
])
def test_spaces_that_are_none_are_told(maker, kind, said):
    with pytest.raises(ParameterError, match=said):
        play(maker(kind))


def test_a_space_that_cannot_be_drawn_from_is_told(maker):
    env = Environment(maker(Unbounded), 7)
    env.reset()
    with pytest.raises(ParameterError, match=r"action_space.sample with seed 7: raised NotImplementedError: draw"):
        env.sample()
