"""Local search where there are fibres: lightpaths of one region are planned anew while all others stay.

The small program of a region holds all known rows and asks for a cheaper plan; each of its plans is routed in every
scenario, and what it breaks becomes a row of the next program.

Axes: n nodes, L links, C values of a plan.
"""

from __future__ import annotations

import networkx
import numpy as np

from aign.scenarios.ip_optical_planning.solver.heuristics import Mender
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats
from aign.scenarios.ip_optical_planning.solver.programs import least_cost

SHARE, SPREAD = 0.35, 1.5
"""Share of the lightpaths that are planned anew; hops from the centre within which chance decides which."""
TRIES, NODES = 8, 100
"""Programs of a region, and branch-and-bound nodes of each."""
CHEAPER = 1e-6
"""Relative difference of costs by which the next plan must be cheaper."""


class Neighbourhoods:
    """Regions of one instance, around centres drawn at random."""

    def __init__(self, mender: Mender) -> None:
        self._mender, self._random = mender, np.random.default_rng(0)
        instance = mender.instance
        graph = networkx.Graph((instance.below or instance).ends.tolist())
        hops = dict(networkx.all_pairs_shortest_path_length(graph))
        nearest = [[min(hops[node][a], hops[node][b]) for a, b in instance.ends.tolist()]
                   for node in range(instance.nodes)]
        self._hops = np.array(nearest, np.float64)

    def cheaper(self, plan: Floats) -> Floats | None:
        """Return a cheaper plan (C,) that survives, with the same lightpaths outside the next region; None where none
        was reached.
        """
        mender, free = self._mender, self._region()
        instance, rows = mender.instance, mender.rows
        modules = plan[:instance.links]
        floor, ceiling = instance.lower.copy(), instance.upper.copy()
        floor[:instance.links] = np.where(free, floor[:instance.links], modules)
        ceiling[:instance.links] = np.where(free, ceiling[:instance.links], modules)
        for _ in range(TRIES):
            open_ = rows.matrix @ floor < rows.low - 1e-6
            solved = least_cost(instance, rows.low[open_], rows.matrix[open_], floor=floor, ceiling=ceiling,
                                below=(1 - CHEAPER) * float(plan @ instance.prices), nodes=NODES)
            if not len(solved.plans):
                return None
            if mender.examined(solved.plans[-1]):
                return mender.trimmed(solved.plans[-1])
        return None

    def _region(self) -> Flags:
        """Return the lightpaths (L,) that are planned anew."""
        centre = int(self._random.integers(len(self._hops)))
        far = self._hops[centre] + SPREAD * self._random.random(self._hops.shape[1])
        free = np.zeros(len(far), bool)
        free[np.argsort(far, kind="stable")[:max(1, round(SHARE * len(far)))]] = True
        return free
