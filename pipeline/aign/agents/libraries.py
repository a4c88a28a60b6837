"""Models that learn as the settings ask for them, and the bare policy inside a trained one.

Stable-Baselines3 gives PPO, and what SAC, D2SAC, the discrete SAC and the double DQN are built from; the updates of
these four are ours, for speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed
from torch import nn

from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.d2sac import DenoisingActor, DenoisingSACPolicy
from aign.agents.denoising import DenoisingPolicy
from aign.agents.descent import PolicyDescent
from aign.agents.discrete_sac import ChoicePolicy, DenoisingChoiceActor, DiscreteSAC
from aign.agents.double_dqn import DoubleDQN
from aign.agents.policy import Policy, SharedPolicy
from aign.agents.replay import SteppedReplay
from aign.agents.settings import (
    CollectSettings,
    D2SACSettings,
    DDQNSettings,
    Kind,
    PPOSettings,
    SACSettings,
    UCBSettings,
)
from aign.agents.soft_actor_critic import SoftActorCritic
from aign.agents.upper_confidence import UpperConfidence

Model = SAC | PPO | DiscreteSAC | DoubleDQN | UpperConfidence


def build(kind: Kind, collect: CollectSettings, environment: SharedPolicyVecEnv, seed: int) -> Model:
    """Return an untrained model; seeds the global streams the library draws from."""
    set_random_seed(seed)
    settings = collect.of(kind)
    if isinstance(settings, UCBSettings):
        assert environment.choices is not None, "check_fit refuses it"
        return UpperConfidence(environment, environment.choices, settings.confidence)
    model = _library_model(settings, environment, seed)
    # Its own logger would make a time-stamped folder in the temporary directory.
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def _library_model(settings: SACSettings | PPOSettings | DDQNSettings, environment: SharedPolicyVecEnv,
                   seed: int) -> SAC | PPO | DiscreteSAC | DoubleDQN:
    if isinstance(settings, PPOSettings):
        return _ppo(settings, environment, seed)
    if isinstance(settings, DDQNSettings):
        return _ddqn(settings, environment, seed)
    return _sac(settings, environment, seed) if environment.choices is None else _choosing_sac(settings, environment,
                                                                                              seed)


def planned_steps(kind: Kind, collect: CollectSettings, horizon: int) -> int:
    """Return the steps of whole networks that training takes: the setting, rounded up to full episodes of all
    networks and, for PPO, to full rollouts.
    """
    settings = collect.of(kind)
    round_steps = math.lcm(horizon, settings.rollout_steps) if isinstance(settings, PPOSettings) else horizon
    unit = settings.networks * round_steps
    return -(-settings.environment_steps // unit) * unit


def gradient_steps(model: Model) -> int:
    """Return the optimiser steps of the policy so far; none where there is nothing to descend."""
    if isinstance(model, UpperConfidence):
        return 0
    if not isinstance(model, PPO):
        return model._n_updates
    # The library counts epochs; each visits every minibatch of the rollout.
    return model._n_updates * -(-model.n_steps * model.n_envs // model.batch_size)


def extract_policy(model: Model) -> Policy:
    """Return a copy of the deterministic policy inside a model."""
    if isinstance(model, UpperConfidence):
        return _constant(model)
    if isinstance(model, DoubleDQN):
        return SharedPolicy.from_layers(_linear(model.q_net), "choose")
    if isinstance(model, DiscreteSAC):
        actor = model.policy.actor
        return (DenoisingPolicy.from_chain(actor.chain, "choose") if isinstance(actor, DenoisingChoiceActor)
                else SharedPolicy.from_layers(_linear(actor), "choose"))
    if isinstance(model, SAC):
        if isinstance(model.actor, DenoisingActor):
            return DenoisingPolicy.from_chain(model.actor.chain, "tanh")
        return SharedPolicy.from_layers(_linear(model.actor.latent_pi, model.actor.mu), "tanh")
    choosing = not hasattr(model.policy, "log_std")
    return SharedPolicy.from_layers(_linear(model.policy.mlp_extractor.policy_net, model.policy.action_net),
                                    "choose" if choosing else "clip")


def _constant(model: UpperConfidence) -> SharedPolicy:
    """Return a layer that ignores observations: its bias is the score of each choice."""
    scores, features = model.scores(), model.environment.observation_space.shape
    assert features is not None
    with torch.random.fork_rng(devices=[]):
        layer = nn.Linear(features[0], len(scores))
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(scores)
    return SharedPolicy.from_layers([layer], "choose")


def _linear(*modules: nn.Module) -> list[nn.Linear]:
    return [layer for module in modules for layer in module.modules() if isinstance(layer, nn.Linear)]


def _decaying(rate: float) -> Callable[[float], float]:
    """Return a linear decay to zero, as the library wants it: of the share of training that remains."""
    return lambda remaining: rate * remaining


def _off_policy(settings: SACSettings | DDQNSettings, environment: SharedPolicyVecEnv, seed: int) -> dict[str, Any]:
    """Return what all learners from a buffer are told."""
    return {
        "env": environment,
        "learning_rate": _decaying(settings.learning_rate),
        "buffer_size": settings.buffer_size,
        "learning_starts": settings.learning_starts,
        "batch_size": settings.batch_size,
        "tau": settings.tau,
        "gamma": settings.discount,
        "train_freq": 1,
        "gradient_steps": settings.updates_per_step,
        "n_steps": settings.return_steps,
        **_buffer(settings),
        "seed": seed, "device": "cpu"}


def _buffer(settings: SACSettings | DDQNSettings) -> dict[str, Any]:
    if settings.return_steps > 1:  # the library's own, which adds rewards up
        return {}
    return {"replay_buffer_class": SteppedReplay, "replay_buffer_kwargs": {"following": settings.discount > 0}}


def _sac(settings: SACSettings, environment: SharedPolicyVecEnv, seed: int) -> SAC:
    chain = _chain(settings)
    return SoftActorCritic(
        DenoisingSACPolicy if chain else "MlpPolicy",
        **_off_policy(settings, environment, seed),
        ent_coef=settings.entropy_coefficient,
        target_entropy=settings.target_entropy * environment.values_each,
        policy_kwargs={**_policy(settings.hidden), **(chain or {})})


def _choosing_sac(settings: SACSettings, environment: SharedPolicyVecEnv, seed: int) -> DiscreteSAC:
    return DiscreteSAC(
        ChoicePolicy,
        **_off_policy(settings, environment, seed),
        ent_coef=settings.entropy_coefficient,
        target_entropy=settings.choice_entropy,
        policy_kwargs={"hidden": settings.hidden, "chain": _chain(settings)})


def _chain(settings: SACSettings) -> dict[str, int] | None:
    if not isinstance(settings, D2SACSettings):
        return None
    return {"steps": settings.denoising_steps, "embedding": settings.embedding}


def _ddqn(settings: DDQNSettings, environment: SharedPolicyVecEnv, seed: int) -> DoubleDQN:
    return DoubleDQN(
        "MlpPolicy", **_off_policy(settings, environment, seed),
        target_update_interval=environment.num_envs,  # counted in steps of single ones
        exploration_fraction=settings.exploration_fraction,
        exploration_final_eps=settings.final_exploration,
        policy_kwargs=_policy(settings.hidden))


def _ppo(settings: PPOSettings, environment: SharedPolicyVecEnv, seed: int) -> PPO:
    return PPO(
        "MlpPolicy", environment,
        learning_rate=_decaying(settings.learning_rate),
        n_steps=settings.rollout_steps,
        batch_size=min(settings.batch_size, settings.rollout_steps * environment.num_envs),
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        ent_coef=settings.entropy_coefficient,
        policy_kwargs={**_policy(settings.hidden), "log_std_init": settings.log_std_init},
        seed=seed, device="cpu")


def _policy(hidden: tuple[int, ...]) -> dict[str, Any]:
    return {"net_arch": list(hidden), "activation_fn": nn.SiLU, "optimizer_class": PolicyDescent}
