"""What users see at several base stations, against loops over users and stations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from rate_reference import network, utility

from aign.scenarios.power_allocation.user_view import limited, user_observations

MEAN = 0.154


@pytest.fixture(scope="module")
def seen():
    scenario, contexts = network(5, 3, count=2, seed=3)
    powers = scenario.initial_state(contexts, torch.Generator().manual_seed(1))
    return contexts, powers, user_observations(contexts, powers, MEAN)


def test_every_value_agrees_with_loops(seen):
    contexts, powers, views = seen
    assert views.shape == (2, 5, 12)
    assert views.dtype == torch.float32
    for row in range(2):
        gain, level = contexts[row].double().numpy().reshape(5, 3), powers[row].double().numpy()
        cell = gain.argmax(axis=1)
        own = gain.max(axis=1)
        total = [1 + sum(gain[k, cell[i]] * level[k] for k in range(5)) for i in range(5)]
        for i in range(5):
            noise = total[i] - own[i] * level[i]
            mates = [own[k] for k in range(5) if k != i and cell[k] == cell[i]]
            others = [gain[i, m] for m in range(3) if m != cell[i]]
            expected = [math.log(own[i] / MEAN) / 2, level[i] / 20 - 1, math.log1p(level[i]) - 2,
                        math.log(total[i]) - 1, math.log(noise) - 1, math.log1p(own[i] * level[i] / noise) - 1,
                        math.log1p(40 * own[i] / noise) - 1,
                        3 * math.tanh(math.log(own[i] / max([*mates, 1e-12])) / 3),
                        math.log1p(40 * sum(mates)) - 1, math.log(max(others) / MEAN) / 2]
            np.testing.assert_allclose(views[row, i, :10], expected, rtol=1e-5, atol=1e-5)


def test_the_last_value_tells_whether_one_more_level_pays(seen):
    contexts, powers, views = seen
    for row in range(2):
        level = powers[row].double().numpy()
        for i in range(5):
            up = level.copy()
            up[i] += 1e-4
            gains = utility(contexts[row], up) > utility(contexts[row], level)
            assert bool(views[row, i, 11] > 0) == gains


def test_users_may_be_renumbered(seen):
    contexts, powers, views = seen
    order = torch.tensor([3, 0, 4, 1, 2])
    renumbered = contexts.reshape(2, 5, 3)[:, order].flatten(1)
    torch.testing.assert_close(user_observations(renumbered, powers[:, order], MEAN), views[:, order])


def test_a_lonely_user_and_extreme_gains_stay_of_order_one():
    views = user_observations(torch.tensor([[100.0, 1e-4, 1e-4, 1e-4]]), torch.tensor([[40.0, 0.0]]), MEAN)
    assert bool(torch.isfinite(views).all())
    assert float(views.abs().max()) < 10
    assert float(limited(torch.tensor(1e9))) <= 3
