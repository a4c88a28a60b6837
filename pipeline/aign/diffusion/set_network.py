"""The denoiser that treats the scenario's decision makers as a set of entities: it serves any number, in any order.

One token an entity holds its part of the noisy plan, of the first state and of what is fixed. Each block transforms all
tokens alike and lets every token see the mean over all (Deep Sets: Zaheer et al. 2017), so that the cost grows linearly
with their number and the network is equivariant to their order. Time, return, labels and the number of entities reach
every block as an embedding. Where entities use resources in common, they also see those who may use the same ones; see
`resources`.

Axes: B trajectories, L planned states, S state values, K known values, N entities, Q conditions, C channels,
E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aign.diffusion.inverse_dynamics import InverseDynamics, squared_error
from aign.diffusion.network import ACTIVATIONS, Activation, Network
from aign.diffusion.resources import Resources, ResourceSums
from aign.diffusion.unet import mlp, sinusoidal

WIDENING = 2
"""Hidden width of a block's perceptron, as a multiple of its channels."""


class SetBlock(nn.Module):
    """A residual perceptron on every token, which also sees the mean token, the embedding, and tokens of entities that
    may use one of the same `reach` resources.
    """

    def __init__(self, channels: int, embedding: int, activation: Activation, reach: int = 0) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.norm = nn.LayerNorm(channels)
        self.own = nn.Linear(channels, WIDENING * channels)
        self.mean = nn.Linear(channels, WIDENING * channels, bias=False)
        self.embed = nn.Linear(embedding, WIDENING * channels, bias=False)
        self.leave = nn.Linear(WIDENING * channels, channels)
        self.shared = ResourceSums(channels, reach, WIDENING * channels) if reach else None

    def forward(self, tokens_BNC: Tensor, embedding_BE: Tensor, resources: Resources | None = None) -> Tensor:
        """Return new tokens (B, N, C)."""
        normed = self.norm(tokens_BNC)
        common = self.mean(normed.mean(dim=1)) + self.embed(embedding_BE)
        hidden = self.own(normed) + common[:, None]
        if self.shared is not None and resources is not None:
            hidden = hidden + self.shared(normed, resources)
        output: Tensor = tokens_BNC + self.leave(self.activation(hidden))
        return output


class SetDenoiser(Network):
    """Predict the clean states, the noise or the velocity of a noisy plan, entities as a set.

    Values that belong to entities come in runs of N equal parts, entity by entity, one run a feature.

    Args:
        plan_length: L, planned states.
        state_widths: values an entity has in each state feature.
        fixed_widths: values an entity has in each fixed feature.
        condition_count: Q, conditions (return, then labels), each of which may be masked.
        channels: C, width of a token.
        depth: number of blocks.
        embedding: E.
        activation: the non-linearity.
        resources: place among the fixed features of the one that numbers resources; see `resources`.
    """

    def __init__(self, plan_length: int, state_widths: Sequence[int], fixed_widths: Sequence[int],
                 condition_count: int, channels: int = 128, depth: int = 4, embedding: int = 128,
                 activation: Activation = "mish", resources: int | None = None) -> None:
        super().__init__(plan_length=plan_length, state_widths=list(state_widths), fixed_widths=list(fixed_widths),
                         condition_count=condition_count, channels=channels, depth=depth, embedding=embedding,
                         activation=activation, resources=resources)
        reach = 0 if resources is None else fixed_widths[resources]
        state, fixed = sum(state_widths), sum(fixed_widths) - reach
        self.state_widths, self.fixed_widths, self.embedding_size = list(state_widths), list(fixed_widths), embedding
        self.resources = resources
        self.activation = ACTIVATIONS[activation]()
        self.time = mlp(embedding, embedding, activation)
        self.condition = mlp(2 * condition_count, embedding, activation)
        self.count = nn.Linear(1, embedding, bias=False)
        self.enter = nn.Linear((plan_length + 1) * state + fixed, channels)
        self.layers = nn.ModuleList(SetBlock(channels, embedding, activation, reach) for _ in range(depth))
        self.leave = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, plan_length * state))

    def forward(self, sample_BLS: Tensor, timestep_B: Tensor, known_BK: Tensor, conditions_BQ: Tensor,
                mask_BQ: Tensor) -> Tensor:
        """Return the prediction (B, L, S); arguments as in `TemporalUNet.forward`."""
        states, fixed = self.state_widths, self.fixed_widths
        entities = sample_BLS.shape[2] // sum(states)
        fixed_BK, first_BS = known_BK.split([entities * sum(fixed), entities * sum(states)], dim=1)
        plan_BNV = by_entity(sample_BLS, states, entities).transpose(1, 2).flatten(2)
        fixed_BNV, resources = Resources.split(by_entity(fixed_BK, fixed, entities), fixed, self.resources)
        first_BNV = by_entity(first_BS, states, entities)
        tokens = self.enter(torch.cat([plan_BNV, first_BNV, fixed_BNV], dim=2))
        masked = torch.cat([conditions_BQ.masked_fill(~mask_BQ, 0.0), mask_BQ.to(sample_BLS.dtype)], dim=1)
        count = sample_BLS.new_full((len(sample_BLS), 1), float(entities)).log10()
        embedding = self.time(sinusoidal(timestep_B, self.embedding_size).to(sample_BLS.dtype)) + self.count(count)
        embedding = self.activation(embedding + self.condition(masked))
        for layer in self.layers:
            tokens = layer(tokens, embedding, resources)
        values = self.leave(tokens).unflatten(2, (sample_BLS.shape[1], sum(states)))
        return in_runs(values.transpose(1, 2), states)


