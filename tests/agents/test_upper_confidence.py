import math

import numpy as np
import pytest
from choosing import Doors, DoorsParameters
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.callbacks import BaseCallback

from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.upper_confidence import UpperConfidence
from aign.trajectories.contexts import ContextPool


class Nothing(BaseCallback):
    def _on_step(self) -> bool:
        return True


@pytest.fixture
def bandit(doors, doors_pool):
    return UpperConfidence(SharedPolicyVecEnv(doors, doors_pool["train"], 8, 0, lambda *given: None), 4, 1.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-50, 50)), min_size=5, max_size=40),
       st.floats(0, 3))
def test_bounds_are_those_of_ucb1(tried, confidence) -> None:
    tried = [(0, -60.0), (1, 60.0), *tried]
    bandit = UpperConfidence(None, 4, confidence)
    for choice, reward in tried:
        bandit.count(np.array([choice]), np.array([reward]))
    found = bandit.bounds(bandit.tries)
    for choice in range(4):
        own = [(reward + 60) / 120 for other, reward in tried if other == choice]
        expected = (sum(own) / len(own) + confidence * math.sqrt(2 * math.log(len(tried)) / len(own)) if own
                    else math.inf)
        assert found[choice] == pytest.approx(expected)


def test_every_choice_is_tried_before_any_is_repeated(bandit) -> None:
    assert sorted(bandit.side_by_side(4)) == [0, 1, 2, 3]
    assert bandit.tries.sum() == 0  # a plan changes nothing
    bandit.learn(4 * 8, Nothing(), 1)
    assert bandit.tries.sum() == 32
    assert (bandit.tries > 0).all()


def test_equal_rewards_are_not_divided_by_nothing(bandit) -> None:
    bandit.count(np.arange(4), np.full(4, 2.0))
    assert np.isfinite(bandit.bounds(bandit.tries)).all()
    assert np.isfinite(UpperConfidence(None, 3, 1.0).scores()).all()


def test_it_finds_the_choice_that_is_best_on_average() -> None:
    doors = Doors(DoorsParameters(favourite=0.4))
    pool = ContextPool.draw(doors, {"train": 200}, seed=7)
    bandit = UpperConfidence(SharedPolicyVecEnv(doors, pool["train"], 8, 0, lambda *given: None), 4, 0.5)
    bandit.learn(4000, Nothing(), 1)
    observations = np.zeros((5, 6), np.float32)
    assert bandit.tries.argmax() == 1
    assert bandit.predict(observations, deterministic=True)[0].tolist() == [1] * 5
    assert int(bandit.scores().argmax()) == 1
    assert np.allclose(bandit.sums / bandit.tries, [0.5, 0.9, 0.5, 0.5], atol=0.15)


def test_less_certain_choices_are_tried_more_with_more_confidence() -> None:
    shares = []
    for confidence in (0.1, 2.0):
        doors = Doors(DoorsParameters(favourite=0.8))
        pool = ContextPool.draw(doors, {"train": 200}, seed=7)
        bandit = UpperConfidence(SharedPolicyVecEnv(doors, pool["train"], 8, 0, lambda *given: None), 4, confidence)
        bandit.learn(1600, Nothing(), 1)
        shares.append(bandit.tries[1] / bandit.tries.sum())
    assert shares[0] > shares[1] > 0.25
