"""The integer program against enumeration of every design of a small network, with and without requests."""

import pytest
import torch
from delivery_cases import every_design, triangle

from aign.scenarios.core import satisfied
from aign.scenarios.core.constraints import parse
from aign.scenarios.video_delivery import labels, program
from aign.scenarios.video_delivery.proofs import Proofs

CONTEXTS = torch.tensor([[1.1, 2.2, 1.0], [0.4, 3.0, 4.0]])
NETWORKS = [{}, {"capacity": 9.0}, {"storage": 3, "storage_price": 0.5}, {"link_price": 6.0}]


@pytest.fixture(autouse=True)
def exactly(monkeypatch):
    monkeypatch.setattr(program, "GAP", 0.0)


def enumerated(network, context, constraints=()):
    """Return the best utility of any design, minus infinity where none meets the request."""
    designs = every_design(network)
    contexts = context.expand(len(designs), -1)
    utility = network.node_utility(contexts, designs).sum(1)
    values = labels.measure(network.simulate(contexts, designs), network.parameters.capacity)
    return float(utility.where(satisfied(constraints, values, len(designs)), -torch.inf).max())


def proofs(network):
    return Proofs(network, lambda contexts, designs: labels.measure(network.simulate(contexts, designs),
                                                                    network.parameters.capacity))


@pytest.mark.parametrize("changed", NETWORKS, ids=str)
def test_the_optimum_is_that_of_all_designs(changed):
    network = triangle(**changed)
    proven = proofs(network).certify(CONTEXTS, ())
    best = [enumerated(network, context) for context in CONTEXTS]
    assert proven.utility.tolist() == pytest.approx(best, abs=1e-6)
    assert network.node_utility(CONTEXTS, proven.design).sum(1).tolist() == pytest.approx(best, abs=1e-6)
    assert proven.feasible.all()


@pytest.mark.parametrize("where", [["hit_ratio>=0.7"], ["max_load<=0.4"], ["mean_latency<=0.6"], ["served<=0.8"],
                                   ["served>=0.9", "cost<=0.5"], ["mean_bitrate>=12", "cost<=1.5"],
                                   ["mean_bitrate<=6"], ["hit_ratio<=0.3"], ["mean_latency>=1.2"]], ids=str)
def test_the_optimum_under_a_request_is_that_of_all_designs_that_meet_it(where):
    network = triangle(capacity=12.0)
    constraints = parse(where, labels.LABELS)
    proven = proofs(network).certify(CONTEXTS[:1], constraints)
    best = [enumerated(network, context, constraints) for context in CONTEXTS[:1]]
    assert proven.feasible.tolist() == [value > -torch.inf for value in best]
    assert torch.equal(proven.proven_infeasible, ~proven.feasible)
    known = [value for value in best if value > -torch.inf]
    assert proven.utility[proven.feasible].tolist() == pytest.approx(known, abs=1e-6)


def test_what_the_program_ignores_is_said_and_checked():
    network = triangle()
    constraints = parse(["cost>=2"], labels.LABELS)
    proven = proofs(network).certify(CONTEXTS[:1], constraints)
    assert "It ignores cost>=2" in proven.statement
    assert not proven.feasible.any()
    assert not proven.proven_infeasible.any()
    assert float(proven.utility[0]) >= enumerated(network, CONTEXTS[0], constraints)
