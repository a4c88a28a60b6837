import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from aign.errors import DatasetError
from studies.subsets import SUBSETS, describe, rows_of


class Logged:
    """A dataset in memory: 64 episodes of 2 steps with one state and one action value."""

    folder = "data"

    def __init__(self) -> None:
        self.scenario = type("Pair", (), {"state_size": 1, "horizon": 2})
        number = torch.arange(64)
        names = ["random", "heuristic:a", "heuristic:b", "sac", "sac", "ppo", "solver-guided", "sac"] * 8
        self.behaviour = np.array(names)
        self.split = np.array((["train"] * 56) + ["test"] * 8)
        self.columns = {"agent_step": torch.where(torch.tensor([name == "sac" for name in names]), number * 10, 0),
                        "return_normalised": number / 64, "context_id": number % 4,
                        "observations": torch.stack([number % 5, number % 3, number % 2], 1)[..., None].float(),
                        "actions": torch.stack([number % 2, number % 2], 1)[..., None].float()}
        self.stats = {"observations": {"min": [0.0], "max": [4.0]}, "actions": {"min": [0.0], "max": [1.0]}}

    def rows(self, split):
        return torch.from_numpy(np.flatnonzero(self.split == split))

    def strings(self, name):
        return getattr(self, name)

    def gather(self, name, rows):
        return self.columns[name][rows]


@pytest.fixture
def store(tmp_path) -> Logged:
    """With the contexts of its episodes beside it: their room is 1, 2, 3 and none."""
    logged, one = Logged(), torch.ones(4, dtype=torch.float64)
    logged.folder = tmp_path
    save_file({"train.ids": torch.arange(4), "train.values": torch.zeros(4, 1), "train.reference": one,
               "train.optimum": one + torch.tensor([1.0, 2.0, 3.0, 0.0])}, tmp_path / "contexts.safetensors")
    return logged


def members(store, name):
    return [str(store.behaviour[row]) for row in rows_of(store, name, 0)]


def test_subsets_hold_whom_they_are_named_after(store) -> None:
    assert members(store, "random") == ["random"] * 7
    assert sorted(set(members(store, "heuristics"))) == ["heuristic:a", "heuristic:b"]
    assert len(members(store, "heuristics")) == 14
    assert rows_of(store, "mixed", 0).tolist() == list(range(56))
    for name in SUBSETS:
        assert set(rows_of(store, name, 0).tolist()) <= set(range(56)), f"{name} must keep to the training split"


def test_early_and_late_are_quarters_of_the_agents_training(store) -> None:
    last = max(row for row in range(56) if store.behaviour[row] == "sac") * 10
    sac = {row for row in range(56) if store.behaviour[row] == "sac"}
    early, late = (set(rows_of(store, name, 0).tolist()) for name in ("early_sac", "late_sac"))
    assert early == {row for row in sac if row * 10 <= last / 4}
    assert late == {row for row in sac if row * 10 > 3 * last / 4}
    assert len(early) > 0
    assert len(late) > 0


def test_a_tenth_is_drawn_by_the_seed(store) -> None:
    first, again, other = (rows_of(store, "mixed_10_percent", seed) for seed in (0, 0, 1))
    assert len(first) == len(set(first.tolist())) == 6
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert sorted(first.tolist()) == first.tolist()
    drawn = {row for seed in range(100) for row in rows_of(store, "mixed_10_percent", seed).tolist()}
    assert drawn == set(range(56))


def test_quality_and_coverage_are_counted(store) -> None:
    rows = torch.tensor([0, 1, 2, 3, 30, 31])
    found = describe(store, rows)
    cells = {(float(store.columns["observations"][row, time, 0]), float(store.columns["actions"][row, time, 0]))
             for row in rows for time in range(2)}
    # They are in contexts 0, 1, 2, 3, 2, 3; without room a normalised return stands for 2e-9 of utility each.
    gain = (0 * 1 + 1 * 2 + (2 + 30) * 3 + (3 + 31) * 2e-9) / 64
    assert found == {"episodes": 6, "trajectory_quality": pytest.approx(gain / (1 + 2 + 3 + 3)),
                     "best_return": pytest.approx(31 / 64), "state_action_coverage": pytest.approx(len(cells) / 12)}
    assert describe(store, rows.repeat(3))["state_action_coverage"] == pytest.approx(len(cells) / 36)


def test_missing_subsets_are_refused(store) -> None:
    store.behaviour = np.where(store.behaviour == "random", "ppo", store.behaviour)
    with pytest.raises(DatasetError, match="no training episode belongs to the subset 'random'"):
        rows_of(store, "random", 0)
    with pytest.raises(DatasetError, match="Unknown subset 'early'"):
        rows_of(store, "early", 0)
