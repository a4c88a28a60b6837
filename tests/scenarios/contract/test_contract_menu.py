"""What menus do: choices, gains and penalties known by hand, and what self-selection implies for any menu."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.scenarios.contract import Contract
from aign.scenarios.contract.menu import GRID, TOLERANCE, ContractParameters, Market, gain, penalised_gain, sign, slacks

SEEDS = st.integers(0, 2**31)
TERMS = ContractParameters()


def market(share, complexity, terms=TERMS):
    return Market.read(torch.tensor([[*share, *complexity, 30.0]]), terms)


def menu(*values):
    return torch.tensor([values], dtype=torch.float64)


PAIR = market([0.25, 0.75], [20.0, 60.0])  # unit costs 1 and 3


def test_every_type_signs_what_suits_it_best():
    signed = sign(PAIR, menu(2.0, 1.0), menu(4.5, 3.25))
    assert signed.payoffs[0].tolist() == [[2.5, 2.25], [-1.5, 0.25]]
    assert signed.speed[0].tolist() == [2.0, 1.0]
    assert signed.reward[0].tolist() == [4.5, 3.25]
    assert signed.accepted[0].tolist() == [True, True]


def test_a_type_that_another_contract_suits_better_signs_that_one():
    signed = sign(PAIR, menu(2.0, 1.0), menu(4.0, 3.25))  # payoffs 2 and 2.25
    assert signed.reward[0].tolist() == [3.25, 3.25]


def test_a_type_that_no_contract_pays_signs_nothing_and_its_revenue_is_lost():
    speed, reward = menu(2.0, 1.0), menu(4.5, 2.75)
    signed = sign(PAIR, speed, reward)
    assert signed.accepted[0].tolist() == [True, False]
    # blind contract: 5 + 5; type 1 costs 5 / 2 + 4.5; type 2 would have brought 30 * 60.
    assert float(gain(PAIR, signed)) == pytest.approx(0.25 * (10 - 7) + 0.75 * (10 - 1800))


def test_gain_is_the_difference_of_the_papers_utility_to_the_blind_contract():
    speed, reward = menu(2.0, 1.0), menu(4.5, 3.25)
    utility = sum(p * (30 * theta - 5 / x - r) for p, theta, x, r in ((0.25, 20, 2, 4.5), (0.75, 60, 1, 3.25)))
    blind = sum(p * (30 * theta - 5 - 0.05 * 100) for p, theta in ((0.25, 20), (0.75, 60)))
    assert float(gain(PAIR, sign(PAIR, speed, reward))) == pytest.approx(utility - blind)


@pytest.mark.parametrize(("short", "own"), [(0.5 * TOLERANCE, True), (3 * TOLERANCE, False)])
def test_indifferent_types_sign_what_is_meant_for_them(short, own):
    rational = sign(PAIR, menu(1.0, 1.0), menu(3.0 - short, 3.0 - short))
    assert bool(rational.accepted[0, 1]) is own
    compatible = sign(PAIR, menu(2.0, 1.0), menu(4.0 - short, 3.0))
    assert (float(compatible.speed[0, 0]) == 2.0) is own


def test_slacks_of_a_known_menu():
    rational, compatible = slacks(sign(PAIR, menu(2.0, 1.0), menu(4.0, 3.5)).payoffs)
    assert rational[0].tolist() == [2.0, 0.5]
    assert compatible[0].tolist() == [[0.0, -0.5], [2.5, 0.0]]


def test_the_penalty_is_the_sum_of_all_violations():
    terms = ContractParameters(reward="penalty")
    pair = market([0.25, 0.75], [20.0, 60.0], terms)
    assert float(penalised_gain(pair, menu(2.0, 1.0), menu(4.0, 3.5))) == pytest.approx(-0.5)
    assert float(penalised_gain(pair, menu(1.0, 1.0), menu(2.5, 2.5))) == pytest.approx(-0.5)
    good = menu(2.0, 1.0), menu(4.5, 3.25)
    assert float(penalised_gain(pair, *good)) == float(gain(pair, sign(pair, *good)))


@given(SEEDS, st.sampled_from([2, 3, 5, 10]))
def test_choices_are_best_and_whoever_is_cheaper_signs_too(seed, types):
    scenario, generator = Contract.create(types=types), torch.Generator().manual_seed(seed)
    contexts = scenario.draw_contexts(16, generator)
    one = scenario.market(contexts)
    speed, reward = scenario.initial_state(contexts, generator).double().split(types, 1)
    signed = sign(one, speed, reward)
    payoff = signed.reward - one.cost * signed.speed
    assert bool((payoff >= signed.payoffs.amax(2) - TOLERANCE).all())
    assert torch.equal(signed.accepted, signed.payoffs.amax(2) >= -TOLERANCE)
    assert bool((signed.accepted.int().diff(dim=1) <= 0).all())
    served_speed = signed.speed.where(signed.accepted, 0.0)
    assert bool((served_speed.diff(dim=1) <= 1e-3).all())  # the cheaper type works at least as fast


@pytest.mark.parametrize("wrong", [{"types": 1}, {"types": 21}, {"f": 0.0}, {"x_max": 1.0}, {"reward_max": 4.9},
                                   {"f": 0.2}, {"reward": "other"}, {"colour": 3}])
def test_wrong_parameters_are_refused_by_name(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong)) if "f" not in wrong else "f"):
        Contract.create(**wrong)


def test_bounds_are_rounded_down_to_the_grid_and_stay_there():
    terms = ContractParameters(x_max=3.3, reward_max=9.7)
    assert 3.3 - GRID < terms.x_max <= 3.3
    assert (terms.x_max / GRID).is_integer()
    assert ContractParameters(**terms.model_dump()) == terms
