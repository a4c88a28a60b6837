"""Descent and Polyak averaging with the bits of torch's and the library's, without what they look up at every step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from aign.scenarios.core.adam import EPSILON, FIRST_DECAY, SECOND_DECAY, Adam


class PolicyDescent:
    """Adam in the place of the optimiser that Stable-Baselines3 makes for a policy, and drives.

    Args:
        parameters: of the policy.
        lr: the learning rate, which the library changes in `param_groups`.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.descent = Adam(parameters)
        self.param_groups = [{"lr": lr}]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.descent.forget()

    def step(self) -> None:
        """Take a step against the gradients."""
        self.descent.descend(self.param_groups[0]["lr"])


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


def entropy_coefficient(text: str) -> tuple[float, bool]:
    """Return where a coefficient starts and whether it is learned, as settings say it: "0.2", "auto", "auto_0.1"."""
    return (1.0 if text == "auto" else float(text.removeprefix("auto_"))), text.startswith("auto")


@torch.no_grad()
def follow(targets: list[Tensor], parameters: list[Tensor], tau: float) -> None:
    """Move target parameters by a share `tau` of the way to the parameters (Polyak averaging), in place."""
    torch._foreach_mul_(targets, 1 - tau)
    torch._foreach_add_(targets, parameters, alpha=tau)
