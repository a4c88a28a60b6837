"""Satellites in circular orbits (a Walker delta constellation), and how high they stand over places on the ground.

Axes: N satellites, G places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aign.errors import ParameterError
from aign.scenarios.ip_optical_planning.solver.instance import Floats

EARTH_RADIUS = 6371.0
"""Mean radius [km]."""
GRAVITY = 398_600.4418
"""Gravitational parameter of the earth [km^3/s^2]."""
DAY = 86_164.1
"""Rotation of the earth [s]."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Satellites in circular orbits of one height.

    Attributes:
        planes: orbital planes, evenly spread in longitude.
        satellites: of each plane, evenly spread along it.
        altitude: [km].
        inclination: [degree].
        elevation: least angle above a gateway's horizon [degree].
    """

    planes: int = 6
    satellites: int = 11
    altitude: float = 780.0
    inclination: float = 86.4
    elevation: float = 10.0

    def __post_init__(self) -> None:
        if not (self.planes >= 1 and self.satellites >= 3 and 200 <= self.altitude <= 36_000
                and 0 <= self.inclination <= 180 and 0 <= self.elevation < 90):
            raise ParameterError(f"Shell: given {self}; allowed: planes >= 1, satellites >= 3, altitude 200 to "
                                 "36000 km, inclination 0 to 180, elevation 0 to below 90 degrees.")

    @property
    def count(self) -> int:
        """Satellites N."""
        return self.planes * self.satellites

    @property
    def period(self) -> float:
        """Time of one orbit [s]."""
        return 2 * math.pi * math.sqrt((EARTH_RADIUS + self.altitude) ** 3 / GRAVITY)

    def positions(self, seconds: float) -> Floats:
        """Return where the satellites are (N, 3) [km], in axes that turn with the earth."""
        plane, place = np.divmod(np.arange(self.count), self.satellites)
        along = 2 * np.pi * (place / self.satellites + plane / self.count + seconds / self.period)
        node = 2 * np.pi * (plane / self.planes - seconds / DAY)
        tilt = math.radians(self.inclination)
        radius = EARTH_RADIUS + self.altitude
        unit = np.stack([np.cos(node) * np.cos(along) - np.sin(node) * np.sin(along) * math.cos(tilt),
                         np.sin(node) * np.cos(along) + np.cos(node) * np.sin(along) * math.cos(tilt),
                         np.sin(along) * math.sin(tilt)], axis=1)
        places: Floats = radius * unit
        return places

    def links(self) -> list[tuple[int, int]]:
        """Return the links between satellites: along each plane, and to the next plane."""
        ring = [(first, self._number(first // self.satellites, first % self.satellites + 1))
                for first in range(self.count)]
        across = [(first, self._number(first // self.satellites + 1, first % self.satellites))
                  for first in range(self.count) if self.planes > 1]
        return sorted({(min(pair), max(pair)) for pair in ring + across})

    def _number(self, plane: int, place: int) -> int:
        return plane % self.planes * self.satellites + place % self.satellites


def elevations(places: Floats, satellites: Floats) -> Floats:
    """Return how high satellites (N, 3) stand over places (G, 2) of longitude and latitude, (G, N) [degree]."""
    east, north = np.radians(places).T
    up = np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)
    sight = satellites[None] - EARTH_RADIUS * up[:, None]
    sine = (sight * up[:, None]).sum(2) / np.linalg.norm(sight, axis=2)
    angles: Floats = np.degrees(np.arcsin(sine))
    return angles
