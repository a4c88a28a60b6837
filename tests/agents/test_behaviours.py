from typing import get_args

import numpy as np
import pytest
import torch
from sequences import Calls

from aign.agents import behaviours
from aign.agents.behaviours import Source, record
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.exploration import MOST_SLIPS
from aign.scenarios.core.variation import EXACT, SHARES
from aign.trajectories.contexts import ContextPool


def test_random_actions_are_uniform_and_half_the_starts_random(scenario, pool) -> None:
    episodes, = record("random", scenario, pool["train"], 1000, seed=1)
    assert abs(episodes.actions.mean()) < 0.03
    assert np.allclose(np.quantile(episodes.actions, [0.25, 0.75]), [-0.5, 0.5], atol=0.03)
    at_zero = (episodes.observations[:, 0, :3] == 0).all(1)
    assert 0.44 < at_zero.mean() < 0.56
    assert set(episodes.behaviour) == {"random"}
    assert set(episodes.env_seed) == {1}


def test_batches_are_bounded_and_add_up(scenario, pool, monkeypatch) -> None:
    monkeypatch.setattr(behaviours, "BATCH", 64)
    batches = list(record("random", scenario, pool["train"], 150, seed=1))
    assert [len(batch) for batch in batches] == [64, 64, 22]
    used = np.bincount(np.concatenate([batch.context_id for batch in batches]), minlength=40)
    assert used.min() == 3
    assert used.max() == 4
    assert list(record("random", scenario, pool["train"], 0, seed=1)) == []


def test_heuristics_share_equally_and_reach_their_designs_but_for_slips(scenario, pool) -> None:
    middle, none = record("heuristics", scenario, pool["test"], 301, seed=1)
    assert {str(middle.behaviour[0]), str(none.behaviour[0])} == {"heuristic:middle", "heuristic:none"}
    assert sorted([len(middle), len(none)]) == [150, 151]
    arrived = (middle.observations[:, -1, :3] == 5).all(1).mean()
    assert 0.7 < arrived < 0.99
    # Most starts are at zero, where "none" stays unless it slips.
    assert (none.observations[:, -1, :3] == 0).all(1).mean() > 0.7
    assert set(middle.split) == {"test"}


def test_a_scenario_without_heuristics_yields_nothing(scenario, pool) -> None:
    scenario.heuristics = {}
    assert list(record("heuristics", scenario, pool["test"], 10, seed=1)) == []


def test_solver_guided_demonstrations_arrive_at_their_targets(scenario, pool, monkeypatch) -> None:
    target = torch.tensor([[10.0, 3.0, 0.0]])
    monkeypatch.setattr(behaviours, "solver_guided_targets",
                        lambda scenario, contexts, generator: target.repeat(len(contexts), 1))
    episodes, = record("solver-guided", scenario, pool["train"], 500, seed=2)
    assert (episodes.observations[:, -1, :3] == target.numpy()).all()
    from_zero = episodes.observations[(episodes.observations[:, 0, :3] == 0).all(1)]
    paths = np.unique(from_zero[:, :, 0], axis=0)
    assert len(paths) >= 4
    assert 0.7 < len(from_zero) / 500 < 0.8


def test_label_guided_demonstrations_arrive_at_designs_of_less_utility_and_better_labels(scenario, pool) -> None:
    episodes, = record("label-guided", scenario, pool["train"], 500, seed=2)
    assert set(episodes.behaviour) == {"label-guided"}
    assert 0.1 < (episodes.return_normalised < 0.9).mean() < 0.9
    best = scenario.measure(None, scenario.certify(pool["train"].values).design)["total"].mean()
    assert episodes.labels["total"].mean() < 0.9 * float(best)


def test_solver_guided_quality_spans_mediocre_to_optimal(scenario, pool) -> None:
    episodes, = record("solver-guided", scenario, pool["train"], 1000, seed=2)
    assert SHARES["exact"] - 0.04 < (episodes.return_normalised > 0.999).mean() < 0.7
    assert np.quantile(episodes.return_normalised, 0.1) < 0.3


