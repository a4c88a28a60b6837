"""What a learner sees and is trained on: of order 1, with a slope where the true utility has none."""

import torch

from aign.scenarios.contract import Contract
from aign.scenarios.contract.training import observations, potential

SCENARIO = Contract.create(types=3)
CONTEXTS = SCENARIO.draw_contexts(500, torch.Generator().manual_seed(0))
MARKET = SCENARIO.market(CONTEXTS)


def split(designs):
    return designs.double().split(3, 1)


def test_views_are_of_order_one_and_as_many_as_documented():
    states = SCENARIO.initial_state(CONTEXTS, torch.Generator().manual_seed(1))
    views = SCENARIO.agent_observations(CONTEXTS, states, 0)
    assert views.shape == (500, 1, 8 * 3 - 2)
    assert views.dtype == torch.float32
    assert float(views.abs().max()) <= 4.0


def test_observed_slacks_are_zero_at_the_best_menu():
    views = observations(MARKET, *split(SCENARIO.certify(CONTEXTS).design))
    last_payoff, advantages = views[:, 17], views[:, 18:20]
    assert float(last_payoff.abs().max()) < 1e-3
    assert float(advantages.abs().max()) < 1e-3


def test_rewards_climb_while_a_type_is_being_won():
    poor = SCENARIO.initial_state(CONTEXTS)
    better = poor.clone()
    better[:, 3:] += 0.2  # still below every cost of the least complex types
    nobody = SCENARIO.measure(CONTEXTS, better)["served"] == 0
    gain = SCENARIO.agent_rewards(CONTEXTS, poor, better, torch.zeros(500))
    assert gain.shape == (500, 1)
    torch.testing.assert_close(gain[nobody, 0], torch.full((int(nobody.sum()),), 0.2), atol=1e-4, rtol=0)
    assert int(nobody.sum()) > 400


def test_where_everybody_signs_the_learner_is_paid_the_true_gain():
    best = SCENARIO.certify(CONTEXTS).design
    uniform = SCENARIO.heuristics["uniform_contract"](CONTEXTS)
    true = SCENARIO.utility(CONTEXTS, best) - SCENARIO.utility(CONTEXTS, uniform)
    torch.testing.assert_close(SCENARIO.agent_rewards(CONTEXTS, uniform, best, true)[:, 0],
                               true.float())


def test_losing_a_type_is_worse_than_the_dearest_menu_but_not_by_hundreds():
    dearest = torch.cat([torch.full((500, 3), 1.0), torch.full((500, 3), 10.0)], 1)
    refused = dearest.clone()
    refused[:, 3:] = 0
    values = [potential(MARKET, *split(each)) for each in (dearest, refused)]
    assert bool((values[1] < values[0] - 1).all())
    assert float(values[1].min()) > -50


def test_with_penalties_the_learner_is_paid_the_reward_itself():
    strict = Contract.create(types=3, reward="penalty")
    rewards = torch.tensor([-20.0, 0.0, 20.0]).double()
    states = strict.initial_state(CONTEXTS[:3])
    assert strict.agent_rewards(CONTEXTS[:3], states, states, rewards)[:, 0].tolist() == [-20, 0, 20]
