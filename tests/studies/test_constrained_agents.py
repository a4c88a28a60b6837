import pytest
import torch

from aign.agents.settings import PPOSettings, SACSettings
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.power_allocation.scenario import PowerAllocationParameters
from aign.trajectories.schema import SPLITS
from studies.constrained_agents import Penalised, only_context, retrain
from studies.request_sets import StudyRequest
from studies.settings import RetrainingSettings

PARAMETERS = PowerAllocationParameters(users=2)
GAINS = torch.tensor([[2.8e-3, 3.5e-4]])


def asked(*constraints, optimum=20.0):
    return StudyRequest("pair", 7, GAINS[0], tuple(constraints), (0.5,) * len(constraints), 26.1, optimum, True)


def test_the_fine_is_the_sum_of_relative_violations():
    scenario = Penalised(PARAMETERS, [Constraint("total_power", "<=", 40.0), Constraint("max_power", "<=", 25.0)], 10.0)
    designs = torch.tensor([[20.0, 20.0], [30.0, 20.0], [25.0, 25.0]])
    # 20+20 meets both; 30+20 exceeds 40 by 10/40 and 25 by 5/25; 25+25 exceeds 40 by 10/40.
    expected = [0.0, 10 * (0.25 + 0.2), 10 * 0.25]
    gains = GAINS.expand(3, -1)
    assert scenario.fine(gains, designs).tolist() == pytest.approx(expected)
    free = registry.create("power-allocation", users=2).utility(gains, designs)
    assert scenario.utility(gains, designs).tolist() == pytest.approx((free - torch.tensor(expected)).tolist())


def test_rates_below_a_threshold_are_fined_too():
    scenario = Penalised(PARAMETERS, [Constraint("min_rate", ">=", 10.0)], 100.0)
    designs = torch.tensor([[28.0, 31.0]])
    rate = float(scenario.measure(GAINS, designs)["min_rate"][0])
    assert rate < 10
    assert float(scenario.fine(GAINS, designs)[0]) == pytest.approx(100 * (10 - rate) / 10)


def test_rewards_and_difference_rewards_count_the_fine():
    constraint = Constraint("total_power", "<=", 10.0)
    free, fined = registry.create("power-allocation", users=2), Penalised(PARAMETERS, [constraint], 50.0)
    states, action = torch.tensor([[5.0, 5.0]]), torch.tensor([[1.0, 0.0]])
    (after, plain), (same, reward) = (one.step(GAINS, states, action) for one in (free, fined))
    assert torch.equal(after, same)
    assert after.tolist() == [[9.0, 5.0]]
    assert float(reward) == pytest.approx(float(plain) - 50 * 4 / 10)
    blamed = fined.agent_rewards(GAINS, states, after, reward)[0]
    praised = free.agent_rewards(GAINS, states, after, plain)[0]
    assert float(blamed[0]) < float(praised[0])
    assert float(blamed[1]) == pytest.approx(float(praised[1]), abs=1e-6)  # it stayed: nothing changes through it


def test_the_pool_holds_only_the_requests_own_network():
    pool = only_context(Penalised(PARAMETERS, [], 1.0), asked())
    for split in SPLITS:
        assert torch.equal(pool[split].values, GAINS)
        assert pool[split].ids.tolist() == [7]
        assert pool[split].optimum.tolist() == [26.1]


@pytest.mark.parametrize("kind", ["sac", "ppo"])
def test_an_agent_is_trained_for_one_request(kind):
    settings = RetrainingSettings(
        sac=SACSettings(environment_steps=64, networks=2, batch_size=16, learning_starts=16, updates_per_step=1,
                        hidden=(8,)),
        ppo=PPOSettings(environment_steps=64, networks=2, batch_size=16, rollout_steps=8, epochs=1, hidden=(8,)))
    request = asked(Constraint("total_power", "<=", 40.0))
    (design, cost), (again, _) = (retrain(kind, PARAMETERS, request, settings, seed=2) for _ in range(2))
    assert torch.equal(design, again)
    assert design.shape == (2,)
    assert bool((design == design.round()).all())
    assert 0 <= float(design.min()) <= float(design.max()) <= 40
    assert cost["training_seconds"] > 0
    assert cost["environment_steps"] == 64


@pytest.mark.slow
def test_a_fined_agent_learns_to_keep_a_budget_that_a_free_one_breaks():
    settings = RetrainingSettings(ppo=PPOSettings(environment_steps=20_480, networks=32))
    kept = retrain("ppo", PARAMETERS, asked(Constraint("total_power", "<=", 30.0)), settings, seed=0)[0]
    free = retrain("ppo", PARAMETERS, asked(), settings, seed=0)[0]
    assert float(free.sum()) > 45
    assert float(kept.sum()) < 36
