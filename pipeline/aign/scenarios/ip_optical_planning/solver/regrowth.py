"""Local search where there are fibres: some lightpaths of a plan are taken out and others grown in their place.

Axes: L links, C values of a plan.
"""

from __future__ import annotations

import networkx
import numpy as np

from aign.scenarios.ip_optical_planning.solver.heuristics import Mender
from aign.scenarios.ip_optical_planning.solver.instance import Floats

REGION = 3
"""The largest part of the nodes whose lightpaths are taken out at once is one in so many."""
FEWEST_OUT = 0.4
"""The least share of the lightpaths of a region that are taken out."""


def regrown(mender: Mender, plan: Floats, random: np.random.Generator) -> Floats:
    """Return a plan (C,) that survives and costs no more, or the same, which must survive, where none was reached.

    Many plans cost the same: going from one to another leads out of dead ends.
    """
    instance = mender.instance
    if instance.fibres is None:
        return plan
    graph = networkx.Graph(instance.fibres.ends.tolist())
    centre = int(random.choice(instance.fibres.ends.ravel()))
    nearest = list(networkx.single_source_shortest_path_length(graph, centre))
    region = nearest[:int(random.integers(2, max(4, instance.nodes // REGION)))]
    out = np.isin(instance.ends, region).any(1) & (random.random(instance.links) < random.uniform(FEWEST_OUT, 1.0))
    modules, _, dropped = instance.parts(plan)
    start = np.concatenate([np.where(out, instance.least, modules), np.zeros(instance.routes), dropped])
    grown = mender.grown(start, float(plan @ instance.prices) * (1 + 1e-9))
    return plan if grown is None or (grown == plan).all() else mender.trimmed(grown)
