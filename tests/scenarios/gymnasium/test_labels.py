"""Labels against NumPy, and what is no label."""

import numpy as np
import pytest
import toy_worlds  # its functions are named below
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aign.errors import ParameterError
from aign.scenarios.gymnasium.labels import MISSING, LabelParameters, LabelTracker, Record, looked_up


def measured(values, **asked):
    label, record = LabelTracker("x", LabelParameters(**asked)), Record([None], [], [], [{}])
    for value in values:
        record.infos.append({"key": value, "deep": {"a.b": value}})
        record.actions.append(value)
        label.add(record)
    return label.value


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_each_way_to_make_one_number_of_many(values):
    for how, expected in {"last": values[-1], "mean": np.mean(values), "sum": np.sum(values), "min": min(values),
                          "max": max(values)}.items():
        assert measured(values, info="key", how=how) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_before_the_first_step_only_a_sum_is_known():
    assert measured([], info="key", how="sum") == 0
    assert all(np.isnan(measured([], info="key", how=how)) for how in ("last", "mean", "min", "max"))


def test_a_function_is_given_all_that_has_happened():
    assert toy_worlds.lean(Record([], [7, 6, 7])) == 2
    assert measured([7, 6, 7], function="toy_worlds:lean") == 2
    assert measured([7, 6, 7], function="toy_worlds:lean", how="sum") == 1 + 1 + 2


@pytest.mark.parametrize(("info", "path", "value"), [
    ({"a": 1}, "a", 1), ({"a": {"b": 2}}, "a.b", 2), ({"a.b": 3}, "a.b", 3), ({"a": {"b.c": 4}}, "a.b.c", 4),
    ({"a b": 5}, "a b", 5), ({"a": 1}, "a.b", MISSING), ({}, "a", MISSING),
    ({"a": None}, "a", None)])
def test_keys_are_looked_up_along_their_path(info, path, value):
    assert looked_up(info, path) == value


@pytest.mark.parametrize(("asked", "said"), [
    ({"info": "kee"}, "labels.x: a step's info holds no 'kee'; it holds 'key', 'deep'"),
    ({"info": "deep"}, "info 'deep' gave .* one finite number"),
    ({"function": "toy_worlds:silent"}, "toy_worlds:silent gave 'nothing'; a label needs one finite number"),
    ({"function": "toy_worlds:louder"}, "labels.x.function: module 'toy_worlds' holds no function 'louder'")])
def test_what_gives_no_number_is_named(asked, said):
    with pytest.raises(ParameterError, match=said):
        measured([1.0], **asked)


@pytest.mark.parametrize("asked", [{}, {"info": "a", "function": "b:c"}, {"function": "no path"},
                                   {"info": "a", "how": "median"}])
def test_a_label_has_one_source(asked):
    with pytest.raises(ValidationError):
        LabelParameters(**asked)
