"""Adam and Polyak averaging with the bits of torch's and the library's, without what they look up at every step.

An agent takes thousands of steps with networks so small that torch's optimisers spend longer on their bookkeeping than
on the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Torch's defaults, those of Kingma and Ba 2015."""


class Adam:
    """Adam (Kingma and Ba 2015) for all tensors of a network in one call: `torch.optim.Adam` with `fused=True`.

    Args:
        parameters: what is learned.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)
        self.values = [value.detach() for value in self.parameters]
        self._first, self._second = ([torch.zeros_like(value) for value in self.values] for _ in range(2))
        self._count = torch.zeros(())
        self._counts = [self._count] * len(self.values)

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return int(self._count)

    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Take a step of a learning rate against gradients, one for each parameter."""
        self._count += 1
        torch._fused_adam_(self.values, list(gradients), self._first, self._second, [], self._counts, lr=rate,
                           beta1=FIRST_DECAY, beta2=SECOND_DECAY, weight_decay=0.0, eps=EPSILON, amsgrad=False,
                           maximize=False)


class LearnedCoefficient:
    """The entropy coefficient of soft actor-critic, whose logarithm is learned: `torch.optim.Adam` without fusion.

    Args:
        logarithm: where it starts, one number in a tensor of any shape.
    """

    def __init__(self, logarithm: Tensor) -> None:
        self.logarithm = logarithm.detach().clone()
        self._first, self._second = torch.zeros_like(self.logarithm), torch.zeros_like(self.logarithm)
        self._count = 0

    @property
    def value(self) -> Tensor:
        """The coefficient, in the shape of the logarithm."""
        return self.logarithm.exp()

    def step(self, gradient: Tensor, rate: float) -> None:
        """Take a step of a learning rate against the gradient with respect to the logarithm."""
        self._count += 1
        self._first.lerp_(gradient, 1 - FIRST_DECAY)
        self._second.mul_(SECOND_DECAY).addcmul_(gradient, gradient, value=1 - SECOND_DECAY)
        unbiased = self._second.sqrt() / (1 - SECOND_DECAY**self._count) ** 0.5
        self.logarithm.addcdiv_(self._first, unbiased.add_(EPSILON), value=-rate / (1 - FIRST_DECAY**self._count))


@torch.no_grad()
def follow(targets: list[Tensor], parameters: list[Tensor], tau: float) -> None:
    """Move target parameters by a share `tau` of the way to the parameters (Polyak averaging), in place."""
    torch._foreach_mul_(targets, 1 - tau)
    torch._foreach_add_(targets, parameters, alpha=tau)
