from pathlib import Path

import numpy as np
import pytest
from log_steps import read_log

from aign.exchange.logs.recording import contexts_of, record
from aign.trajectories.validation import columns_of

PATH = Path("log.parquet")


@pytest.fixture
def recorded(tmp_path, store):
    def made(change=lambda log: log, **changes):
        mapping, _, _, values, episodes = read_log(tmp_path, store, change, **changes)
        contexts = contexts_of(values.context[episodes.first], mapping.split, store.scenario, PATH)
        parts = list(record(values, episodes, contexts, mapping, store.scenario))
        return contexts, {name: np.concatenate([columns_of(part)[name] for part in parts])
                          for name in columns_of(parts[0])}
    return made


def test_given_values_are_stored_as_given(recorded):
    def change(log):
        return log.assign(gained=log["gained"].round(1), sum_mw=log["sum_mw"] + 7)

    logged = {}
    _, found = recorded(lambda log: logged.setdefault("log", change(log)))
    rewards = logged["log"]["gained"].to_numpy().reshape(20, 9)[:, :8]
    assert np.array_equal(found["rewards"], rewards)
    assert np.allclose(found["return_raw"], rewards.sum(axis=1), atol=1e-5)
    totals = logged["log"]["sum_mw"].to_numpy().reshape(20, 9)[:, -1] / 1000
    np.testing.assert_allclose(found["total_power"], totals, rtol=1e-15)


def test_the_rest_is_the_scenarios(recorded, store):
    _, found = recorded(reward=None, labels={})
    for name in ("rewards", "total_power", "max_power", "utility", "return_normalised", "return_raw"):
        assert np.allclose(found[name], store.column(name).numpy(), rtol=1e-4, atol=1e-4), name
    assert (found["agent_step"] == 0).all()


def test_rewards_that_are_the_simulators_sum_as_a_replay_does(recorded, store):
    _, found = recorded()
    _, simulated = recorded(reward=None)
    same = (found["rewards"] == simulated["rewards"]).all(axis=1)
    assert same.any()
    assert np.array_equal(found["return_raw"][same], simulated["return_raw"][same])


def test_steps_after_the_end_earn_nothing(recorded):
    def cut(log):
        short = log[log["tick"] <= 3]
        return short.assign(**{name: short[name].where(short["tick"] < 3)
                               for name in short if name.startswith(("change", "gained"))})

    _, found = recorded(cut, labels={}, behaviour="field crew")
    assert (found["rewards"][:, 3:] == 0).all()
    assert (found["actions"][:, 3:] == 0).all()
    assert set(found["length"]) == {3}
    assert found["truncated"].all()
    assert not found["terminated"].any()
    assert set(found["behaviour"]) == {"field crew"}
