import numpy as np
import torch

from aign.agents.recording import label
from aign.agents.rollout import rollout
from aign.scenarios.core.episode import Rollout
from aign.trajectories.schema import arrow_schema


def towards_two(scenario):
    return lambda values, states, time: scenario.action_towards(states, torch.full_like(states, 2.0))


def test_labels_and_returns_are_those_of_the_final_design(scenario, pool) -> None:
    contexts = pool["validation"]
    done = rollout(scenario, contexts.values, towards_two(scenario), torch.zeros(10, 3))
    episodes = label(scenario, contexts, done, "steady", agent_step=5, agent_seed=6, env_seed=7)
    utility = 100 - ((2 - contexts.values.double()) ** 2).sum(1)
    assert np.array_equal(episodes.labels["total"], np.full(10, 6, np.float32))
    assert np.array_equal(episodes.labels["peak"], np.full(10, 2, np.float32))
    assert np.allclose(episodes.utility, utility, rtol=1e-6)
    start = 100 - (contexts.values.double() ** 2).sum(1)
    assert np.allclose(episodes.return_raw, utility - start, rtol=1e-5, atol=1e-4)
    expected = (utility - contexts.reference) / (contexts.optimum - contexts.reference)
    assert np.allclose(episodes.return_normalised, expected, rtol=1e-5, atol=1e-5)


def test_provenance_is_recorded(scenario, pool) -> None:
    contexts = pool["validation"]
    done = rollout(scenario, contexts.values, towards_two(scenario), torch.zeros(10, 3))
    episodes = label(scenario, contexts, done, "steady", agent_step=5, agent_seed=6, env_seed=7)
    assert set(episodes.behaviour) == {"steady"}
    assert set(episodes.split) == {"validation"}
    assert (set(episodes.agent_step), set(episodes.agent_seed), set(episodes.env_seed)) == ({5}, {6}, {7})
    assert np.array_equal(episodes.context_id, contexts.ids)
    assert np.array_equal(episodes.context, contexts.values)
    assert len(episodes) == 10


def test_shapes_and_types_fit_the_schema(scenario, pool) -> None:
    contexts = pool["validation"]
    done = rollout(scenario, contexts.values, towards_two(scenario), torch.zeros(10, 3))
    episodes = label(scenario, contexts, done, "steady")
    for name in arrow_schema(scenario).names:
        if name == "episode_id":
            continue
        column = episodes.labels[name] if name in episodes.labels else getattr(episodes, name)
        assert len(column) == 10
        wanted = arrow_schema(scenario).field(name).type
        while hasattr(wanted, "value_type"):
            wanted = wanted.value_type
        if str(wanted) != "string":
            assert column.dtype == wanted.to_pandas_dtype(), name
    assert episodes.observations.shape == (10, 5, 7)


def test_full_episodes_terminate_and_short_ones_are_truncated(scenario, pool) -> None:
    contexts = pool["validation"]
    done = rollout(scenario, contexts.values, towards_two(scenario), torch.zeros(10, 3))
    full = label(scenario, contexts, done, "steady")
    assert full.terminated.all()
    assert not full.truncated.any()
    assert set(full.length) == {4}
    short = Rollout(done.observations[:, :3], done.actions[:, :2], done.rewards[:, :2], done.observations[:, 2, :3])
    cut = label(scenario, contexts, short, "steady")
    assert cut.truncated.all()
    assert not cut.terminated.any()
