"""Sentences to begin with are understood, and say something, in every network."""

import pytest
from spoken_networks import NETWORKS, network

from aign.intents import examples, read


@pytest.mark.parametrize("key", NETWORKS)
def test_each_example_is_understood(key):
    texts = examples(network(key))
    assert len(texts) >= 2
    requests = [read(text, network(key)).request for text in texts]
    assert all(request is not None and (request.objective or request.spread) for request in requests)
    assert len({str(request) for request in requests}) == len(texts)


def test_the_examples_of_power_name_a_label_to_lower_and_one_to_raise():
    objectives = [read(text, network("power")).request.objective for text in examples(network("power"))]
    power, efficiency = "min total_power", "max energy_efficiency"
    assert objectives == [(power,), (efficiency,), (power, efficiency), ()]
