import re
from pathlib import Path

import pytest
from exchange_data import MAPPING
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.exchange.logs import columns
from aign.exchange.logs.header import Header
from aign.exchange.logs.mapping import LogMapping

PATH = Path("map.yaml")
NAMES = ["run", "tick", "who", "gained", "sum_mw", *(f"{name}_{i}_{unit}" for i in range(3) for name, unit in (
    ("gain", "per_mw"), ("power", "mw"), ("change", "percent")))]


def resolve(path, mapping, scenario, names):
    return columns.resolve(path, mapping, scenario, Header(Path("log.csv"), tuple(names), 1))


def mapping(**changes):
    return LogMapping.model_validate({**MAPPING, **changes})


def test_columns_are_found_in_the_scenarios_order(scenario):
    found = resolve(PATH, mapping(), scenario, NAMES)
    assert found.context[0].columns == ("gain_0_per_mw", "gain_1_per_mw", "gain_2_per_mw")
    assert found.state[0].columns == ("power_0_mw", "power_1_mw", "power_2_mw")
    assert found.actions.columns == ("change_0_percent", "change_1_percent", "change_2_percent")
    assert found.reward.columns == ("gained",)
    assert found.labels["total_power"].feature.unit == "W"
    assert found.names == set(NAMES)


@given(st.integers(0, 98), st.randoms(use_true_random=False))
def test_a_pattern_stands_for_consecutive_numbers_whatever_their_order(scenario, first, random):
    own = [f"p{first + i}" for i in range(3)]
    names = [*NAMES, *own, "p", "px", "p1x"]
    random.shuffle(names)
    found = resolve(PATH, mapping(observations={"power": "p{i}"}), scenario, names)
    assert found.state[0].columns == tuple(own)


def test_lists_patterns_and_leading_zeros(scenario):
    names = [*NAMES, "x", "p01", "p02"]
    assert resolve(PATH, mapping(observations={"power": ["x", "p{i}"]}), scenario,
                   names).state[0].columns == ("x", "p01", "p02")


def test_tolerances_come_from_the_reading_or_the_mapping(scenario):
    found = resolve(PATH, mapping(tolerance=0.25, reward={"columns": "gained", "tolerance": 3.0}), scenario, NAMES)
    assert (found.reward.tolerance, found.state[0].tolerance) == (3.0, 0.25)


@pytest.mark.parametrize(("changes", "why"), [
    ({"observations": {"powr": "power_{i}_mw"}}, "observations.powr: Unknown name 'powr'.*Did you mean 'power'"),
    ({"observations": {"time": "tick"}}, r"observations\.power: missing; it must be given, 3 values in W"),
    ({"context": {}}, r"context\.gain: missing"),
    ({"labels": {"totl_power": "sum_mw"}}, "Did you mean 'total_power'"),
    ({"episode": "rnu"}, "episode: log.csv has no column 'rnu'.*Did you mean 'run'"),
    ({"terminated": "done"}, "terminated: log.csv has no column 'done'"),
    ({"behaviour": {"column": "whom"}}, "Did you mean 'who'"),
    ({"reward": "gaind"}, "reward: log.csv has no column"),
    ({"reward": ["gained", "sum_mw"]}, r"reward: 2 columns given \(gained, sum_mw\); 1 needed"),
    ({"actions": ["change_0_percent"]}, "actions: 1 columns given"),
    ({"observations": {"power": "watt_{i}"}},
     r"no column that fits the pattern 'watt_{i}'\. Its names \(line 1\): 'run', 'tick'"),
])
def test_what_does_not_fit_is_refused_with_its_place(scenario, changes, why):
    with pytest.raises(ParameterError, match=why) as error:
        resolve(PATH, mapping(**changes), scenario, NAMES)
    assert str(error.value).startswith("map.yaml: ")


@pytest.mark.parametrize("extra", [["power_4_mw"], ["power_00_mw"]])
def test_numbers_with_a_gap_or_twice_are_refused(scenario, extra):
    with pytest.raises(ParameterError, match=re.escape(extra[0])):
        resolve(PATH, mapping(), scenario, [*NAMES, *extra])


def test_more_columns_than_values_are_refused(scenario):
    with pytest.raises(ParameterError, match=r"4 columns given.*3 needed"):
        resolve(PATH, mapping(), scenario, [*NAMES, "power_3_mw"])


@pytest.mark.parametrize("extra", [["", ""], ["note", "note"], ["", "power_mw", "power_mw"]])
def test_columns_that_the_mapping_does_not_name_do_not_matter(scenario, extra):
    assert resolve(PATH, mapping(), scenario, [*NAMES, *extra]) == resolve(PATH, mapping(), scenario, NAMES)


@pytest.mark.parametrize("name", ["run", "gained", "who", "sum_mw"])
def test_a_column_that_is_used_may_not_stand_twice(scenario, name):
    with pytest.raises(ParameterError, match=f"the column '{name}' appears twice in log.csv. Rename one"):
        resolve(PATH, mapping(), scenario, [*NAMES, name])
