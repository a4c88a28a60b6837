import dataclasses

import numpy as np
import pytest

from aign.errors import DatasetError
from aign.trajectories.schema import arrow_schema
from aign.trajectories.validation import checked_columns


def changed(episodes, name, row, value, dtype=None):
    values = np.array(getattr(episodes, name), dtype=dtype)
    values[row] = value
    return dataclasses.replace(episodes, **{name: values})


def check(episodes, scenario):
    return checked_columns(episodes, scenario, arrow_schema(scenario))


def test_good_episodes_pass_unchanged(scenario, episodes):
    columns = check(episodes, scenario)
    assert columns["observations"] is episodes.observations
    assert columns["total_power"] is episodes.labels["total_power"]


def test_float64_is_accepted_where_it_fits(scenario, episodes):
    check(dataclasses.replace(episodes, utility=episodes.utility.astype(np.float64)), scenario)


@pytest.mark.parametrize(("name", "row", "value", "dtype", "words"), [
    ("rewards", (3, 2), np.nan, None, "row 3 holds nan"),
    ("observations", (5, 0, 1), np.inf, None, "row 5 holds inf"),
    ("context", (1, 0), -np.inf, None, "finite"),
    ("actions", (4, 1, 0), 1e39, np.float64, "finite float32"),
    ("utility", 4, 2**53 + 1, np.int64, "whole numbers are exact up to 2\\^53"),
    ("agent_seed", 6, 2**31, np.int64, "must fit in int32"),
    ("length", 2, 0, None, "1 to 8 steps"),
    ("length", 2, 9, None, "1 to 8 steps"),
    ("split", 7, "tes", None, "allowed: train, validation, test"),
    ("behaviour", 8, "", None, "1 to 64"),
    ("behaviour", 8, "é" * 33, "U33", "1 to 64"),
    ("behaviour", 8, None, object, "1 to 64"),
    ("terminated", 0, False, None, "terminated, truncated or both"),
])
def test_a_wrong_value_is_named(scenario, episodes, name, row, value, dtype, words):
    with pytest.raises(DatasetError, match=words) as caught:
        check(changed(episodes, name, row, value, dtype), scenario)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["observations", "actions", "rewards", "length", "context", "split", "env_seed"])
def test_a_wrong_shape_is_named(scenario, episodes, name):
    values = getattr(episodes, name)
    for wrong in (values[..., None], values[:, :-1] if values.ndim > 1 else values[:-1]):
        if name == "rewards" and len(wrong) != len(values):
            continue
        with pytest.raises(DatasetError, match=f"'{name}': shape"):
            check(dataclasses.replace(episodes, **{name: wrong}), scenario)


@pytest.mark.parametrize(("name", "dtype"), [("length", np.float32), ("terminated", np.int64), ("rewards", np.str_)])
def test_a_wrong_type_is_named(scenario, episodes, name, dtype):
    with pytest.raises(DatasetError, match=f"'{name}': type"):
        check(dataclasses.replace(episodes, **{name: getattr(episodes, name).astype(dtype)}), scenario)


def test_labels_are_those_of_the_scenario(scenario, episodes):
    labels = dict(episodes.labels)
    with pytest.raises(DatasetError, match="'total_power' is missing"):
        check(dataclasses.replace(episodes, labels={k: v for k, v in labels.items() if k != "total_power"}), scenario)
    with pytest.raises(DatasetError, match="Did you mean 'total_power'"):
        check(dataclasses.replace(episodes, labels={**labels, "total_powr": labels["total_power"]}), scenario)
    labels["max_power"] = np.full(100, np.nan, np.float32)
    with pytest.raises(DatasetError, match="'max_power': row 0 holds nan"):
        check(dataclasses.replace(episodes, labels=labels), scenario)
