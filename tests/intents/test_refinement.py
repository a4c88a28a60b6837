"""Changes of a request in words; the corpus holds most of them, here stands what it cannot say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken_networks import network

from aign.designs.requests import Request
from aign.errors import ConstraintError
from aign.intents import refine

BOTH = Request(("total_power<=300", "min_rate>=6"), seed=1)


def refined(request, text, key="power"):
    return refine(request, text, network(key)).request


def test_what_is_not_spoken_of_stays():
    assert refined(BOTH, "greener").where == ("total_power<=270", "min_rate>=6")
    assert refined(BOTH, "greener").seed == 1


@given(st.integers(1, 99))
def test_relaxing_and_tightening_move_a_bound_to_its_two_sides(percent):
    upper = Request(("total_power<=200",))
    assert refined(upper, f"relax the total power by {percent} %").where == (f"total_power<={200 + 2 * percent}",)
    assert refined(upper, f"tighten the total power by {percent} %").where == (f"total_power<={200 - 2 * percent}",)
    lower = Request(("min_sinr_db>=-10",))
    relaxed = refined(lower, f"relax the SINR by {percent} %").where[0]
    assert float(relaxed.partition(">=")[2]) == pytest.approx(-10 - percent / 10)


def test_a_new_preset_takes_the_place_of_a_file():
    request = refined(Request(context="gains.json"), "use the preset aign-two-users", "two-users")
    assert (request.preset, request.context) == ("aign-two-users", None)


def test_two_changes_in_one_sentence():
    request = refined(BOTH, "raise the minimum rate to 7, drop the total power, three options")
    assert (request.where, request.count) == (("min_rate>=7",), 3)


@pytest.mark.parametrize("text", [
    "relax it by 5 %", "relax the fairness by 5 %", "drop 5", "greener by 5 % 7", "halve the total power by 3",
    "relax the total power by 5 ms", "more", "relax the total power to at most 320", "drop the minimum rate by 3",
    "raise the minimum rate to 5", "lower the total power to 400"])
def test_what_is_not_clear_is_asked(text):
    reading = refine(BOTH, text, network("power"))
    assert reading.request is None
    assert reading.questions


def test_a_contradiction_is_asked_about():
    reading = refine(BOTH, "total power at least 400", network("power"))
    assert "contradict" in reading.questions[0].text


def test_a_request_of_another_network_is_refused():
    with pytest.raises(ConstraintError, match="latency"):
        refine(Request(("latency<=3",)), "greener", network("power"))
