"""A multilayer perceptron whose gradients are written out: the kernels autograd would call, in the same order.

Autograd spends a quarter of an update of so small a network on its graph, and computes the gradients of weights even
where only that of the input is wanted. Bits are those of `nn.Sequential` and autograd.

Axes: B batch, F values in, V values out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

silu_backward = torch.ops.aten.silu_backward.default


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a pass leaves behind for its gradients: each layer's input, and each hidden layer's value before SiLU."""

    inputs: list[Tensor]
    sums: list[Tensor]


class Perceptron:
    """Linear layers with SiLU between them, by reference to the layers of a module, which learn by it.

    Args:
        network: linear layers, first to last, and SiLU after each but the last.
    """

    def __init__(self, network: nn.Module) -> None:
        self.layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        self._weights = [layer.weight.detach() for layer in self.layers]
        self._biases = [layer.bias.detach() for layer in self.layers]

    def __call__(self, values: Tensor) -> tuple[Tensor, Trace]:
        """Return what the network gives (B, V) for values (B, F), and the trace of this pass."""
        trace = Trace([], [])
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            trace.inputs.append(values)
            trace.sums.append(nn.functional.linear(values, weight, bias))
            values = nn.functional.silu(trace.sums[-1])
        trace.inputs.append(values)
        return nn.functional.linear(values, self._weights[-1], self._biases[-1]), trace

    def parameter_gradients(self, trace: Trace, gradient: Tensor) -> list[Tensor]:
        """Return the gradient of each weight and bias, first layer to last, given that (B, V) of what came out."""
        gradients: list[Tensor] = []
        for number in reversed(range(len(self.layers))):
            gradients[:0] = gradient.t().mm(trace.inputs[number]), gradient.sum(0)
            if number:
                gradient = silu_backward(gradient.mm(self._weights[number]), trace.sums[number - 1])
        return gradients

    def input_gradient(self, trace: Trace, gradient: Tensor) -> Tensor:
        """Return the gradient (B, F) of what went in, given that (B, V) of what came out."""
        for number in reversed(range(1, len(self.layers))):
            gradient = silu_backward(gradient.mm(self._weights[number]), trace.sums[number - 1])
        return gradient.mm(self._weights[0])
