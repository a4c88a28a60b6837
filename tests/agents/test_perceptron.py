import pytest
import torch
from torch import nn

from aign.agents.perceptron import Perceptron
from aign.agents.policy import hidden_layers


@pytest.fixture(params=[(), (7,), (64, 64), (16, 8, 5)], ids=str)
def network(request):
    torch.manual_seed(0)
    return nn.Sequential(*hidden_layers(6, request.param), nn.Linear((6, *request.param)[-1], 3))


def test_gradients_are_those_of_autograd_to_the_last_bit(network) -> None:
    values, wanted = torch.randn(40, 6, requires_grad=True), torch.randn(40, 3)
    expected = torch.autograd.grad(network(values), [values, *network.parameters()], wanted)
    with torch.no_grad():
        given, trace = Perceptron(network)(values)
        gradients = [Perceptron(network).input_gradient(trace, wanted),
                     *Perceptron(network).parameter_gradients(trace, wanted)]
    assert torch.equal(given, network(values))
    assert len(gradients) == len(expected)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(gradients, expected, strict=True))


def test_it_learns_with_the_module(network) -> None:
    perceptron, values = Perceptron(network), torch.randn(5, 6)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5)
        assert torch.equal(perceptron(values)[0], network(values))
