"""The denoiser: a temporal U-Net over the states of a trajectory (Janner et al. 2022; Ajay et al. 2023).

Convolutions run along time. What is known and not noised (the context, the first state) and what is asked for (return,
labels) enter as embeddings added in every block; the known part is also projected onto the first layer's channels,
which equals giving it as extra constant input channels at a fraction of the cost.

Axes: B trajectories, L states in time, S state values, K known values, Q conditions, C channels, E embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aign.diffusion.network import ACTIVATIONS, Activation, Network


class ResidualTemporalBlock(nn.Module):
    """Two temporal convolutions with group normalisation; the embedding is added between them."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int, kernel: int, groups: int,
                 activation: Activation) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.first = nn.Conv1d(channels_in, channels_out, kernel, padding=kernel // 2)
        self.first_norm = nn.GroupNorm(groups, channels_out)
        self.second = nn.Conv1d(channels_out, channels_out, kernel, padding=kernel // 2)
        self.second_norm = nn.GroupNorm(groups, channels_out)
        self.embed = nn.Linear(embedding, channels_out)
        self.skip = nn.Conv1d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x_BCL: Tensor, embedding_BE: Tensor) -> Tensor:
        """Return the block's output (B, C_out, L)."""
        hidden = self.activation(self.first_norm(self.first(x_BCL))) + self.embed(embedding_BE)[:, :, None]
        hidden = self.activation(self.second_norm(self.second(hidden)))
        output: Tensor = hidden + self.skip(x_BCL)
        return output


class TemporalUNet(Network):
    """Predict the clean states, the noise or the velocity of a noisy trajectory.

    Args:
        state_size: S, values of a state.
        known_size: K, values known beforehand: fixed observation and first state.
        condition_count: Q, conditions (return, then labels), each of which may be masked.
        channels: channels of the top level.
        multipliers: channels of each level as multiples; each level after the first halves the length.
        kernel: length of the temporal convolutions.
        embedding: E.
        groups: groups of the group normalisation.
        activation: the non-linearity.
    """

    def __init__(self, state_size: int, known_size: int, condition_count: int, channels: int = 64,
                 multipliers: Sequence[int] = (1, 2), kernel: int = 5, embedding: int = 256, groups: int = 8,
                 activation: Activation = "mish") -> None:
        super().__init__(state_size=state_size, known_size=known_size, condition_count=condition_count,
                         channels=channels, multipliers=list(multipliers), kernel=kernel, embedding=embedding,
                         groups=groups, activation=activation)
        self.activation = ACTIVATIONS[activation]()
        widths = [channels * multiplier for multiplier in multipliers]
        block = (embedding, kernel, groups, activation)
        self.shrink = 2 ** (len(widths) - 1)
        self.embedding_size = embedding
        self.time = mlp(embedding, embedding, activation)
        self.known = mlp(known_size, embedding, activation)
        self.condition = mlp(2 * condition_count, embedding, activation)
        self.enter = nn.Conv1d(state_size, channels, kernel, padding=kernel // 2)
        self.enter_known = nn.Linear(known_size, channels)
        self.down = nn.ModuleList(ResidualTemporalBlock(a, b, *block)
                                  for a, b in zip([channels, *widths[:-1]], widths, strict=True))
        self.halving = nn.ModuleList(nn.Conv1d(width, width, 3, stride=2, padding=1) for width in widths[:-1])
        self.middle = ResidualTemporalBlock(widths[-1], widths[-1], *block)
        self.up = nn.ModuleList(ResidualTemporalBlock(a + b, b, *block)
                                for a, b in zip([widths[-1], *widths[:0:-1]], widths[::-1], strict=True))
        self.doubling = nn.ModuleList(nn.ConvTranspose1d(width, width, 4, stride=2, padding=1)
                                    for width in widths[:0:-1])
        self.leave = nn.Sequential(nn.Conv1d(widths[0], channels, kernel, padding=kernel // 2),
                                   nn.GroupNorm(groups, channels), ACTIVATIONS[activation](),
                                   nn.Conv1d(channels, state_size, 1))

    def forward(self, sample_BLS: Tensor, timestep_B: Tensor, known_BK: Tensor, conditions_BQ: Tensor,
                mask_BQ: Tensor) -> Tensor:
        """Return the prediction (B, L, S).

        Args:
            sample_BLS: noisy states, normalised.
            timestep_B: diffusion steps, integers.
            known_BK: known values, normalised, never noised.
            conditions_BQ: normalised return and label values; ignored where masked.
            mask_BQ: bool, which conditions the network may see.
        """
        masked = torch.cat([conditions_BQ.masked_fill(~mask_BQ, 0.0), mask_BQ.to(sample_BLS.dtype)], dim=1)
        embedding = self.time(sinusoidal(timestep_B, self.embedding_size).to(sample_BLS.dtype)) + self.known(known_BK)
        embedding = self.activation(embedding + self.condition(masked))
        length = sample_BLS.shape[1]
        spare = -length % self.shrink
        x = sample_BLS.transpose(1, 2)
        # Repeat the last state where the length is no multiple of the total shrinkage, and cut it off again at the end.
        x = torch.cat([x, x[:, :, -1:].expand(-1, -1, spare)], dim=2) if spare else x
        x = self.enter(x) + self.enter_known(known_BK)[:, :, None]
        skips = []
        for level, down in enumerate(self.down):
            x = down(x, embedding)
            skips.append(x)
            x = self.halving[level](x) if level < len(self.halving) else x
        x = self.middle(x, embedding)
        for level, up in enumerate(self.up):
            x = up(torch.cat([x, skips.pop()], dim=1), embedding)
            x = self.doubling[level](x) if level < len(self.doubling) else x
        prediction: Tensor = self.leave(x)[:, :, :length].transpose(1, 2)
        return prediction


def mlp(size_in: int, size_out: int, activation: Activation) -> nn.Sequential:
    """Return the two-layer perceptron that embeds time, known values or conditions."""
    return nn.Sequential(nn.Linear(size_in, size_out), ACTIVATIONS[activation](), nn.Linear(size_out, size_out))


def sinusoidal(timestep_B: Tensor, size: int) -> Tensor:
    """Return sinusoidal features (B, size) of diffusion steps (Vaswani et al. 2017), float32."""
    # diffusers' get_timestep_embedding divides before it multiplies, which moves last digits and so every model.
    half = size // 2
    frequency = torch.exp(torch.arange(half, device=timestep_B.device) * (-math.log(10_000.0) / (half - 1)))
    angle = timestep_B.float()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)
