"""Requests read as bounds of the integer program."""

import math

import pytest
from planning_cases import square

from aign.scenarios.core.constraints import parse
from aign.scenarios.ip_optical_planning.limits import Limits
from aign.scenarios.ip_optical_planning.scenario import LABELS


def limits(*texts, failures=True):
    return Limits.of(parse(texts, LABELS), square(failures)[0], spectrum=8)


def test_no_constraints_leave_everything_open():
    assert limits() == Limits(0.0, math.inf, 4, 0, 5, False, 0, ())


@pytest.mark.parametrize(("text", "field", "value"), [
    ("cost<=120", "dearest", 120.0), ("cost>=7", "cheapest", 7.0), ("optical>=5", "cap", 3), ("optical>4", "cap", 3),
    ("max_modules<=2.5", "cap", 2), ("links_used<=4", "most", 4), ("links_used>3", "fewest", 4),
    ("ip>=1", "normal", True), ("ip>0.5", "normal", True), ("ip>=0", "normal", False),
    ("reliability>=1", "failures", 5), ("reliability>=0.8", "failures", 4), ("reliability>0.8", "failures", 5),
    ("reliability>=0.01", "failures", 1), ("reliability>=1.1", "failures", 6)])
def test_each_bound(text, field, value):
    found = limits(text)
    assert getattr(found, field) == value
    assert found.rest == ()


@pytest.mark.parametrize("text", ["ip<=0.5", "reliability<=0.5", "optical<=1", "max_modules>=3", "ip>=2"])
def test_bounds_without_a_linear_form_are_left_over(text):
    assert [str(one) for one in limits(text).rest] == [str(parse([text], LABELS)[0].closed)]


def test_where_nothing_can_fail_reliability_is_no_demand():
    assert limits("reliability>=1", failures=False).failures == 0
