import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies import markdown


@pytest.mark.parametrize(("value", "shown"), [
    (3, "3"), (3.0, "3"), (1234567, "1 234 567"), (0.99912345, "0.99912"), (0.5, "0.5"), (254.043, "254.04"),
    (12345.6, "12 346"), (None, "-"), (True, "yes"), ("a|b", "a\\|b"), ([1, None], "1, -"),
    ({"mean": 0.5, "low": 0.4, "high": 0.6}, "0.50000 [0.40000, 0.60000]"),
    ({"mean": 0.5, "low": None, "high": None}, "0.50000"), ({"mean": None, "low": None, "high": None}, "-"),
    ({"a": 1, "b": 2}, "a: 1, b: 2")])
def test_cells(value, shown):
    assert markdown.text(value) == shown


def test_rows_with_different_keys_share_a_table():
    lines = markdown.table([{"a": 1}, {"a_b": 2}]).splitlines()
    assert lines[0] == "| a | a b |"
    assert lines[2:] == ["| 1 | - |", "| - | 2 |"]


def test_a_mapping_of_rows_has_its_names_in_the_first_column():
    lines = markdown.by_name({"weighted_mmse": {"x": 1}}).splitlines()
    assert lines[0] == "|  | x |"
    assert lines[2] == "| weighted mmse | 1 |"


def test_lists():
    assert markdown.listing({"best_known": 3, "none": None}) == "- best known: 3\n- none: -"


JSON = st.recursive(st.none() | st.booleans() | st.floats(-1e9, 1e9) | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
                    max_leaves=12)


@given(JSON)
def test_any_json_can_be_shown(value):
    assert isinstance(markdown.text(value), str)
