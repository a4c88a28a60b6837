"""Certificates and repairs as a user meets them: every word they say is checked on menus that were not told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.scenarios.contract import Contract, program
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied

SCENARIO = Contract.create(types=3)
SEEDS = st.integers(0, 2**31)
REQUESTS = [(), ("payment<=240",), ("payment>=300",), ("provider_utility>=2",), ("provider_utility<=0.9",),
            ("latency<=14",), ("ir_slack>=0.25",), ("ic_slack>=0.02",), ("served>=1",),
            ("payment<=270", "latency<=20", "ir_slack>=0.1")]


def contexts(scenario=SCENARIO, count=8, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def request(*texts, scenario=SCENARIO):
    return parse(texts, scenario.labels)


@pytest.mark.parametrize("texts", REQUESTS)
def test_the_certified_menu_meets_the_request_and_attains_the_bound(texts):
    constraints, market = request(*texts), contexts(count=12)
    certificate = SCENARIO.certify(market, constraints)
    assert certificate.kind is CertificateKind.UPPER_BOUND
    known = certificate.feasible
    assert int(known.sum()) >= 4
    assert torch.equal(known, ~certificate.proven_infeasible)
    labels = SCENARIO.measure(market, certificate.design)
    assert torch.equal(satisfied(constraints, labels, 12), known)
    gap = (certificate.utility - SCENARIO.utility(market, certificate.design))[known]
    assert 0 < float(gap.min()) <= float(gap.max()) < 2e-3
    assert torch.equal(SCENARIO.admissible(certificate.design), certificate.design)


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.sampled_from(REQUESTS))
def test_no_menu_that_meets_the_request_beats_the_bound(seed, texts):
    constraints, market = request(*texts), contexts(count=4, seed=seed)
    certificate, generator = SCENARIO.certify(market, constraints), torch.Generator().manual_seed(seed)
    for noise in (0.3, 0.03, 0.003):
        near = certificate.design + noise * torch.randn(certificate.design.shape, generator=generator)
        for design in (SCENARIO.admissible(near), SCENARIO.project(market, near, constraints)):
            met = satisfied(constraints, SCENARIO.measure(market, design), 4)
            assert not bool((met & certificate.proven_infeasible).any())
            assert bool((SCENARIO.utility(market, design) <= certificate.utility)[met].all())


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.sampled_from(REQUESTS))
def test_repair_reaches_every_request_that_can_be_met(seed, texts):
    constraints, market = request(*texts), contexts(count=4, seed=seed)
    start = SCENARIO.initial_state(market, torch.Generator().manual_seed(seed))
    design = SCENARIO.project(market, start, constraints)
    possible = SCENARIO.certify(market, constraints).feasible
    labels = SCENARIO.measure(market, design)
    assert torch.equal(satisfied(constraints, labels, 4) | ~possible, torch.ones(4, dtype=torch.bool))
    assert torch.equal(SCENARIO.admissible(design), design)
    assert bool((labels["ir_slack"] >= 0)[possible & (labels["served"] == 1)].all())
    assert torch.equal(SCENARIO.project(market, design, constraints)[possible], design[possible])


def test_the_certified_menu_is_left_as_it_is():
    for types in (2, 3, 5, 10):
        scenario = Contract.create(types=types)
        market = contexts(scenario, 50)
        design = scenario.certify(market).design
        assert torch.equal(scenario.project(market, design), design)


def test_a_tight_largest_reward_is_met_and_never_gains():
    free, tight = (Contract.create(types=3, reward_max=value) for value in (10.0, 5.2))
    market = contexts(count=20)
    bounds = [one.certify(market) for one in (free, tight)]
    assert bool(bounds[1].feasible.all())
    assert float(bounds[1].design[:, 3:].max()) <= 5.2 < float(bounds[0].design[:, 3:].max())
    assert bool((bounds[1].utility <= bounds[0].utility + 1e-7).all())
    torch.testing.assert_close(tight.utility(market, bounds[1].design), bounds[1].utility, atol=2e-3, rtol=0)


def test_a_budget_that_does_not_reach_everybody_leaves_types_out():
    market = contexts()
    certificate = SCENARIO.certify(market, request("payment<=60"))
    served = SCENARIO.measure(market, certificate.design)["served"]
    assert bool(certificate.feasible.all())
    assert bool((served < 1).all())
    everybody = SCENARIO.certify(market, request("payment<=60", "served>=1"))
    assert bool(everybody.proven_infeasible.all())
    assert bool(everybody.utility.isnan().all())
    assert not bool(SCENARIO.feasible(market, request("payment<=60", "served>=1")).known.any())


@pytest.mark.parametrize("text", ["monotonicity>=0.2", "ir_slack<=0.1", "latency>=10", "served<=0.5"])
def test_other_constraints_promise_no_bound(text):
    certificate = SCENARIO.certify(contexts(), request(text))
    assert certificate.kind is CertificateKind.BEST_KNOWN
    assert not bool(certificate.proven_infeasible.any())
    assert torch.equal(certificate.utility.isnan(), ~certificate.feasible)
    met = satisfied(request(text), SCENARIO.measure(contexts(), certificate.design), 8)
    assert torch.equal(met, certificate.feasible)


def test_with_penalties_the_optimum_is_the_same_and_requests_promise_no_bound():
    strict = Contract.create(types=3, reward="penalty")
    market = contexts()
    torch.testing.assert_close(strict.certify(market).utility, SCENARIO.certify(market).utility)
    certificate = strict.certify(market, request("payment<=240"))
    assert certificate.kind is CertificateKind.BEST_KNOWN
    torch.testing.assert_close(strict.utility(market, certificate.design)[certificate.feasible],
                               SCENARIO.utility(market, certificate.design)[certificate.feasible])


def test_where_the_solver_gives_up_the_bound_holds_and_nothing_is_called_impossible(monkeypatch):
    market, constraints = contexts(), request("payment<=240")
    sure = SCENARIO.certify(market, constraints)
    monkeypatch.setattr(program, "OPTIONS", {**program.OPTIONS, "maxiter": 0, "presolve": False})
    unsure = SCENARIO.certify(market, constraints)
    asked = ~satisfied(constraints, SCENARIO.measure(market, SCENARIO.certify(market).design), 8)
    assert bool(asked.any())
    assert unsure.kind is CertificateKind.UPPER_BOUND
    assert bool((unsure.utility >= sure.utility).all())
    assert not bool(unsure.proven_infeasible.any())
    assert torch.equal(unsure.prices[constraints[0]].isnan(), asked)
    met = satisfied(constraints, SCENARIO.measure(market, unsure.design), 8)
    assert torch.equal(unsure.feasible, met)


def test_prices_of_a_binding_budget_are_positive_and_of_a_slack_one_zero():
    market = contexts()
    binding = SCENARIO.certify(market, request("payment<=240"))
    slack = SCENARIO.certify(market, request("payment<=499"))
    everybody = SCENARIO.measure(market, binding.design)["served"] == 1
    moved = (binding.utility < slack.utility - 1e-4) & everybody
    assert bool(moved.any())
    assert bool((binding.prices[request("payment<=240")[0]][moved] > 0).all())
    assert not bool(slack.prices[request("payment<=499")[0]].any())
