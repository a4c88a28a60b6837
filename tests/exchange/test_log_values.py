from pathlib import Path

import numpy as np
import pytest
from exchange_data import MAPPING, log_of
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.exchange.logs.columns import resolve
from aign.exchange.logs.mapping import LogMapping
from aign.exchange.logs.table import open_header, read_table
from aign.exchange.logs.values import read_values


@pytest.fixture(scope="module")
def read(tmp_path_factory, scenario):
    def values(log, **changes):
        mapping = LogMapping.model_validate({**MAPPING, **changes})
        path = tmp_path_factory.mktemp("log") / "log.csv"
        log.to_csv(path, index=False)
        header = open_header(path)
        columns = resolve(Path("map.yaml"), mapping, scenario, header)
        table = read_table(header, columns.names)
        return read_values(table, columns, mapping), table.errors.entries()
    return values


@pytest.fixture
def log(store):
    return log_of(store, [0, 1])


def test_values_come_in_the_scenarios_units(read, log, store):
    values, errors = read(log)
    assert errors == []
    size = store.scenario.state_size
    assert np.array_equal(values.state[:9], store.column("observations")[0, :, :size].numpy())
    assert np.allclose(values.context[9:], store.column("context")[1].numpy(), rtol=1e-6)
    assert np.allclose(values.actions[:8], store.column("actions")[0].numpy(), atol=1e-6)
    assert np.isnan(values.actions[8]).all()
    assert np.array_equal(values.reward[:8], store.column("rewards")[0].numpy())
    assert values.step.tolist() == [*range(9), *range(9)]
    assert set(values.episode) == {"run-0", "run-1"}
    assert values.terminated is values.truncated is None


@settings(max_examples=20)
@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_scale_and_offset_undo_any_linear_unit(read, store, scale, offset):
    log = log_of(store, [0])
    watts = [log[f"power_{i}_mw"] / 1000 for i in range(3)]
    for i in range(3):
        log[f"power_{i}_mw"] = (watts[i] - offset) / scale
    values, _ = read(log, observations={"power": {"columns": "power_{i}_mw", "scale": scale, "offset": offset}})
    assert np.allclose(values.state, np.stack(watts, axis=1), atol=1e-5)


@pytest.mark.parametrize(("column", "value", "why"), [
    ("power_1_mw", 3000.2, "power[1]: 3.0002 W, allowed: 0 to 3"), ("power_1_mw", -0.1, "power[1]: -0.0001 W"),
    ("power_1_mw", None, "power[1]: the cell power_1_mw is empty"), ("gain_2_per_mw", 1e9, "gain[2]: 1e+12 1/W"),
    ("change_0_percent", 100.1, "actions[0]: 1.001, allowed: -1 to 1"), ("gained", np.inf, "is not a finite number"),
    ("power_0_mw", 1e308, "power[0]: 1e+305"), ("tick", 2.5, "is not a whole number"), ("run", None, "cell is empty"),
    ("who", "x" * 65, "longer than 64 bytes"), ("who", None, "who: the cell is empty")])
def test_cells_out_of_bounds_are_faults_of_their_row(read, log, column, value, why):
    log[column] = log[column].astype(object)
    log.loc[4, column] = value
    _, errors = read(log)
    assert [line for line, _ in errors] == [6]
    assert why in errors[0][1]


def test_bounds_belong_to_what_is_allowed(read, log, scenario):
    log.loc[0, [f"power_{i}_mw" for i in range(3)]] = [3000.0, 0.0, 0.0]
    log.loc[0, "change_0_percent"] = -100.0
    assert read(log)[1] == []


def test_an_empty_action_is_left_to_the_episode(read, log):
    log.loc[3, "change_1_percent"] = None
    values, errors = read(log)
    assert errors == []
    assert np.isnan(values.actions[3]).tolist() == [False, True, False]
