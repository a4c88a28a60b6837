"""Rules of thumb against brute force over a grid and what contract theory says of them."""

import pytest
import torch

from aign.scenarios.contract import Contract
from aign.scenarios.contract.heuristics import efficient_menu, efficient_speeds, first_best_menu, uniform_contract
from aign.scenarios.contract.menu import sign, slacks


def drawn(types, **values):
    scenario = Contract.create(types=types, **values)
    contexts = scenario.draw_contexts(30, torch.Generator().manual_seed(1))
    return scenario, contexts, scenario.market(contexts)


@pytest.mark.parametrize(("types", "e1"), [(2, 30.0), (5, 30.0), (3, 0.05)])
def test_no_single_contract_of_a_fine_grid_beats_the_uniform_one(types, e1):
    scenario, contexts, _ = drawn(types, e1=e1)
    best = scenario.utility(contexts, scenario.heuristics["uniform_contract"](contexts))
    for x in torch.linspace(1, 4, 31).tolist():
        for r in torch.linspace(0, 10, 101).tolist():
            design = torch.tensor([[x] * types + [r] * types]).expand(30, -1)
            assert bool((scenario.utility(contexts, design) <= best + 1e-4).all())


@pytest.mark.parametrize("z2", [0.5, 1.0, 2.0])
def test_types_that_cannot_be_told_all_take_the_last_first_best_contract(z2):
    scenario, contexts, market = drawn(4, z2=z2)
    signed = sign(market, *first_best_menu(market))
    assert torch.equal(signed.speed, efficient_speeds(market)[:, -1:].expand(-1, 4))
    served = {name: scenario.utility(contexts, scenario.heuristics[name](contexts))
              for name in ("first_best_menu", "uniform_contract")}
    torch.testing.assert_close(*served.values(), atol=1e-3, rtol=0)


def test_the_first_best_is_what_a_client_who_can_tell_the_types_would_offer():
    _, _, market = drawn(3)
    speed, reward = first_best_menu(market)
    rational, compatible = slacks(sign(market, speed, reward).payoffs)
    assert float(rational.abs().max()) < 1e-4
    assert bool((compatible.amin((1, 2)) < -0.01).all())  # not incentive compatible
    joint = 5 / speed + market.cost * speed
    for other in (0.95 * speed, 1.05 * speed):
        assert bool((5 / other + market.cost * other > joint)[:, 0].all())


def test_the_efficient_menu_is_valid_and_between_uniform_and_optimal():
    scenario, contexts, market = drawn(5)
    rational, compatible = slacks(sign(market, *efficient_menu(market)).payoffs)
    assert float(rational.min()) >= 0
    assert float(compatible.min()) >= -1e-12
    best = scenario.certify(contexts).utility
    rules = {name: scenario.utility(contexts, rule(contexts)) for name, rule in scenario.heuristics.items()}
    for utility in rules.values():
        assert bool((utility <= best).all())
    assert float(rules["efficient_menu"].mean()) > float(rules["uniform_contract"].mean()) > 0


def test_with_penalties_the_uniform_contract_serves_everybody():
    scenario, contexts, market = drawn(3, reward="penalty", e1=0.05)
    assert bool(sign(market, *uniform_contract(market)).accepted.all())
    served = scenario.measure(contexts, scenario.heuristics["uniform_contract"](contexts))["served"]
    assert served.tolist() == [1.0] * 30


def test_the_blind_contract_is_the_zero_of_both_scales():
    scenario, contexts, _ = drawn(3)
    assert scenario.utility(contexts, scenario.heuristics["blind_contract"](contexts)).abs().max() < 1e-4
    assert torch.equal(scenario.reference_utility(contexts),
                       scenario.utility(contexts, scenario.heuristics["blind_contract"](contexts)))
