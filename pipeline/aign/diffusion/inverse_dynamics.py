"""The inverse-dynamics head: which action leads from one state to the next (Ajay et al. 2023, section 3.2).

Axes: B batch, S state values, K fixed observation values, A action values, of which one is chosen by `ChoiceDynamics`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from aign.diffusion.network import ACTIVATIONS, Activation, Network


class Head(Protocol):
    """What training asks of an inverse-dynamics head."""

    def loss(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor, actions_BA: Tensor) -> Tensor:
        """Return the loss of these transitions."""


class InverseDynamics(Network):
    """A linear map of the change of state plus a small perceptron; the output is clipped to [-1, 1] outside training.

    The linear path starts at the least-squares fit, which is exact in the frequent case that an action is a scaled
    change of state; the perceptron, which starts at zero, learns what is left.
    """

    def __init__(self, state_size: int, fixed_size: int, action_size: int, hidden: int = 128,
                 activation: Activation = "mish") -> None:
        super().__init__(state_size=state_size, fixed_size=fixed_size, action_size=action_size, hidden=hidden,
                         activation=activation)
        nonlinear = ACTIVATIONS[activation]
        self.direct = nn.Linear(state_size, action_size)
        last = nn.Linear(hidden, action_size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.refine = nn.Sequential(nn.Linear(2 * state_size + fixed_size, hidden), nonlinear(),
                                    nn.Linear(hidden, hidden), nonlinear(), last)

    @torch.no_grad()
    def fit_linear(self, changes_BS: Tensor, actions_BA: Tensor) -> None:
        """Set the linear path to the least-squares map from changes of state to actions."""
        ones = torch.ones_like(changes_BS[:, :1])
        inputs = torch.cat([changes_BS, ones], dim=1).double()
        # By singular values, on the CPU: other drivers go astray where a state never changes.
        solution = torch.linalg.lstsq(inputs, actions_BA.double(), driver="gelsd").solution
        self.direct.weight.copy_(solution[:-1].T)
        self.direct.bias.copy_(solution[-1])

    def forward(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor) -> Tensor:
        """Return actions (B, A) for normalised states and fixed observations."""
        inputs = torch.cat([states_BS, next_states_BS, fixed_BK], dim=1)
        actions: Tensor = self.direct(next_states_BS - states_BS) + self.refine(inputs)
        return actions if self.training else actions.clamp(-1.0, 1.0)

    def loss(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor, actions_BA: Tensor) -> Tensor:
        """Return the mean squared error of the actions."""
        return squared_error(self(states_BS, next_states_BS, fixed_BK), actions_BA)


class ChoiceDynamics(Network):
    """The head where an action is one of so many choices: a perceptron whose largest score decides."""

    def __init__(self, state_size: int, fixed_size: int, choices: int, hidden: int = 128,
                 activation: Activation = "mish") -> None:
        super().__init__(state_size=state_size, fixed_size=fixed_size, choices=choices, hidden=hidden,
                         activation=activation)
        nonlinear = ACTIVATIONS[activation]
        self.layers = nn.Sequential(nn.Linear(2 * state_size + fixed_size, hidden), nonlinear(),
                                    nn.Linear(hidden, hidden), nonlinear(), nn.Linear(hidden, choices))

    def scores(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor) -> Tensor:
        """Return the score of each choice (B, A), before any softmax."""
        scores: Tensor = self.layers(torch.cat([states_BS, next_states_BS - states_BS, fixed_BK], dim=1))
        return scores

    def forward(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor) -> Tensor:
        """Return actions (B, A) for normalised states and fixed observations: 1 for the choice made, 0 elsewhere."""
        scores = self.scores(states_BS, next_states_BS, fixed_BK)
        return nn.functional.one_hot(scores.argmax(dim=1), scores.shape[1]).to(states_BS.dtype)

    def loss(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor, actions_BA: Tensor) -> Tensor:
        """Return the mean cross-entropy of the choices."""
        scores = self.scores(states_BS, next_states_BS, fixed_BK).float()
        return nn.functional.cross_entropy(scores, actions_BA.argmax(dim=1))


def squared_error(predicted_BA: Tensor, actions_BA: Tensor) -> Tensor:
    """Return the mean squared error of actions."""
    return (predicted_BA - actions_BA).float().square().mean()
