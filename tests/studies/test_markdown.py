import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.studies import markdown


@pytest.mark.parametrize(("value", "shown"), [
    (3, "3"), (3.0, "3"), (1234567, "1 234 567"), (0.99912345, "0.99912"), (0.5, "0.5"), (254.043, "254.04"),
    (12345.6, "12 346"), (None, "-"), (True, "yes"), ("a|b", "a\\|b"), ([1, None], "1, -"),
    ({"mean": 0.5, "low": 0.4, "high": 0.6}, "0.50000 [0.40000, 0.60000]"),
    ({"mean": 0.5, "low": None, "high": None}, "0.50000"), ({"mean": None, "low": None, "high": None}, "-"),
    ({"a": 1, "b": 2}, "a: 1, b: 2")])
def test_cells(value, shown):
    assert markdown.text(value) == shown


def test_rows_with_different_keys_share_a_table():
    assert markdown.table([{"a": 1}, {"a_b": 2}]) == "| a | a b |\n| --- | --- |\n| 1 | - |\n| - | 2 |"


def test_blocks_nest_under_headings():
    text = markdown.block({"verdict": "lost", "starts": {"wmmse": {"seconds": 1}, "diffuser": {"seconds": 2}},
                           "deep": {"rows": [{"x": 1}]}}, 3)
    assert text.startswith("- verdict: lost\n\n### Starts\n\n|  | seconds |")
    assert "### Deep\n\n|  | x |\n| --- | --- |\n| rows | 1 |" in text


def test_rows_with_blocks_of_their_own_become_sections():
    text = markdown.block({"cases": [{"name": "2 stations", "budgets": [{"seconds": 1, "winner": "classic"}] * 2,
                                      "curve": list(range(100))}], "notes": ["A note."]}, 3)
    assert "### Cases\n\n#### 2 stations\n\n- name: 2 stations\n- curve: 100 values" in text
    assert "##### Budgets\n\n| seconds | winner |" in text
    assert "A note." in text


JSON = st.recursive(st.none() | st.booleans() | st.floats(-1e9, 1e9) | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
                    max_leaves=12)


@given(JSON)
def test_any_json_can_be_shown(value):
    assert isinstance(markdown.block(value, 3), str)
