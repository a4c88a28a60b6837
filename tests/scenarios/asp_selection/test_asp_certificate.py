"""Certificates: bound above design above prophet, constraints, and that nothing is computed twice."""

import pytest
import torch
from asp_events import best_of_all, hurried, small

from aign.scenarios.asp_selection import certificate
from aign.scenarios.asp_selection.providers import Fleet
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied


def request(scenario, *texts):
    return parse(texts, scenario.labels)


@pytest.fixture
def scenario():
    return small(tasks=40, providers=12)


@pytest.fixture
def contexts(scenario):
    return hurried(scenario, 3, 1, 1.0)


def test_the_design_lies_between_prophet_and_bound(scenario, contexts):
    found = scenario.certify(contexts)
    utility = scenario.utility(contexts, found.design)
    assert found.kind is CertificateKind.UPPER_BOUND
    assert found.feasible.all()
    assert (utility <= found.utility).all()
    assert (utility >= scenario.utility(contexts, scenario.heuristics["prophet"](contexts))).all()
    assert (utility > 0.85 * found.utility).all()


def test_small_networks_are_searched_through():
    scenario = small(tasks=7)
    contexts = hurried(scenario, 5, 3)
    best = torch.tensor([best_of_all(scenario, context) for context in contexts], dtype=torch.float64)
    found = scenario.certify(contexts)
    assert (found.utility >= best - 1e-5).all()
    assert (scenario.utility(contexts, found.design) <= best + 1e-5).all()


@pytest.mark.parametrize("texts", [("crashes<=0",), ("lost_tasks<=0", "crashes<=0"), ("max_occupancy<=0.7",),
                                   ("jain_load>=0.9",), ("crashes<=0", "max_occupancy<=0.9")])
def test_designs_meet_constraints_where_one_is_known(scenario, contexts, texts):
    constraints = request(scenario, *texts)
    free, found = scenario.certify(contexts), scenario.certify(contexts, constraints)
    held = satisfied(constraints, scenario.measure(contexts, found.design), len(contexts))
    assert torch.equal(held, found.feasible)
    assert held.any()
    assert (found.utility <= free.utility + 1e-9).all()
    assert (scenario.utility(contexts, found.design) <= found.utility)[held].all()
    assert not found.proven_infeasible.any()


def test_what_no_assignment_known_meets_stays_open(scenario, contexts):
    found = scenario.certify(contexts, request(scenario, "max_occupancy<=0.05", "crashes<=0"))
    assert not found.feasible.any()
    assert not found.proven_infeasible.any()


def test_repeats_are_looked_up_and_come_out_the_same_in_any_batch(scenario, contexts, monkeypatch):
    computed = []
    real = certificate.best_prices
    monkeypatch.setattr(certificate, "best_prices", lambda problem: computed.append(1) or real(problem))
    first = scenario.certify(contexts[[2, 0, 2]])
    assert len(computed) == 2
    again = scenario.certify(contexts[[0, 2]], request(scenario, "crashes<=0"))
    assert len(computed) == 2
    assert torch.equal(first.utility[[1, 0]], again.utility)
    assert torch.equal(first.design[0], first.design[2])
    alone = small(tasks=40, providers=12).certify(contexts[:1])
    assert torch.equal(alone.utility, again.utility[:1])
    scenario.certify(contexts, request(scenario, "max_occupancy<=0.8"))
    assert len(computed) == 6  # the one alone, and all three anew as less may be filled


def test_memory_is_bounded(scenario, contexts, monkeypatch):
    monkeypatch.setattr(certificate, "KEPT", 2)
    assert len(scenario.certify(contexts).utility) == 3
    assert len(scenario._certifier.cache) == 2


def test_a_fleet_of_all_contexts_is_certified_too():
    fixed = type(small()).create(tasks=20, providers=3, fleet=7)
    contexts = fixed.draw_contexts(2, torch.Generator().manual_seed(0))
    assert torch.equal(Fleet.of(contexts[:1, :12]).rows(), Fleet.of(contexts[1:, :12]).rows())
    assert (fixed.certify(contexts).utility >= fixed.reference_utility(contexts)).all()
