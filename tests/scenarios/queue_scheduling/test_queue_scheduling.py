"""Queues served one a slot, against a simulation by hand and every sequence of decisions of tiny networks."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.scenarios.core import CertificateKind
from aign.scenarios.core.constraints import parse
from aign.scenarios.queue_scheduling import QueueScheduling

TINY = QueueScheduling.create(queues=2, slots=6, buffer=3, arrivals=2.5)
SMALL = QueueScheduling.create(queues=3, slots=5, buffer=2, arrivals=3.0)
DEFAULT = QueueScheduling.create()


def contexts(scenario, count=4, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def by_hand(scenario, context, decisions):
    """Return delivered packets of each queue, lost packets and the mean backlog, packet by packet."""
    channels, arrivals = context.round().int().reshape(2, scenario.horizon, scenario.size).tolist()
    waiting, delivered, lost, backlogs = [0] * scenario.size, [0] * scenario.size, 0, []
    for slot, queue in enumerate(decisions):
        for place, packets in enumerate(arrivals[slot]):
            for _ in range(packets):
                lost += waiting[place] == scenario.buffer
                waiting[place] += waiting[place] < scenario.buffer
        for _ in range(channels[slot][queue]):
            delivered[queue] += waiting[queue] > 0
            waiting[queue] -= waiting[queue] > 0
        backlogs.append(sum(waiting))
    return delivered, lost, sum(backlogs) / scenario.horizon


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
@pytest.mark.parametrize("scenario", [TINY, SMALL, DEFAULT], ids=["tiny", "small", "default"])
def test_episodes_are_those_of_a_simulation_by_hand(scenario, seed):
    context = contexts(scenario, 1, seed)
    generator = torch.Generator().manual_seed(seed)
    design = torch.randint(scenario.size, (1, scenario.horizon), generator=generator).float()
    delivered, lost, backlog = by_hand(scenario, context[0], design[0].int().tolist())
    labels = scenario.measure(context, design)
    assert float(scenario.utility(context, design)) == sum(delivered)
    assert float(labels["lost_packets"]) == lost
    assert float(labels["mean_backlog"]) == pytest.approx(backlog)
    fairness = sum(delivered)**2 / max(1e-9, scenario.size * sum(count**2 for count in delivered))
    assert float(labels["jain_delivered"]) == pytest.approx(fairness)


@pytest.mark.parametrize("scenario", [TINY, SMALL], ids=["tiny", "small"])
def test_the_certificate_is_the_best_of_every_sequence_of_decisions(scenario):
    every = torch.tensor(list(product(range(scenario.size), repeat=scenario.horizon)), dtype=torch.float32)
    drawn = contexts(scenario, 12)
    certificate = scenario.certify(drawn)
    assert certificate.kind is CertificateKind.EXHAUSTIVE
    for row, context in enumerate(drawn):
        best = max(sum(by_hand(scenario, context, decisions)[0]) for decisions in every.int().tolist())
        assert float(certificate.utility[row]) == best
    assert torch.equal(scenario.utility(drawn, certificate.design), certificate.utility)
    assert (scenario.reference_utility(drawn) <= certificate.utility).all()
    assert (scenario.reference_utility(drawn) < certificate.utility).any()


def test_under_constraints_the_optimum_is_a_bound_and_the_design_meets_them():
    drawn, where = contexts(TINY, 30), parse(["jain_delivered>=0.9"], TINY.labels)
    certificate = TINY.certify(drawn, where)
    assert certificate.kind is CertificateKind.UPPER_BOUND
    assert torch.equal(certificate.utility, TINY.certify(drawn).utility)
    assert certificate.feasible.any()
    assert not certificate.proven_infeasible.any()
    fair = TINY.measure(drawn, certificate.design)["jain_delivered"] >= 0.9
    assert torch.equal(fair, certificate.feasible)


def test_with_too_many_backlogs_the_best_rule_is_what_is_known():
    large = QueueScheduling.create(queues=10, slots=12, buffer=100)
    drawn = contexts(large)
    certificate = large.certify(drawn)
    assert certificate.kind is CertificateKind.BEST_KNOWN
    best = torch.stack([large.utility(drawn, rule(drawn)) for rule in large.heuristics.values()]).amax(0)
    assert torch.equal(certificate.utility, best)
    assert torch.equal(large.utility(drawn, certificate.design), best)


def test_rules_serve_whom_they_say():
    state = TINY.complete_state(contexts(TINY, 1), torch.tensor([[3.0, 2.0, 1.0, 2.0]]))  # backlogs, then channels
    served = {name: int(rule(contexts(TINY, 1), state).argmax()) for name, rule in TINY.rules.items()}
    assert served == {"longest_queue": 0, "max_weight": 1, "round_robin": 0}
    order = TINY.heuristics["round_robin"](contexts(TINY, 1))
    assert order.tolist() == [[0, 1, 0, 1, 0, 1]]


def test_contexts_are_whole_packets_and_others_are_rounded():
    drawn = contexts(DEFAULT, 50)
    assert torch.equal(drawn, drawn.round())
    moved = DEFAULT.perturbed_contexts(drawn, torch.full((50, 1), 0.3), torch.Generator().manual_seed(1))
    assert not torch.equal(moved, moved.round())
    assert torch.equal(DEFAULT.certify(moved).utility, DEFAULT.certify(moved.round()).utility)


def test_the_picture_shows_backlogs_and_decisions():
    context = contexts(DEFAULT, 1)[0]
    design = DEFAULT.certify(context[None]).design[0]
    figure = DEFAULT.picture(context, DEFAULT.path_of(context, design, design), "a title")
    above, below = figure.axes
    assert above.get_title() == "a title"
    assert len(above.collections) == DEFAULT.size
    np.testing.assert_array_equal(below.collections[0].get_offsets()[:, 1], design)


def test_parameters_have_bounds():
    with pytest.raises(ParameterError, match=r"queues: .*given 1"):
        QueueScheduling.create(queues=1)
