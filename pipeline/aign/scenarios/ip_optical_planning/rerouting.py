"""Can what a failed link carried go other ways, while all else stays where it is? A proof that its failure is survived.

Not every failure that is survived is proven so, but many are, in a fraction of the time that routing anew takes.

Axes: n nodes, L links.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from aign.scenarios.ip_optical_planning.solver.instance import Floats, Integers

PARTS = 1e8
"""The largest capacity is cut into so many whole parts, since flows are whole numbers: loads rounded up, room down."""


def rerouted(nodes: int, ends: Integers, load: Floats, capacity: Floats, failed: int) -> Floats | None:
    """Return the loads (L,) once a failed link's load takes other ways; None where these lack room.

    Args:
        nodes: n.
        ends: (L, 2) nodes that a link joins; no two links join the same.
        load: (L,) both directions together.
        capacity: (L,) likewise.
        failed: number of the link.
    """
    part = float(capacity.max()) / PARTS
    need = int(np.ceil(load[failed] / part))
    room = np.floor(np.maximum(0.0, capacity - load) / part).astype(np.int32)
    room[failed] = 0
    a, b = ends.T
    graph = csr_matrix((np.concatenate([room, room]), (np.concatenate([a, b]), np.concatenate([b, a]))), (nodes, nodes))
    flow = maximum_flow(graph, int(a[failed]), int(b[failed]))
    if flow.flow_value < need:
        return None
    after: Floats = load + part * np.abs(np.asarray(flow.flow[a, b])).ravel()
    after[failed] = 0.0
    return after
