"""Adam with the bits of torch's, without what that looks up at every step and imports before the first one.

A learner takes thousands of steps with networks so small that torch's optimisers spend longer on their bookkeeping than
on the arithmetic, and the first one that a process makes imports torch's compiler, which takes a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Torch's defaults, those of Kingma and Ba 2015."""


class Adam:
    """Adam (Kingma and Ba 2015), with decoupled weight decay (Loshchilov and Hutter 2019) where it is asked for.

    All tensors of a network are moved in one call: `torch.optim.AdamW` with `fused=True`.

    Args:
        parameters: what is learned, all on one device.
        weight_decay: share of the learning rate by which a step shrinks each parameter.
    """

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float = 0.0) -> None:
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        self.values = [value.detach() for value in self.parameters]
        self._first, self._second = ([torch.zeros_like(value) for value in self.values] for _ in range(2))
        self._count = torch.zeros((), device=self.values[0].device)
        self._counts = [self._count] * len(self.values)

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return int(self._count)

    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Take a step of a learning rate against gradients, one for each parameter."""
        self._count += 1
        torch._fused_adamw_(self.values, list(gradients), self._first, self._second, [], self._counts, lr=rate,
                            beta1=FIRST_DECAY, beta2=SECOND_DECAY, weight_decay=self.weight_decay, eps=EPSILON,
                            amsgrad=False, maximize=False)

    def forget(self) -> None:
        """Drop the gradients that backward passes left."""
        for parameter in self.parameters:
            parameter.grad = None

    def descend(self, rate: float) -> None:
        """Take a step of a learning rate against the gradients that backward passes left, which all parameters have."""
        self.step([parameter.grad for parameter in self.parameters], rate)  # type: ignore[misc]

    def state(self) -> dict[str, Tensor]:
        """Return what the next steps rest on, as torch names it: "0/step", "0/exp_avg" and so on."""
        state: dict[str, Tensor] = {}
        for place, (first, second) in enumerate(zip(self._first, self._second, strict=True)):
            state |= {f"{place}/step": self._count.clone(), f"{place}/exp_avg": first, f"{place}/exp_avg_sq": second}
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned.

        Raises:
            KeyError: a part is missing.
            RuntimeError: a part has another shape.
        """
        self._count.copy_(state["0/step"])
        for place, (first, second) in enumerate(zip(self._first, self._second, strict=True)):
            first.copy_(state[f"{place}/exp_avg"])
            second.copy_(state[f"{place}/exp_avg_sq"])
