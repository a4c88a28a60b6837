"""Whole plans by diving: the linear program is solved again after each value that is rounded up.

A dive takes hundredths of a second where a whole-number program over lightpaths and fibres takes a second or more.

Axes: C values of a plan, R rows.
"""

from __future__ import annotations

import numpy as np

from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows
from aign.scenarios.ip_optical_planning.solver.relaxation import Relaxation

WHOLE = 1e-6
"""Distance from a whole number below which a value counts as whole."""
NEARLY = 0.8
"""Values whose fraction is above this are rounded up together."""


class Dive:
    """Dives over the rows of one search, all known ones, each time from the last basis."""

    def __init__(self, instance: Instance, rows: CutRows) -> None:
        self.instance, self.rows = instance, rows
        self._relaxation = Relaxation(instance, rows)
        self._added = 0
        self._random = np.random.default_rng(0)

    def plan(self, floor: Floats) -> Floats | None:
        """Return a whole plan (C,) of at least a floor (C,) that meets all known rows; None where none was reached."""
        fresh = np.arange(self._added, len(self.rows))
        self._relaxation.add(fresh)
        self._added = len(self.rows)
        low = np.maximum(floor, self.instance.lower)
        while True:
            self._relaxation.limit(low)
            if not self._relaxation.solve():
                return None
            values = self._relaxation.plan
            fraction = np.where(values > low + WHOLE, values - np.floor(values + WHOLE), 0.0)
            links = fraction[:self.instance.links]
            part = links if (links > WHOLE).any() else fraction  # fibre pairs last
            if part.max() <= WHOLE:
                return np.asarray(values.round())
            liking = part * self._random.uniform(0.5, 1.0, len(part))  # so that no two dives need be the same
            risen = np.flatnonzero((part >= NEARLY) | (liking == liking.max()))
            low[risen] = np.ceil(values[risen] - WHOLE)
