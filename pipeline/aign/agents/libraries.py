"""Stable-Baselines3 models as the settings ask for them, and the bare policy inside a trained one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed
from torch import nn

from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.policy import SharedPolicy
from aign.agents.settings import CollectSettings, PPOSettings, SACSettings

Kind = Literal["sac", "ppo"]
Model = SAC | PPO


def build(kind: Kind, collect: CollectSettings, environment: SharedPolicyVecEnv, seed: int) -> Model:
    """Return an untrained model; seeds the global streams the library draws from."""
    set_random_seed(seed)
    if kind == "sac":
        model: Model = _sac(collect.sac, environment, seed)
    else:
        model = _ppo(collect.ppo, environment, seed)
    # Its own logger would make a time-stamped folder in the temporary directory.
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def planned_steps(kind: Kind, collect: CollectSettings, horizon: int) -> int:
    """Return the steps of whole networks that training takes: the setting, rounded up to full episodes of all
    networks and, for PPO, to full rollouts.
    """
    settings: SACSettings | PPOSettings = collect.sac if kind == "sac" else collect.ppo
    round_steps = horizon if kind == "sac" else math.lcm(horizon, collect.ppo.rollout_steps)
    unit = settings.networks * round_steps
    return -(-settings.environment_steps // unit) * unit


def gradient_steps(model: Model) -> int:
    """Return the optimiser steps of the policy so far."""
    if isinstance(model, SAC):
        return model._n_updates
    # The library counts epochs; each visits every minibatch of the rollout.
    return model._n_updates * -(-model.n_steps * model.n_envs // model.batch_size)


def extract_policy(model: Model) -> SharedPolicy:
    """Return a copy of the deterministic policy inside a model."""
    if isinstance(model, SAC):
        return SharedPolicy.from_layers(_linear(model.actor.latent_pi, model.actor.mu), "tanh")
    return SharedPolicy.from_layers(_linear(model.policy.mlp_extractor.policy_net, model.policy.action_net), "clip")


def _linear(*modules: nn.Module) -> list[nn.Linear]:
    return [layer for module in modules for layer in module.modules() if isinstance(layer, nn.Linear)]


def _decaying(rate: float) -> Callable[[float], float]:
    """Return a linear decay to zero, as the library wants it: of the share of training that remains."""
    return lambda remaining: rate * remaining


def _sac(settings: SACSettings, environment: SharedPolicyVecEnv, seed: int) -> SAC:
    return SAC(
        "MlpPolicy", environment,
        learning_rate=_decaying(settings.learning_rate),
        buffer_size=settings.buffer_size,
        learning_starts=settings.learning_starts,
        batch_size=settings.batch_size,
        tau=settings.tau,
        gamma=settings.discount,
        train_freq=1,
        gradient_steps=settings.updates_per_step,
        ent_coef=settings.entropy_coefficient,
        target_entropy=settings.target_entropy * environment.values_each,
        policy_kwargs=_policy(settings.hidden),
        seed=seed, device="cpu")


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
    # One fused optimiser kernel instead of one for each tensor: same mathematics, a good part of the update saved.
    return {"net_arch": list(hidden), "activation_fn": nn.SiLU, "optimizer_kwargs": {"fused": True}}
