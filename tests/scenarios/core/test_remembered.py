import gc
import weakref

import pytest
import torch
from targets_network import Targets, TargetsParameters

from aign.scenarios.core.constraints import parse
from aign.scenarios.core.remembered import MOST, MOST_CONTEXTS, certificate_of


@pytest.fixture
def scenario(monkeypatch):
    """A network that counts how often it certifies; what it answers does not depend on constraints."""
    network = Targets(TargetsParameters())
    certify, network.asked = network.certify, []
    monkeypatch.setattr(network, "certify", lambda *request: network.asked.append(request) or certify(request[0]))
    return network


def test_a_certificate_is_made_once_and_is_the_networks(scenario) -> None:
    contexts = scenario.draw_contexts(3, torch.Generator().manual_seed(0))
    first, again = certificate_of(scenario, contexts), certificate_of(scenario, contexts.clone())
    assert first is again
    assert len(scenario.asked) == 1
    assert torch.equal(first.utility, Targets(TargetsParameters()).certify(contexts).utility)


def test_other_contexts_constraints_or_networks_are_other_requests(scenario) -> None:
    contexts = scenario.draw_contexts(2, torch.Generator().manual_seed(0))
    bound = parse([f"{scenario.labels[0].name}<=1"], scenario.labels)
    for request in ((contexts,), (contexts[:1],), (contexts.flip(0),), (contexts, bound)):
        certificate_of(scenario, *request)
    assert len(scenario.asked) == 4
    assert certificate_of(Targets(TargetsParameters()), contexts) is not certificate_of(scenario, contexts)


def test_only_the_latest_of_single_requests_are_kept(scenario) -> None:
    contexts = scenario.draw_contexts(MOST_CONTEXTS + 1, torch.Generator().manual_seed(0))
    for _ in range(2):
        certificate_of(scenario, contexts)
    assert len(scenario.asked) == 2
    several = torch.arange(1.0, MOST + 2)[:, None] * contexts[:1]
    for context in several[:MOST]:
        certificate_of(scenario, context[None])
    certificate_of(scenario, several[:1])  # the oldest, asked for again
    certificate_of(scenario, several[MOST:])
    asked = len(scenario.asked)
    certificate_of(scenario, several[:1])
    assert len(scenario.asked) == asked
    certificate_of(scenario, several[1:2])
    assert len(scenario.asked) == asked + 1


def test_a_network_that_is_gone_is_forgotten() -> None:
    network = Targets(TargetsParameters())
    certificate_of(network, network.draw_contexts(1, torch.Generator().manual_seed(0)))
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None
