"""Orbits against textbook figures and an independent formula; a plan that survives all slots, and one that does not."""

from dataclasses import replace

import numpy as np
import pytest

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning import satellites
from aign.scenarios.ip_optical_planning.satellites import EARTH_RADIUS, Shell, elevations
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.solver.search import Limits, Search

LINE = Topology("line", ("A", "B", "C"), np.array([[0.0, 45.0], [10.0, 45.0], [20.0, 45.0]]),
                np.array([[0, 1], [1, 2]]), np.array([78_000.0, 78_000.0]), np.array([[0, 2]]), np.array([2.0]))
DEMAND = np.array([[0.0, 0, 2], [0, 0, 0], [2, 0, 0]])


def test_periods_are_those_of_known_orbits():
    assert Shell(altitude=780).period / 60 == pytest.approx(100.4, abs=0.2)  # Iridium
    assert Shell(altitude=550).period / 60 == pytest.approx(95.6, abs=0.2)  # Starlink
    assert Shell(altitude=35_786).period == pytest.approx(86_164, rel=1e-3)  # geostationary


def test_satellites_keep_their_height_and_inclination():
    shell = Shell(planes=3, satellites=8, altitude=550, inclination=53)
    places = np.concatenate([shell.positions(moment) for moment in np.linspace(0, shell.period, 50)])
    assert np.allclose(np.linalg.norm(places, axis=1), EARTH_RADIUS + 550)
    highest = np.degrees(np.arcsin(places[:, 2] / np.linalg.norm(places, axis=1))).max()
    assert highest == pytest.approx(53, abs=0.5)


@pytest.mark.parametrize("apart", [0.0, 5.0, 12.0, 20.0])
def test_elevation_follows_from_the_angle_at_the_earth_s_centre(apart):
    radius = EARTH_RADIUS + 780
    angle = np.radians(apart)
    satellite = radius * np.array([[np.cos(angle), np.sin(angle), 0.0]])
    expected = np.degrees(np.arctan2(np.cos(angle) - EARTH_RADIUS / radius, np.sin(angle)))
    assert elevations(np.array([[0.0, 0.0]]), satellite)[0, 0] == pytest.approx(expected)


def test_every_satellite_has_four_links_to_others():
    shell = Shell(planes=4, satellites=5)
    degree = np.bincount(np.array(shell.links()).ravel(), minlength=shell.count)
    assert (degree == 4).all()


def test_links_exist_in_the_slots_in_which_the_satellite_is_high_enough():
    shell = Shell(planes=6, satellites=11, elevation=20)
    problem, present = satellites.instance(LINE, DEMAND, 1.0, shell, [0, 2], 5, 1.0, 10.0)
    reach = satellites.visible(LINE, shell, [0, 2], 5)
    count = int(reach.any(0).sum())
    kept = satellites.useful(shell, reach)
    assert set(np.flatnonzero(reach.any((0, 1)))) <= set(kept)
    assert problem.nodes == 3 + len(kept)
    assert present.shape == (5, 2 + count + sum(a in kept and b in kept for a, b in shell.links()))
    assert present[:, :2].all()
    assert present[:, 2 + count:].all()
    assert present[:, 2:2 + count].sum() == reach.sum()
    assert 0 < present[:, 2:2 + count].mean() < 1


def test_a_plan_survives_every_slot_and_costs_more_than_one_that_ignores_them():
    shell = Shell(planes=8, satellites=12, altitude=1200, elevation=5)
    dynamic, present = satellites.instance(LINE, DEMAND, 1.0, shell, [0, 2], 4, 1.0, 500.0)
    answer = Search(dynamic, Limits(gap=0.01)).run()
    assert RoutingCheck(dynamic).verdict(answer.plan).failed == -1
    static = replace(dynamic, failures=satellites.slot_failures(present[:1], LINE.links))
    alone = Search(static, Limits(gap=0.01)).run()
    assert alone.cost < answer.cost
    assert RoutingCheck(static).verdict(alone.plan).failed == -1
    assert RoutingCheck(dynamic).verdict(alone.plan).failed > 0
    assert (answer.plan[2:] > 0).any()  # satellites carry what a cut of the only path would stop
    assert len(dynamic.failures) == 4 * 3
    assert present.shape[0] == 4


@pytest.mark.parametrize("bad", [{"planes": 0}, {"satellites": 2}, {"altitude": 100}, {"elevation": 90}])
def test_a_shell_that_cannot_be_is_refused(bad):
    with pytest.raises(ParameterError, match="allowed: planes >= 1"):
        Shell(**bad)


def test_unknown_gateways_are_refused():
    with pytest.raises(ParameterError, match="allowed: nodes 0 to 2"):
        satellites.instance(LINE, DEMAND, 1.0, Shell(), [7], 2, 1.0, 1.0)
