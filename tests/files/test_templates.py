import jinja2
import pytest

from aign.files.templates import render, table


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(["a", "b"], [["x|y", 1]]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |"


def test_a_value_that_the_template_asks_for_and_nobody_gives_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match=r"title|front_matter"):
        render("trajectories/card.md.jinja")