class SharedInverseDynamics(Network):
    """The inverse-dynamics head of every entity: one `InverseDynamics` that sees an entity's own values only.

    Args:
        state_widths, fixed_widths: values an entity has in each feature, as in `SetDenoiser`.
        action_size: action values of an entity.
        hidden: hidden width.
        activation: the non-linearity.
        resources: as in `SetDenoiser`; their numbers mean nothing to an entity alone.
    """

    def __init__(self, state_widths: Sequence[int], fixed_widths: Sequence[int], action_size: int,
                 hidden: int = 128, activation: Activation = "mish", resources: int | None = None) -> None:
        super().__init__(state_widths=list(state_widths), fixed_widths=list(fixed_widths), action_size=action_size,
                         hidden=hidden, activation=activation, resources=resources)
        self.state_widths, self.fixed_widths, self.resources = list(state_widths), list(fixed_widths), resources
        reach = 0 if resources is None else fixed_widths[resources]
        self.head = InverseDynamics(sum(state_widths), sum(fixed_widths) - reach, action_size, hidden, activation)

    @torch.no_grad()
    def fit_linear(self, changes_BS: Tensor, actions_BA: Tensor) -> None:
        """Set the linear path to the least-squares map, over all entities alike."""
        widths = self.state_widths
        entities = changes_BS.shape[1] // sum(widths)
        self.head.fit_linear(by_entity(changes_BS, widths, entities).flatten(0, 1),
                             actions_BA.unflatten(1, (entities, -1)).flatten(0, 1))

    def forward(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor) -> Tensor:
        """Return actions (B, A) for normalised states and fixed observations."""
        states, fixed = self.state_widths, self.fixed_widths
        entities = states_BS.shape[1] // sum(states)
        parts = [by_entity(states_BS, states, entities), by_entity(next_states_BS, states, entities),
                 Resources.split(by_entity(fixed_BK, fixed, entities), fixed, self.resources)[0]]
        actions: Tensor = self.head(*(part.flatten(0, 1) for part in parts))
        return actions.reshape(len(states_BS), -1)

    def loss(self, states_BS: Tensor, next_states_BS: Tensor, fixed_BK: Tensor, actions_BA: Tensor) -> Tensor:
        """Return the mean squared error of the actions."""
        return squared_error(self(states_BS, next_states_BS, fixed_BK), actions_BA)


def by_entity(values: Tensor, widths: Sequence[int], entities: int) -> Tensor:
    """Regroup runs (..., sum of N * width) to (..., N, sum of widths)."""
    runs = values.split([entities * width for width in widths], dim=-1)
    return torch.cat([run.unflatten(-1, (entities, width)) for run, width in zip(runs, widths, strict=True)], dim=-1)


def in_runs(values: Tensor, widths: Sequence[int]) -> Tensor:
    """Undo `by_entity`: (..., N, sum of widths) to runs (..., sum of N * width)."""
    return torch.cat([part.flatten(-2) for part in values.split(list(widths), dim=-1)], dim=-1)
