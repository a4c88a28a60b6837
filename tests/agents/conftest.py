"""Agents and sources at sizes at which they act and learn in a second."""

from __future__ import annotations

import pytest
from choosing import Doors, DoorsParameters
from targets_network import Targets, TargetsParameters

from aign.agents.settings import (
    CollectSettings,
    D2SACSettings,
    DDQNSettings,
    PPOSettings,
    SACSettings,
    SourceSettings,
    UCBSettings,
)
from aign.trajectories.contexts import ContextPool


@pytest.fixture
def scenario() -> Targets:
    return Targets(TargetsParameters())


@pytest.fixture
def scenario_with_few_contexts() -> Targets:
    return Targets(TargetsParameters(choices=2))


@pytest.fixture
def pool(scenario: Targets) -> ContextPool:
    return ContextPool.draw(scenario, {"train": 40, "validation": 10, "test": 12}, seed=7)


@pytest.fixture
def small() -> CollectSettings:
    """Sizes at which an agent trains in a second."""
    return CollectSettings(
        sources=SourceSettings(snapshots=2, snapshot_episodes=5), held_out_share=0.1,
        sac=SACSettings(environment_steps=250, networks=8, batch_size=32, learning_starts=60, updates_per_step=2),
        ppo=PPOSettings(environment_steps=250, networks=4, rollout_steps=8, batch_size=48, epochs=2),
        d2sac=D2SACSettings(environment_steps=250, networks=8, batch_size=32, learning_starts=60, updates_per_step=2,
                            denoising_steps=3, embedding=4),
        ddqn=DDQNSettings(environment_steps=250, networks=8, batch_size=32, learning_starts=60, updates_per_step=2),
        ucb=UCBSettings(environment_steps=250, networks=8))


@pytest.fixture
def doors() -> Doors:
    return Doors(DoorsParameters())


@pytest.fixture
def doors_pool(doors: Doors) -> ContextPool:
    return ContextPool.draw(doors, {"train": 400, "validation": 40, "test": 12}, seed=7)
