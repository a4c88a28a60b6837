"""Repair for every label and sense: against a search through every design of three users, and at full size."""

import pytest
import torch

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.power_allocation import local_repair

THREE = registry.create("power-allocation", users=3)
TWENTY = registry.create("power-allocation", users=20)
LEVEL = torch.arange(0.0, 41.0)
EVERY = torch.cartesian_prod(LEVEL, LEVEL, LEVEL)
REQUESTS = (["jain_fairness>=0.99"], ["jain_fairness<=0.6"], ["jain_fairness>0.7", "jain_fairness<0.75"],
            ["energy_efficiency>=1.2"], ["energy_efficiency<=0.4"], ["energy_efficiency<0"],
            ["min_rate<=30", "total_power>=60"], ["min_sinr_db<-12", "max_power>=30"],
            ["total_power>=100", "min_rate>=40"], ["max_power>39", "total_power<50", "min_rate>=3"],
            ["jain_fairness>=0.98", "energy_efficiency>=1", "min_rate>=20", "total_power<=70"],
            ["total_power>=40", "total_power<=40", "max_power>=30", "jain_fairness>=0.6"])


def context_of(network, count=1, seed=3):
    return network.draw_contexts(count, torch.Generator().manual_seed(seed))


def meets(context, design, constraints):
    return bool(satisfied(constraints, THREE.measure(context[None], design[None]), 1))


@pytest.mark.parametrize("texts", REQUESTS)
def test_three_users_against_a_search_through_every_design(texts):
    contexts, constraints = context_of(THREE, 2), parse(texts, THREE.labels)
    wishes = torch.randint(0, 41, (2, 3), generator=torch.Generator().manual_seed(1)).float()
    projected = THREE.project(contexts, wishes, constraints)
    certificate, known = THREE.certify(contexts, constraints), THREE.feasible(contexts, constraints)
    assert torch.equal(projected, THREE.admissible(projected))
    for row in range(2):
        context = contexts[row].expand(len(EVERY), -1)
        allowed = satisfied(constraints, THREE.measure(context, EVERY), len(EVERY))
        possible = bool(allowed.any())
        assert not (possible and known.impossible[row])
        assert meets(contexts[row], projected[row], constraints) == possible  # the search misses none of these
        assert bool(known.known[row]) == bool(certificate.feasible[row]) == possible
        if possible:
            best = THREE.utility(context[allowed], EVERY[allowed]).amax()
            found = THREE.utility(contexts[row:row + 1], certificate.design[row:row + 1])[0]
            assert meets(contexts[row], certificate.design[row], constraints)
            assert meets(contexts[row], known.witness[row], constraints)
            assert float(best - found) <= 0.01 * float(best.abs()) + 1e-9
            bound = certificate.utility[row]
            assert bool(bound >= best - 1e-9) or bool(bound.isnan())


@pytest.mark.parametrize("where", [
    {"jain_fairness>=": 1.001}, {"energy_efficiency>=": 1.2}, {"energy_efficiency<=": 0.85},
    {"jain_fairness<=": 0.7},
    {"min_rate<=": 0.5}, {"total_power>=": 1.2},
    {"total_power<=": 0.95, "min_rate>=": 0.9, "energy_efficiency>=": 1.02}])
def test_every_projection_of_twenty_users_meets_the_request_and_the_best_is_as_good(where):
    contexts = context_of(TWENTY)
    free = TWENTY.certify(contexts).design
    labels = TWENTY.measure(contexts, free)
    constraints = parse([f"{text}{share * float(labels[text[:-2]][0])!r}" for text, share in where.items()],
                        TWENTY.labels)
    noise = 4 * torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    repeated = contexts.expand(8, -1)
    designs = TWENTY.project(repeated, TWENTY.admissible(free + noise), constraints)
    assert bool(satisfied(constraints, TWENTY.measure(repeated, designs), 8).all())
    utility = TWENTY.utility(repeated, designs)
    certificate = TWENTY.certify(contexts, constraints)
    best = float(TWENTY.utility(contexts, certificate.design)[0])
    assert bool(certificate.feasible.all())
    assert float(utility.amax()) <= best + 0.002 * abs(best)
    assert float(utility.amax()) >= 0.99 * best
    assert float(certificate.utility[0]) >= best


def test_a_design_that_meets_the_request_is_left_alone():
    contexts, constraints = context_of(THREE), parse(["jain_fairness>=0.5", "energy_efficiency>=0.2"], THREE.labels)
    wish = THREE.certify(contexts).design
    assert bool(satisfied(constraints, THREE.measure(contexts, wish), 1))
    assert torch.equal(THREE.project(contexts, wish, constraints), wish)


def test_where_the_search_stalls_the_wish_is_approached_from_a_witness(monkeypatch):
    monkeypatch.setattr(local_repair, "PROJECTION_ROUNDS", 0)
    contexts, constraints = context_of(THREE), parse(["jain_fairness>=0.95"], THREE.labels)
    wish = torch.tensor([[40.0, 1.0, 1.0]])
    found = THREE.project(contexts, wish, constraints)
    assert bool(satisfied(constraints, THREE.measure(contexts, found), 1))


def test_the_answer_of_a_context_depends_on_no_other_of_its_batch():
    contexts, constraints = context_of(THREE, 2), parse(["jain_fairness>=0.98", "total_power<=60"], THREE.labels)
    wishes = torch.randint(0, 41, (2, 3), generator=torch.Generator().manual_seed(2)).float()
    whole, again = (THREE.project(contexts, wishes, constraints) for _ in range(2))
    assert torch.equal(whole, again)
    certified = THREE.certify(contexts, constraints).design
    for row in range(2):
        one = slice(row, row + 1)
        assert torch.equal(whole[one], THREE.project(contexts[one], wishes[one], constraints))
        assert torch.equal(certified[one], THREE.certify(contexts[one], constraints).design)


@pytest.mark.parametrize("texts", [["total_power<=250", "min_rate>=5"], ["max_power<=24"], ["min_sinr_db>=-19"]])
def test_what_a_repair_changed_is_improved_within_the_request(texts, monkeypatch):
    contexts, constraints = context_of(TWENTY, 4), parse(texts, TWENTY.labels)
    wishes = torch.randint(0, 41, (4, 20), generator=torch.Generator().manual_seed(5)).float()
    designs = TWENTY.project(contexts, wishes, constraints)
    monkeypatch.setattr(local_repair, "PROJECTION_CLIMB", 0)
    bare = TWENTY.project(contexts, wishes, constraints)
    assert bool(satisfied(constraints, TWENTY.measure(contexts, designs), 4).all())
    assert bool((TWENTY.utility(contexts, designs) > TWENTY.utility(contexts, bare)).all())
    again = TWENTY.project(contexts, bare, constraints)
    assert torch.equal(again, bare), "what meets the request is left alone"


def test_where_the_witness_search_fails_the_certificates_design_is_taken(monkeypatch):
    contexts, constraints = context_of(THREE), parse(["jain_fairness>=0.95"], THREE.labels)
    nothing = torch.zeros(1, dtype=torch.bool), torch.zeros(1, 3)
    monkeypatch.setattr(local_repair, "witness", lambda *_: nothing)
    monkeypatch.setattr(local_repair, "PROJECTION_ROUNDS", 0)
    found = THREE.project(contexts, torch.tensor([[40.0, 1.0, 1.0]]), constraints)
    assert bool(satisfied(constraints, THREE.measure(contexts, found), 1))
