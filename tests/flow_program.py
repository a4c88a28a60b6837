"""Independent truth for survivable plans: one whole-number program with the flows of every scenario, by scipy."""

import itertools

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_matrix

from aign.scenarios.ip_optical_planning.solver.answers import ImpossibleError
from aign.scenarios.ip_optical_planning.solver.search import Search


def agrees(instance):
    """Return whether the search proves the optimum that the program has, and whether there is a plan at all."""
    expected = least_cost(instance)
    try:
        answer = Search(instance).run()
    except ImpossibleError:
        return expected is None, False
    same = expected is not None and abs(answer.cost - expected) <= 1e-6 * max(1.0, expected)
    return same and answer.gap <= 1e-9, True


def least_cost(instance):
    """Return the least cost of a plan that carries every scenario but those it may drop, or None where there is none.

    Columns: modules (L,), fibre pairs, whether each failure is dropped, then flows by scenario, source, link and way.
    """
    links, routes, failures = instance.links, instance.routes, len(instance.failures)
    sources = np.flatnonzero(np.triu(instance.demand, 1).any(1))
    place = {key: links + routes + failures + number for number, key in enumerate(
        itertools.product(range(instance.scenarios), sources.tolist(), range(links), (0, 1)))}
    rows = Rows(links + routes + failures + len(place))
    for scenario, source, node in itertools.product(range(instance.scenarios), sources.tolist(), range(instance.nodes)):
        if node != source:
            balance(rows, instance, place, (scenario, source, node))
    for scenario, link in itertools.product(range(instance.scenarios), range(links)):
        flows = {place[scenario, source, link, way]: 1.0 for source in sources.tolist() for way in (0, 1)}
        dead = scenario > 0 and instance.failures.dead[scenario - 1, link]
        rows.add(flows if dead else {link: -instance.module, **flows}, -np.inf, 0.0)
    for route in range(routes):
        over = dict.fromkeys(np.flatnonzero(instance.fibres.over[route]).tolist(), -1.0)
        rows.add({**over, links + route: float(instance.fibres.channels)}, 0.0, np.inf)
    rows.add(dict.fromkeys(range(links + routes, links + routes + failures), 1.0), -np.inf, instance.may_drop)
    whole = links + routes + failures
    price = np.concatenate([instance.prices[:links + routes], np.zeros(failures + len(place))])
    high = np.concatenate([instance.upper[:links + routes], np.ones(failures), np.full(len(place), np.inf)])
    low = np.concatenate([instance.lower[:links + routes], np.zeros(failures + len(place))])
    solved = milp(price, integrality=np.arange(len(price)) < whole, bounds=Bounds(low, high),
                  constraints=rows.constraint(), options={"mip_rel_gap": 0.0})
    return None if solved.x is None else float(solved.fun)


def balance(rows, instance, place, key):
    """Add that a node takes what the source sends it, unless the failure is dropped; each pair has one source."""
    scenario, source, node = key
    amount = instance.demand[source, node] if source < node else 0.0
    silent = scenario > 0 and instance.failures.silent[scenario - 1] in (source, node)
    amount *= 0.0 if silent else instance.normal if scenario == 0 else instance.failures.share[scenario - 1]
    terms = {}
    for link, (a, b) in enumerate(instance.ends.tolist()):
        if node in (a, b):
            inward = 0 if node == b else 1
            terms[place[scenario, source, link, inward]] = 1.0
            terms[place[scenario, source, link, 1 - inward]] = -1.0
    if scenario > 0:
        terms[instance.links + instance.routes + scenario - 1] = amount
    rows.add(terms, amount, amount)


class Rows:
    """Sparse rows low <= matrix @ x <= high."""

    def __init__(self, columns):
        self.columns, self.terms, self.low, self.high = columns, [], [], []

    def add(self, terms, low, high):
        """Add one row, its terms by column."""
        self.terms.append(terms)
        self.low.append(low)
        self.high.append(high)

    def constraint(self):
        """Return all rows."""
        matrix = lil_matrix((len(self.terms), self.columns))
        for row, terms in enumerate(self.terms):
            for column, value in terms.items():
                matrix[row, column] = value
        return LinearConstraint(matrix.tocsr(), self.low, self.high)
