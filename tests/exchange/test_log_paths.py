import numpy as np
import pytest
import torch
from exchange_data import collected
from log_steps import read_log

from aign.exchange.logs.paths import is_renumbered, paths
from aign.scenarios.core import registry
from aign.trajectories.reader import TrajectoryStore


@pytest.fixture(scope="module")
def power(tmp_path_factory):
    """Two users: levels are whole numbers, and users have a canonical order."""
    return TrajectoryStore.open(collected(tmp_path_factory.mktemp("power") / "power",
                                          registry.create("power-allocation", users=2)))


def cut(log, steps):
    return log[log["tick"] <= steps].assign(
        **{name: log[name].where(log["tick"] < steps) for name in log if name.startswith(("change", "gained"))})


def test_whole_episodes_are_what_was_recorded(tmp_path, power):
    *_, values, episodes = read_log(tmp_path, power)
    path = paths(values, episodes, power.scenario)
    assert torch.equal(path.observed(power.scenario)[:, :, :2], power.column("observations")[:, :, :2])
    assert torch.allclose(path.actions, power.column("actions"), atol=1e-6)
    following, rewards = path.step(power.scenario)
    assert torch.equal(following, power.column("observations")[:, 1:, :2])
    assert torch.allclose(rewards, power.column("rewards"), rtol=1e-4, atol=1e-4)
    assert path.taken.all()


def test_after_the_end_the_last_state_stays(tmp_path, power):
    *_, values, episodes = read_log(tmp_path, power, lambda log: cut(log, 5), labels={})
    path = paths(values, episodes, power.scenario)
    assert path.length.tolist() == [5] * len(power)
    assert path.taken.sum(dim=1).tolist() == [5] * len(power)
    assert torch.equal(path.states[:, :6], power.column("observations")[:, :6, :2])
    assert torch.equal(path.states[:, 5:], path.states[:, 5:6].expand(-1, 12, -1))
    assert torch.equal(path.final, path.states[:, 5])
    assert (path.actions[:, 5:] == 0).all()
    observed = path.observed(power.scenario)
    assert torch.equal(observed[:, 5:], observed[:, 5:6].expand(-1, 12, -1))


def test_a_final_state_that_is_not_given_is_the_simulators(tmp_path, power):
    *_, values, episodes = read_log(tmp_path, power, lambda log: log[log["tick"] < 16], final_observation="simulated")
    path = paths(values, episodes, power.scenario)
    assert path.simulated.all()
    assert torch.equal(path.states, power.column("observations")[:, :, :2])


def test_renumbering_restores_the_canonical_order(tmp_path, power):
    def swap(log):
        return log.rename(columns={name: name.replace("_0_", "_x_").replace("_1_", "_0_").replace("_x_", "_1_")
                                   for name in log})

    *_, values, episodes = read_log(tmp_path, power, swap)
    assert is_renumbered(values, episodes, power.scenario).all()
    path = paths(values, episodes, power.scenario)
    assert torch.equal(path.states, power.column("observations")[:, :, :2].flip(2))
    again = path.renumbered(power.scenario)
    assert torch.equal(again.states, power.column("observations")[:, :, :2])
    assert torch.allclose(again.contexts, power.column("context"), rtol=1e-6)
    assert np.allclose(again.actions, power.column("actions"), atol=1e-6)