@pytest.mark.parametrize("source", get_args(Source))
def test_same_seed_same_bytes(source, scenario, pool) -> None:
    first, again, other = (list(record(source, scenario, pool["train"], 40, seed)) for seed in (5, 5, 6))
    for one, two in zip(first, again, strict=True):
        assert one.observations.tobytes() == two.observations.tobytes()
        assert one.actions.tobytes() == two.actions.tobytes()
    assert first[0].observations.tobytes() != other[0].observations.tobytes()
    actions = [np.concatenate([batch.actions for batch in run]) for run in (first, other)]
    assert not np.array_equal(*actions)


@pytest.mark.parametrize("source", get_args(Source))
def test_splits_do_not_share_their_noise(source, scenario, pool) -> None:
    train = next(record(source, scenario, pool["train"], 20, seed=5))
    test = next(record(source, scenario, pool["test"], 20, seed=5))
    assert not np.array_equal(train.actions, test.actions)


def test_exact_demonstrations_end_at_the_optimum_of_a_continuous_network() -> None:
    from aign.trajectories.contexts import ContextPool
    network = registry.create("water-filling")
    pool = ContextPool.draw(network, {"train": 30}, seed=0)
    episodes, = record("solver-guided", network, pool["train"], 300, seed=2)
    assert (episodes.return_normalised > 0.9999).mean() > 0.25


def test_unknown_sources_are_refused(scenario, pool) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'heuristics'"):
        list(record("heuristic", scenario, pool["train"], 10, seed=1))


# --- sequential scenarios ---------------------------------------------------------------------------------
@pytest.fixture(params=[False, True], ids=["choices", "values"])
def calls(request) -> Calls:
    return Calls.create(pointing=request.param, steps=50, numbers=4)


@pytest.fixture
def calls_pool(calls) -> ContextPool:
    return ContextPool.draw(calls, {"train": 20}, seed=3)


def hits(episodes) -> np.ndarray:
    return episodes.labels["hits"] / 50


def test_rules_decide_step_by_step_and_slip_in_some_episodes_more_often(calls, calls_pool) -> None:
    zero, up = record("heuristics", calls, calls_pool["train"], 400, seed=1)
    assert {str(zero.behaviour[0]), str(up.behaviour[0])} == {"heuristic:zero", "heuristic:up"}
    missed = 1 - hits(up)  # a slip hits by chance one time in four, roughly
    assert 0.2 < missed.mean() / (0.75 * MOST_SLIPS / 2) < 1.8
    assert missed.min() == 0
    steady = missed[missed < 0.02].size / missed.size
    assert steady > 0.2
    assert missed.max() > MOST_SLIPS


def test_solver_guided_decisions_are_the_certified_ones_but_for_some(calls, calls_pool) -> None:
    episodes, = record("solver-guided", calls, calls_pool["train"], 400, seed=1)
    assert (hits(episodes) == 1).mean() > EXACT
    assert hits(episodes).min() < 0.85
    assert np.median(hits(episodes)) > 0.9
    np.testing.assert_allclose(episodes.return_normalised.max(), 1, rtol=1e-6)


def test_random_decisions_are_spread_evenly(calls, calls_pool) -> None:
    episodes, = record("random", calls, calls_pool["train"], 200, seed=1)
    if calls.choices is None:
        assert abs(episodes.actions.mean()) < 0.03
    else:
        np.testing.assert_allclose(episodes.actions.mean((0, 1)), 0.25, atol=0.02)


def test_long_episodes_make_small_batches(calls, calls_pool, monkeypatch) -> None:
    monkeypatch.setattr(behaviours, "VALUES", 30 * 50 * (calls.observation_size + calls.state_size + calls.action_size))
    assert [len(batch) for batch in record("random", calls, calls_pool["train"], 70, seed=1)] == [30, 30, 10]
