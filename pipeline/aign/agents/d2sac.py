"""D2SAC for continuous actions: Stable-Baselines3's soft actor-critic with a denoising chain for an actor.

The last step of the chain is a Gaussian of learned mean and deviation, squashed by tanh; the steps before it add the
noise of the diffusion. The density of the action given the whole chain is that of a SAC actor, while its density given
the observation alone is an integral over chains, without closed form. So the entropy that is kept up is
H(a | s, x_1) = E[-log pi(a | s, x_1)], that of the last step: conditioning never raises entropy, so it bounds
H(a | s) from below, and temperature, actor and critics all use the same. (The code published with the papers leaves
entropy out where actions are continuous, or takes that of a softmax; diffusion Q-learning has none.)

With one choice among J instead, see `discrete_sac`.

Axes: B batch, F observed values, V action values.
"""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN, Actor, SACPolicy
from torch import Tensor

from aign.agents.denoising import DenoisingChain


class DenoisingActor(Actor):
    """The library's actor with a chain in place of its perceptron.

    Args:
        steps: denoising steps.
        embedding: values of a step's embedding.
        **shape: as the library's actor.
    """

    def __init__(self, steps: int, embedding: int, **shape: Any) -> None:
        super().__init__(**shape)
        del self.latent_pi, self.mu
        self.chain = DenoisingChain(self.features_dim, get_action_dim(self.action_space), self.net_arch, steps,
                                    embedding)
        self.draws = steps + 1
        """Draws of V values each behind one action: of the chain, then of its last step's Gaussian."""

    def get_action_dist_params(self, obs: Any, noise: bool = True) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return mean and log deviation (B, V) of the last step, before tanh, for observations (B, F)."""
        features, mean = self.chain(self.extract_features(obs, self.features_extractor), noise)
        deviation: Tensor = self.log_std(features)  # type: ignore[operator]  # a layer, but for gSDE's parameter
        return mean, deviation.clamp(LOG_STD_MIN, LOG_STD_MAX), {}

    def forward(self, obs: Any, deterministic: bool = False) -> Tensor:
        """Return actions (B, V): drawn, or the mean path from zero noise."""
        mean, deviation, _ = self.get_action_dist_params(obs, noise=not deterministic)
        return self.action_dist.actions_from_params(mean, deviation, deterministic)  # type: ignore[arg-type]  # as above


class DenoisingSACPolicy(SACPolicy):
    """The library's policy, twin critics and all, with a denoising actor.

    Args:
        *spaces_and_schedule: from the library.
        steps: denoising steps.
        embedding: values of a step's embedding.
        **options: as the library's policy.
    """

    def __init__(self, *spaces_and_schedule: Any, steps: int, embedding: int, **options: Any) -> None:
        self.chain_shape = {"steps": steps, "embedding": embedding}  # the library builds the actor right away
        super().__init__(*spaces_and_schedule, **options)

    def make_actor(self, features_extractor: BaseFeaturesExtractor | None = None) -> DenoisingActor:
        """Return a new actor."""
        shape = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return DenoisingActor(**self.chain_shape, **shape).to(torch.device(self.device))
