import numpy as np
import pytest
from exchange_data import MAPPING
from log_steps import read_log

from aign.exchange.batches import silent
from aign.exchange.logs.simulation import Comparison


def compare(folder, store, change, **changes):
    _, columns, errors, values, episodes = read_log(folder, store, change, **changes)
    comparison = Comparison(values, columns, store.scenario, errors)
    return comparison.run(episodes, silent), errors.entries(), comparison.deviations


def test_the_simulators_own_log_has_no_fault(tmp_path, store):
    left, errors, deviations = compare(tmp_path, store, lambda log: log)
    assert len(left) == 20
    assert errors == []
    assert set(deviations) == {"start", "power", "reward", "total_power"}
    assert deviations["power"].compared == 20 * 8 * 3
    assert deviations["reward"].compared == 20 * 8
    assert deviations["total_power"].compared == 20
    assert max(one.largest for one in deviations.values()) < 1e-5


@pytest.mark.parametrize(("column", "row", "added", "why"), [
    ("power_1_mw", 13, 0.5, "power[1]: "), ("gained", 13, 0.01, "reward: "), ("sum_mw", 17, 5.0, "total_power: "),
    ("change_2_percent", 13, -3.0, "power[")])
def test_what_differs_is_rejected_with_both_values(tmp_path, store, column, row, added, why):
    def change(log):
        log.loc[row, column] += added
        return log

    left, errors, deviations = compare(tmp_path, store, change)
    own = [entry for entry in errors if "its episode" not in entry[1]]
    assert len(left) == 19
    assert len(errors) == 9
    assert {line for line, _ in errors} == set(range(10, 19))
    assert any(text.startswith(why) for _, text in own), own
    assert all("tolerance 1e-06" in text for _, text in own)
    assert sum(one.rejected for one in deviations.values()) >= 1


def test_a_start_that_the_scenario_does_not_allow_is_rejected(tmp_path, store):
    def change(log):
        log.loc[9, [f"power_{i}_mw" for i in range(3)]] = 1500.0  # 4.5 W in all, the budget is 3 W
        return log

    left, errors, _ = compare(tmp_path, store, change)
    assert len(left) == 19
    assert dict(errors)[10].startswith("start[0]: 1.5 W, an episode can start at ")


def test_a_tolerance_keeps_what_differs_and_measures_it(tmp_path, store):
    def change(log):
        return log.assign(gained=log["gained"] + 0.25)

    reward = {"columns": "gained", "tolerance": 0.3}
    left, errors, deviations = compare(tmp_path, store, change, reward=reward)
    assert (len(left), errors) == (20, [])
    assert deviations["reward"].largest == pytest.approx(0.25, abs=1e-5)
    assert deviations["reward"].rejected == 0


@pytest.mark.parametrize("good", [True, False])
def test_observed_features_are_checked_against_context_and_time(tmp_path, store, good):
    seen = store.column("observations")[:, :, 3:].numpy().astype(np.float64).reshape(-1, 4)

    def change(log):
        log = log.assign(**{f"seen_{i}": seen[:, i] for i in range(3)}, clock=seen[:, 3])
        log.loc[20, "clock"] += 0.0 if good else 0.125
        return log

    observations = {**MAPPING["observations"], "gain": "seen_{i}", "time": "clock"}
    left, errors, deviations = compare(tmp_path, store, change, observations=observations)
    assert len(left) == 20 - (not good)
    assert deviations["gain"].compared == 20 * 9 * 3
    if not good:
        assert "time: 0.375, the simulator says 0.25" in dict(errors)[21]
