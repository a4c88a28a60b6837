"""The methods that evaluate compares: each maps contexts to one design a context.

Axes: B contexts, C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.agents.rollout import rollout
from aign.agents.settings import AgentSettings, BCQSettings, UCBSettings
from aign.agents.stored_policies import open_policy
from aign.designs.baselines import best_of, best_training_design, no_learning, recorded
from aign.designs.generation import generate
from aign.designs.settings import SamplingSettings
from aign.diffusion.model import DesignModel
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.reader import TrajectoryStore

Method = Callable[[Tensor], Tensor]
"""Contexts (B, C) to designs (B, X)."""


def diffuser(pipeline: DesignModel, count: int, settings: SamplingSettings, seed: int) -> Method:
    """Return the method "best of `count` generated designs, ranked by the simulator"."""
    def design(contexts: Tensor) -> Tensor:
        return generate(pipeline, contexts, (), count, settings, seed, execute=False).designs[:, 0]
    return design


def policy(scenario: Scenario[Any], folder: Path, name: str) -> Method:
    """Return an agent's final policy, acting deterministically from the usual start.

    Its design is made admissible by the same projection as a generated one: where that repairs, it repairs both.
    """
    trained = open_policy(folder / name)

    def act(contexts: Tensor, states: Tensor, time: int) -> Tensor:
        return trained.act(scenario, contexts, states, time)

    def design(contexts: Tensor) -> Tensor:
        final = rollout(scenario, contexts, act, scenario.initial_state(contexts)).final
        return scenario.project(contexts, scenario.design_of(final))
    return design


def without_learning(scenario: Scenario[Any], count: int) -> Method:
    """Return the best of `count` evenly spaced designs that treat everybody alike."""
    def design(contexts: Tensor) -> Tensor:
        return best_of(scenario, contexts, no_learning(scenario, contexts, count))
    return design


def best_recorded(store: TrajectoryStore) -> Method:
    """Return the best final design of all training trajectories, when each is tried in the new context."""
    scenario = store.scenario
    designs = torch.unique(recorded(store, store.rows("train")), dim=0)

    def design(contexts: Tensor) -> Tensor:
        return best_training_design(scenario, contexts, designs)
    return design


def trained_on(scenario: Scenario[Any], agents: Mapping[str, AgentSettings | BCQSettings]) -> dict[str, str]:
    """Return in words what learning agents were trained on, by their names, such as "sac, ppo": their figures cannot be
    weighed without it.
    """
    alike: dict[str, list[str]] = {}
    for name, settings in agents.items():
        alike.setdefault(f"{_horizon(settings)}; rewards: {scenario.learners_reward}", []).append(name)
    return {", ".join(names): text for text, names in alike.items()}


def _horizon(settings: AgentSettings | BCQSettings) -> str:
    if isinstance(settings, UCBSettings):
        return "a bandit that is blind to the context"
    return ("discount 0, so a contextual bandit, which looks no further than the next reward" if settings.discount == 0
            else f"discount {settings.discount:g}")


def masks_actions(scenario: Scenario[Any]) -> bool:
    """Return whether a scenario tells which choices do no harm at once; see `Scenario.action_mask`."""
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(0))
    return scenario.action_mask(context, scenario.initial_state(context)[:, :scenario.state_size]) is not None


def guarded_chance(scenario: Scenario[Any], seed: int) -> Method:
    """Return chance that keeps to the choices that do no harm at once, while there are any."""
    def design(contexts: Tensor) -> Tensor:
        generator, states = torch.Generator().manual_seed(seed), scenario.initial_state(contexts)
        for _ in range(scenario.horizon):
            allowed = scenario.action_mask(contexts, states[:, :scenario.state_size])
            chance = torch.rand(len(states), scenario.action_size, generator=generator)
            states, _ = scenario.step(contexts, states, chance if allowed is None else chance + allowed)
        return scenario.design_of(states)
    return design
