"""Orbits against textbook figures and an independent formula."""

import numpy as np
import pytest

from aign.scenarios.ip_optical_planning.orbits import EARTH_RADIUS, Shell, elevations


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
