"""Small random networks, and independent truth: enumeration of plans, each routed by a program over paths."""

import itertools

import numpy as np
from scipy.optimize import linprog

from aign.scenarios.ip_optical_planning.solver.instance import Failures, Instance


def drawn(seed, kind):
    """Return an instance with 4 or 5 nodes and up to 6 links, and its kind of failures."""
    random = np.random.default_rng(seed)
    nodes = int(random.integers(4, 6))
    tree = [(node, int(random.integers(node))) for node in range(1, nodes)]
    spare = [pair for pair in itertools.combinations(range(nodes), 2) if pair not in {tuple(sorted(t)) for t in tree}]
    extra = [spare[index] for index in random.choice(len(spare), 6 - len(tree), replace=False)]
    ends = np.array([*tree, *extra])
    if kind == "parallel":
        ends[-1] = ends[0]
    demand = np.zeros((nodes, nodes))
    for a, b in itertools.combinations(range(nodes), 2):
        demand[a, b] = demand[b, a] = float(random.integers(0, 3)) / 2
    if not demand.any():
        demand[0, 1] = demand[1, 0] = 1.0
    price = random.integers(1, 9, len(ends)).astype(float)
    share = float(random.choice([0.5, 0.8, 1.0]))
    failures = failing(kind, ends, nodes, share, random)
    return Instance(nodes, ends, demand, float(random.choice([1.0, 1.5])), price, np.zeros(len(ends)),
                    np.full(len(ends), 3.0), failures)


def failing(kind, ends, nodes, share, random):
    """Return failures that leave every demand a path."""
    links = len(ends)
    if kind == "none":
        return Failures.none(links)
    if kind == "nodes":
        candidates = Failures.of_nodes(ends, list(range(nodes)), share)
    elif kind == "groups":
        groups = [tuple(sorted(random.choice(links, 2, replace=False).tolist())) for _ in range(3)]
        candidates = Failures.of_groups(groups, links, share)
    else:
        candidates = Failures.of_groups([(link,) for link in range(links)], links, share)
    kept = [row for row in range(len(candidates))
            if connected(ends[~candidates.dead[row]], nodes, int(candidates.silent[row]))]
    return Failures(candidates.dead[kept], candidates.share[kept], candidates.silent[kept],
                    tuple(candidates.names[row] for row in kept))


def connected(ends, nodes, without):
    """Return whether the links join all nodes but one that failed."""
    nodes_left = set(range(nodes)) - {without}
    reached, front = set(), [min(nodes_left)]
    while front:
        node = front.pop()
        reached.add(node)
        front += [b if a == node else a for a, b in ends.tolist() if node in (a, b) and {a, b} - {node} - reached]
        front = [other for other in front if other not in reached]
    return reached >= nodes_left


def routed(instance, plan, scenario):
    """Return whether a plan carries a scenario: a program over all simple paths, with capacities as they are."""
    dead = np.zeros(instance.links, bool) if scenario == 0 else instance.failures.dead[scenario - 1]
    share = 1.0 if scenario == 0 else instance.failures.share[scenario - 1]
    silent = -1 if scenario == 0 else instance.failures.silent[scenario - 1]
    columns, served, amounts = [], [], []
    for a, b in itertools.combinations(range(instance.nodes), 2):
        if instance.demand[a, b] > 0 and silent not in (a, b):
            for path in paths(instance, a, b, dead):
                columns.append(np.isin(np.arange(instance.links), path).astype(float))
                served.append(len(amounts))
            amounts.append(share * instance.demand[a, b])
    if not amounts:
        return True
    load = np.array(columns).T if columns else np.zeros((instance.links, 0))
    carries = (np.arange(len(amounts))[:, None] == np.array(served)[None]).astype(float)
    over = np.eye(instance.links)
    solved = linprog(np.append(np.zeros(load.shape[1]), np.ones(instance.links)),
                     A_eq=np.hstack([carries, np.zeros((len(amounts), instance.links))]), b_eq=amounts,
                     A_ub=np.hstack([load, -over]), b_ub=instance.module * np.where(dead, 0.0, plan))
    return solved.status == 0 and solved.fun <= 1e-6 * instance.demand.sum()


def paths(instance, source, target, dead):
    """Yield every simple path that works, as its links."""
    stack = [(source, (source,), ())]
    while stack:
        node, visited, links = stack.pop()
        if node == target:
            yield links
            continue
        for link, (a, b) in enumerate(instance.ends.tolist()):
            other = b if a == node else a
            if not dead[link] and node in (a, b) and other not in visited:
                stack.append((other, (*visited, other), (*links, link)))


def cheapest(instance):
    """Return the least cost of a plan that carries every scenario, trying plans by growing cost, or None."""
    plans = np.array(list(itertools.product(range(int(instance.most[0]) + 1), repeat=instance.links)), dtype=float)
    costs = plans @ instance.price
    rows = necessary(instance)
    possible = np.ones(len(plans), bool)
    for low, members in rows:
        possible &= plans @ members >= low - 1e-9
    for index in np.argsort(costs, kind="stable"):
        if possible[index] and all(routed(instance, plans[index], scenario) for scenario in range(instance.scenarios)):
            return float(costs[index])
    return None


def necessary(instance):
    """Return what every plan must hold across every set of nodes, to try fewer plans; capacity, nothing rounded."""
    rows = []
    for scenario in range(instance.scenarios):
        dead = np.zeros(instance.links, bool) if scenario == 0 else instance.failures.dead[scenario - 1]
        share = 1.0 if scenario == 0 else instance.failures.share[scenario - 1]
        silent = -1 if scenario == 0 else int(instance.failures.silent[scenario - 1])
        for bits in range(1, 2 ** (instance.nodes - 1)):
            side = np.array([bits >> node & 1 for node in range(instance.nodes)], bool)
            across = [(a, b) for a in np.flatnonzero(side) for b in np.flatnonzero(~side) if silent not in (a, b)]
            need = share * sum(instance.demand[a, b] for a, b in across)
            members = (side[instance.ends[:, 0]] != side[instance.ends[:, 1]]) & ~dead
            rows.append(((need - 1e-6 * instance.demand.sum()) / instance.module, members.astype(float)))
    return rows
