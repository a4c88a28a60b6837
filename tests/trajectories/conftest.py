"""Small datasets of random walks in water-filling, with known contents."""

import dataclasses

import numpy as np
import pytest
import torch
from recorded_data import record_dataset

from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool, certified
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import Episodes
from aign.trajectories.writer import ShardWriter

BEHAVIOURS = ("random", "sac", "solver-guided")


def random_episodes(scenario, count, seed=0, full_length=True):
    """Real episodes of random actions; context i is in split i % 4 == 0 validation, == 1 test, else train."""
    generator = torch.Generator().manual_seed(seed)
    contexts = scenario.draw_contexts(count, generator)
    states = scenario.initial_state(contexts, generator)
    observations, actions, rewards = [scenario.observe(contexts, states, 0)], [], []
    for time in range(scenario.horizon):
        actions.append(torch.rand(count, scenario.action_size, generator=generator) * 2 - 1)
        states, reward = scenario.step(contexts, states, actions[-1])
        rewards.append(reward)
        observations.append(scenario.observe(contexts, states, time + 1))
    designs = scenario.design_of(states)
    number = np.arange(count)
    length = np.full(count, scenario.horizon) if full_length else 1 + number // 4 % scenario.horizon
    rewards = torch.stack(rewards, 1).numpy()
    return Episodes(
        observations=torch.stack(observations, 1).numpy(), actions=torch.stack(actions, 1).numpy(), rewards=rewards,
        labels={name: values.numpy() for name, values in scenario.measure(contexts, designs).items()},
        utility=scenario.utility(contexts, designs).numpy(), return_raw=rewards.sum(1),
        return_normalised=np.random.default_rng(seed).normal(0.5, 0.3, count),
        length=length.astype(np.int32), terminated=number % 2 == 0, truncated=number % 2 == 1,
        behaviour=np.array([BEHAVIOURS[i % 3] for i in number], dtype=np.str_),
        agent_step=number.astype(np.int64) * 100, agent_seed=np.full(count, 7, np.int32),
        env_seed=number.astype(np.int64), context_id=number.astype(np.int64) + 1000 * seed,
        context=contexts.numpy(),
        split=np.array([("validation", "test", "train", "train")[i % 4] for i in number], dtype=np.str_))


def contexts_of(episodes, scenario):
    """The contexts of episodes that each have one of their own, certified."""
    splits = {}
    for split in ("train", "validation", "test"):
        rows = np.flatnonzero(episodes.split == split)
        known = certified(scenario, torch.from_numpy(episodes.context[rows]), split)
        splits[split] = dataclasses.replace(known, ids=torch.from_numpy(episodes.context_id[rows]))
    return ContextPool(splits)


@pytest.fixture(scope="session")
def scenario():
    return registry.create("water-filling", channels=4)


@pytest.fixture(scope="session")
def make_episodes(scenario):
    return lambda count, seed=0, full_length=True: random_episodes(scenario, count, seed, full_length)


@pytest.fixture(scope="session")
def make_dataset(scenario):
    """Write `episodes` in shards of `shard_rows` and assemble them in `folder`; return the folder."""
    def make(folder, episodes, shard_rows=32, extras=None):
        scratch = folder.with_name(folder.name + "-parts")
        with ShardWriter(scratch, scenario, shard_rows, first_episode_id=0) as writer:
            writer.append(episodes)
        assemble(folder, writer.close(), scenario, {"seed": 1, "sources": ["random"]}, extras or {})
        return folder
    return make


@pytest.fixture(scope="session")
def episodes(make_episodes):
    return make_episodes(100)


@pytest.fixture(scope="session")
def ragged(make_episodes):
    return make_episodes(90, seed=2, full_length=False)


@pytest.fixture(scope="session")
def folder(tmp_path_factory, make_dataset, episodes, scenario):
    """100 full episodes in 4 shards. Read-only: copy it before damaging it."""
    base = tmp_path_factory.mktemp("dataset")
    contexts_of(episodes, scenario).save(base / "some-tensor-file", scenario)
    return make_dataset(base / "full", episodes, extras={"contexts.safetensors": base / "some-tensor-file"})


@pytest.fixture(scope="session")
def store(folder):
    return TrajectoryStore.open(folder)


@pytest.fixture(scope="session")
def ragged_store(tmp_path_factory, make_dataset, ragged):
    """90 episodes of 1 to 8 steps in 3 shards."""
    return TrajectoryStore.open(make_dataset(tmp_path_factory.mktemp("dataset") / "ragged", ragged))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, scenario):
    """108 episodes recorded by aign in 4 shards, with the contexts file; read-only."""
    return record_dataset(tmp_path_factory.mktemp("recorded") / "water-4", scenario)
