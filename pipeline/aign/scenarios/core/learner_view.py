"""What learning agents observe and are rewarded with; optional: by default one agent observes everything.

Axes: B networks, C context values, N decision makers, F values each of them observes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.dynamics import Dynamics
from aign.scenarios.core.parameters import ParametersT

LARGEST_EXPONENT = 80.0
"""Its exponential is finite in float32, so that a value of 0 stays 0."""


class LearnerView(Dynamics[ParametersT]):
    """The optional part of a scenario that shapes learning; nothing of it changes what a design is worth."""

    agents: int = 1
    """Decision makers N that share one policy; each handles action_size / N action values."""
    learners_reward: str = "the reward in the dataset"
    """What `agent_rewards` gives, in words: reports print it beside the figures of agents that learn from it."""

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return what each decision maker observes, float32 (B, N, F); by default the whole observation, N = 1."""
        return self.observe(contexts, states, time)[:, None, :]

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return the reward that each decision maker learns from, float32 (B, N); by default the reward itself."""
        return rewards[:, None].float()

    def perturbed_contexts(self, contexts: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """Return contexts (B, C) of possible networks that differ from the given ones at random, for demonstrations.

        By default every value is moved independently and kept within its bounds: one that cannot be negative by noise
        on its logarithm, any other in units of its spread over the batch. Override it where values depend on each
        other: what it returns passes `check_contexts`, and each part of the network keeps its place.

        Args:
            contexts: (B, C), on the CPU.
            scale: (B, 1) standard deviation of the noise.
            generator: of the noise.
        """
        noise = scale * torch.randn(contexts.shape, generator=generator)
        sizes = [feature.size for feature in self.context_features]
        parts = zip(self.context_features, contexts.split(sizes, dim=1), noise.split(sizes, dim=1), strict=True)
        return torch.cat([(values * change.clamp_max(LARGEST_EXPONENT).exp() if feature.low >= 0 else
                           values + change * values.std(unbiased=False)).clamp(feature.low, feature.high)
                          for feature, values, change in parts], dim=1)
