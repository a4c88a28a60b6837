"""The clairvoyant bound against every sequence of bitrates of short sessions."""

import itertools

import pytest
import torch

from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.video_streaming import VideoStreaming

CHUNKS = 5


@pytest.fixture(scope="module")
def short():
    """A session of five chunks, its contexts, and utility and labels of all 6^5 designs in each."""
    scenario = VideoStreaming.create(chunks=CHUNKS, segments=30)
    contexts = scenario.draw_contexts(6, torch.Generator().manual_seed(2))
    designs = torch.tensor(list(itertools.product(range(6), repeat=CHUNKS))).float()
    outcomes = [scenario.outcome(rows, scenario.replay(rows, designs))
                for rows in (context.expand(len(designs), -1) for context in contexts)]
    return scenario, contexts, outcomes


@pytest.mark.parametrize("where", [[], ["switches<=1"], ["switches<=2", "rebuffer<=4"], ["rebuffer_ratio<=0.1"],
                                   ["mean_bitrate>=1.2"]])
def test_no_design_beats_the_bound_and_the_best_comes_near_it(short, where):
    scenario, contexts, outcomes = short
    constraints = parse(where, scenario.labels)
    certificate = scenario.certify(contexts, constraints)
    assert certificate.kind is CertificateKind.UPPER_BOUND
    utility, labels = scenario.outcome(contexts, scenario.replay(contexts, certificate.design))
    met = satisfied(constraints, labels, len(contexts))
    assert torch.equal(met, certificate.feasible)
    for row, (every, figures) in enumerate(outcomes):
        allowed = satisfied(constraints, figures, len(every))
        if bool(allowed.any()):
            best = float(every[allowed].max())
            assert not certificate.proven_infeasible[row]
            assert certificate.utility[row] >= best
            if "mean_bitrate>=1.2" not in where:
                assert certificate.utility[row] <= best + 1.0
                assert met[row]
                assert utility[row] >= best - 0.5
        else:
            assert not met[row]


def test_limits_that_nothing_meets_are_proven(short):
    scenario, contexts, _ = short
    for where in (["switches<=-1"], ["rebuffer<=0.01"]):
        certificate = scenario.certify(contexts, parse(where, scenario.labels))
        assert certificate.proven_infeasible.all()
        assert certificate.utility.isnan().all()


def test_no_rule_beats_the_bound_over_whole_sessions():
    scenario = VideoStreaming.create()
    contexts = scenario.draw_contexts(2, torch.Generator().manual_seed(7))
    certificate = scenario.certify(contexts)
    best = scenario.utility(contexts, certificate.design)
    assert (best <= certificate.utility).all()
    for name, rule in scenario.heuristics.items():
        assert (scenario.utility(contexts, rule(contexts)) <= best + 0.3).all(), name
