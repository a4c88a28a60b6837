"""Projection meets every request that the certificate can meet, and keeps what already meets it."""

import pytest
import torch
from planning_cases import plans
from planning_reference import SQUARE

from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.ip_optical_planning import IpOpticalPlanning
from aign.scenarios.ip_optical_planning import backbone as module


@pytest.fixture
def small(monkeypatch):
    """Return a scenario on the square."""
    monkeypatch.setattr(module, "load", lambda name: SQUARE)
    return IpOpticalPlanning.create(topology="square", unit=5.0, most_modules=4, spectrum=4)


@pytest.mark.parametrize("texts", [
    ("reliability>=1",), ("reliability>=1", "ip>=1", "cost<=61"), ("optical>=1", "ip>=1"),
    ("reliability>=0.4", "cost<=45"), ("links_used<=4", "ip>=1"), ("max_modules<=2", "reliability>=1"),
    ("cost<=12",), ("ip>=1", "cost<=35"), ("links_used>=5", "cost<=40"), ("cost>=70",),
    ("reliability>=0.4", "ip>=1", "optical>=2", "cost<=50")])
def test_all_that_can_be_met_is_met(small, texts):
    contexts = small.draw_contexts(24, torch.Generator().manual_seed(0))
    constraints = parse(texts, small.labels)
    certificate = small.certify(contexts, constraints)
    designs = small.project(contexts, plans(24).float(), constraints)
    met = satisfied(constraints, small.measure(contexts, designs), 24)
    assert torch.equal(met, certificate.feasible)
    assert torch.equal(certificate.impossible, ~certificate.feasible)
    assert torch.equal(designs, small.admissible(designs))
    held = met & ~certificate.utility.isnan()
    assert bool((small.utility(contexts, designs) <= certificate.utility + 1e-9)[held].all())
    assert int(met.sum()) > 0


def test_what_already_meets_a_request_stays_as_it_is(small):
    contexts = small.draw_contexts(10, torch.Generator().manual_seed(1))
    constraints, full = parse(["reliability>=1"], small.labels), torch.full((10, 5), 4.0)
    assert torch.equal(small.project(contexts, full, constraints), full)


def test_without_constraints_plans_are_only_rounded(small):
    contexts = small.draw_contexts(3, torch.Generator().manual_seed(1))
    wild = torch.tensor([[0.4, -3.0, 9.0, 2.6, 1.0]]).expand(3, -1)
    assert small.project(contexts, wild).tolist() == [[0, 0, 4, 3, 1]] * 3


def test_a_row_does_not_depend_on_its_batch(small):
    contexts, designs = small.draw_contexts(12, torch.Generator().manual_seed(2)), plans(12).float()
    for texts in (["reliability>=1"], ["reliability>=0.4", "cost<=45"]):
        constraints = parse(texts, small.labels)
        alone = [small.project(contexts[row:row + 1], designs[row:row + 1], constraints) for row in range(12)]
        assert torch.equal(small.project(contexts, designs, constraints), torch.cat(alone))
