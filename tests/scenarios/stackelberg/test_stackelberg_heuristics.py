"""Pricing rules: what they know, what they find, and what they cost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.scenarios.stackelberg import Stackelberg

SEEDS = st.integers(0, 2**31)
SCENARIOS = {f"{prices}-{layers}": Stackelberg.create(prices=prices, layers=layers, devices=5)
             for prices in ("uniform", "per-device") for layers in ("continuous", "integer")}
ALL = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
BLIND = ("fixed_price", "cost_plus")


def contexts(scenario, seed=0, count=64):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


@ALL
@settings(max_examples=8)
@given(seed=SEEDS)
def test_every_rule_gives_an_admissible_outcome_that_the_certificate_bounds(scenario, seed):
    drawn = contexts(scenario, seed, 4)
    bound = scenario.certify(drawn).utility
    for rule in scenario.heuristics.values():
        design = rule(drawn)
        torch.testing.assert_close(scenario.project(drawn, design), design)
        assert bool((scenario.utility(drawn, design) <= bound + 1e-9).all())


def test_the_blind_rules_offer_what_no_type_enters():
    scenario = SCENARIOS["uniform-integer"]
    drawn = contexts(scenario)
    other = torch.cat([contexts(scenario, 1)[:, :10], drawn[:, 10:]], 1)
    for name in BLIND:
        assert torch.equal(scenario.heuristics[name](drawn)[:, 0], scenario.heuristics[name](other)[:, 0])
    assert len(scenario.heuristics["fixed_price"](drawn)[:, 0].unique()) == 1
    cost = drawn[:, 10]
    torch.testing.assert_close(scenario.heuristics["cost_plus"](drawn)[:, 0], 0.23 * 0.358 * cost)


def test_the_blind_constants_are_the_best_of_their_neighbours():
    from aign.scenarios.stackelberg import heuristics

    scenario = Stackelberg.create()
    drawn = contexts(scenario, 5, 2000)
    game = scenario.game(drawn)
    saved = 0.358 * game.cost

    def mean(prices):
        return float(scenario.utility(drawn, game.answered(prices)).mean())

    fixed, share = heuristics.FIXED_PRICE, heuristics.COST_SHARE
    earned = [mean(torch.full_like(saved, fixed + step)) for step in (-0.05, 0, 0.05)]
    assert max(earned) == earned[1]
    earned = [mean((share + step) * saved) for step in (-0.01, 0, 0.01)]
    assert max(earned) == earned[1]


def test_inferring_types_is_exact_where_the_probes_tell_them():
    scenario = SCENARIOS["uniform-continuous"]
    drawn = contexts(scenario, count=256)
    score = (scenario.utility(drawn, scenario.heuristics["inferred_types"](drawn)) - scenario.certify(drawn).utility)
    assert float(score.median()) == pytest.approx(0, abs=1e-9)
    assert float(score.mean()) > -0.05


def test_inferring_types_uses_the_answers_and_nothing_else_of_the_types():
    scenario = SCENARIOS["uniform-integer"]
    drawn = contexts(scenario, count=200)
    nudged = drawn.clone()
    nudged[:, 5:10] *= 1.0001  # too little, nearly everywhere, to change an answer in whole layers
    same = (scenario.fixed_observation(drawn) == scenario.fixed_observation(nudged)).all(1)
    assert int(same.sum()) > 100
    rule = scenario.heuristics["inferred_types"]
    assert torch.equal(rule(drawn)[same, 0], rule(nudged)[same, 0])


def test_golden_section_finds_the_optimum_of_a_smooth_utility():
    scenario = SCENARIOS["uniform-continuous"]
    drawn = contexts(scenario, count=256)
    loss = scenario.certify(drawn).utility - scenario.utility(drawn, scenario.heuristics["golden_section"](drawn))
    assert float(loss.median()) < 1e-2


@ALL
def test_random_prices_do_not_depend_on_the_batch(scenario):
    drawn = contexts(scenario)
    whole = scenario.heuristics["random_price"](drawn)
    assert torch.equal(whole[7:9], scenario.heuristics["random_price"](drawn[7:9]))
    assert len(whole[:, 0].unique()) > 32
