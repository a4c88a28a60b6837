"""Independent truth: a hand-made network, path-by-path routing, and the whole integer program with all its flows."""

import itertools

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import lil_matrix

from aign.scenarios.core.topology import Topology

SQUARE = Topology("square", ("a", "b", "c", "d"), np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
                  np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2]]), np.array([100.0, 130.0, 90.0, 120.0, 170.0]),
                  np.array([[0, 1], [0, 2], [1, 3], [2, 3]]), np.array([3.0, 5.0, 2.0, 4.0]))
"""A square with a diagonal; link 4 joins a and c."""


def simple_paths(topology, source, target, failed):
    """Return every path as a set of links."""
    found, stack = [], [(source, [source], [])]
    while stack:
        node, visited, links = stack.pop()
        if node == target:
            found.append(links)
            continue
        for link, (a, b) in enumerate(topology.ends.tolist()):
            other = {a: b, b: a}.get(node)
            if link != failed and other is not None and other not in visited:
                stack.append((other, [*visited, other], [*links, link]))
    return found


def least_overflow(topology, demand, capacity, failed):
    """Return the least total overflow by a program over all simple paths, solved by scipy."""
    paths = [(pair, path) for pair, (i, j) in enumerate(topology.pairs.tolist())
             for path in simple_paths(topology, i, j, failed)]
    served, load = np.zeros((len(demand), len(paths))), np.zeros((topology.links, len(paths)))
    for column, (pair, path) in enumerate(paths):
        served[pair, column] = 1
        load[path, column] = 1
    links = topology.links
    solved = linprog(np.repeat([0.0, 1.0], [len(paths), links]),
                     A_eq=np.hstack([served, np.zeros((len(demand), links))]), b_eq=demand,
                     A_ub=np.hstack([load, -np.eye(links)]), b_ub=capacity)
    return solved.fun


def all_plans(links, most):
    """Return every plan of up to `most` modules a link."""
    return np.array(list(itertools.product(range(most + 1), repeat=links)), dtype=float)


def whole_program(topology, demand, module, prices, gap):
    """Return the least cost over plans that survive all link failures: every flow of every failure in one program."""
    nodes, links = topology.size, topology.links
    flow = nodes * 2 * links
    both = np.zeros((nodes, nodes))
    both[topology.pairs[:, 0], topology.pairs[:, 1]] = demand
    both += both.T
    rows = links * (nodes * nodes + 2 * links)
    matrix, low, high = lil_matrix((rows, links + links * flow)), np.zeros(rows), np.zeros(rows)
    row = 0
    for failed in range(links):
        for source in range(nodes):
            start = links + failed * flow + source * 2 * links
            for node in range(nodes):
                low[row] = high[row] = both[source].sum() if node == source else -both[source, node]
                for link, (a, b) in enumerate(topology.ends.tolist()):
                    if link != failed and node in (a, b):
                        out = 1.0 if node == a else -1.0
                        matrix[row, start + 2 * link], matrix[row, start + 2 * link + 1] = out, -out
                row += 1
        for link in range(links):
            for way in (0, 1):
                matrix[row, links + failed * flow + np.arange(nodes) * 2 * links + 2 * link + way] = 1.0
                matrix[row, link] = -module
                low[row] = -np.inf
                row += 1
    solved = milp(np.concatenate([prices, np.zeros(links * flow)]),
                  constraints=LinearConstraint(matrix.tocsr(), low, high),
                  integrality=np.repeat([1, 0], [links, links * flow]), bounds=Bounds(0, np.inf),
                  options={"mip_rel_gap": gap})
    return solved.fun, solved.mip_dual_bound
