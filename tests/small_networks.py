"""Small random networks of many kinds, and whether a program over all paths can route a plan on them."""

import itertools
from dataclasses import replace

import numpy as np
from scipy.optimize import linprog

from aign.scenarios.ip_optical_planning.solver.instance import Failures, Fibres, Instance

KINDS = ("links", "none", "nodes", "groups", "parallel", "bridge", "mixed", "dropped", "two layers",
         "two layers dropped")
"""What fails: links, nothing, nodes, groups of two links; parallel links; an exempt bridge; all at once; with some
failures that may be dropped; lightpaths over fibres."""


def drawn(seed, kind):
    """Return an instance with 3 to 5 nodes and up to 6 links, and its kind of failures."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    if kind.startswith("two layers"):
        return lightpaths(random, may_drop=kind.endswith("dropped"))
    nodes = int(random.integers(4, 6))
    ends = drawn_links(random, nodes, 6)
    if kind == "parallel":
        ends[-1] = ends[0]
    if kind == "bridge":  # one more node at the end of a link that may not fail
        ends = np.vstack([ends, [[int(random.integers(nodes)), nodes]]])
        nodes += 1
    price = random.integers(1, 9, len(ends)).astype(float)
    share = float(random.choice([0.5, 0.8, 1.0]))
    failures = failing(kind, ends, nodes, share, random)
    may_drop = int(random.integers(1, len(failures))) if kind == "dropped" and len(failures) > 1 else 0
    return Instance(nodes, ends, drawn_demand(random, nodes), float(random.choice([1.0, 1.5])), price,
                    np.zeros(len(ends)), np.full(len(ends), 3.0), failures, may_drop=may_drop)


def drawn_links(random, nodes, links):
    """Return a random tree and further links (L, 2) up to so many."""
    tree = [(node, int(random.integers(node))) for node in range(1, nodes)]
    spare = [pair for pair in itertools.combinations(range(nodes), 2) if pair not in {tuple(sorted(t)) for t in tree}]
    extra = random.choice(len(spare), min(len(spare), links - len(tree)), replace=False)
    return np.array([*tree, *(spare[index] for index in extra)])


def drawn_demand(random, nodes):
    """Return symmetric traffic (n, n) in halves, not all of it 0."""
    demand = np.triu(random.integers(0, 3, (nodes, nodes)) / 2, 1)
    demand[0, 1] = demand[0, 1] if demand.any() else 1.0
    return demand + demand.T


def lightpaths(random, may_drop):
    """Return lightpaths over single fibres and pairs of adjacent ones, each single cut failing."""
    nodes = int(random.integers(3, 5))
    routes = drawn_links(random, nodes, nodes + 1)
    chosen, ends = [(route,) for route in range(len(routes))], routes.tolist()
    for first, second in itertools.combinations(range(len(routes)), 2):
        far = set(routes[first].tolist()) ^ set(routes[second].tolist())
        if len(far) == 2:
            chosen.append((first, second))
            ends.append(sorted(far))
    over = np.array([[route in path for path in chosen] for route in range(len(routes))])
    share = float(random.choice([0.5, 1.0]))
    single = Failures.of_groups([(route,) for route in range(len(routes))], len(routes), share)
    cuts = Failures(over, single.share, single.silent, single.names)
    fibres = Fibres(routes, over, int(random.integers(1, 4)), random.integers(1, 5, len(routes)).astype(float),
                    np.full(len(routes), 9.0), single)
    built = Instance(nodes, np.array(ends), drawn_demand(random, nodes), 1.0,
                     random.integers(2, 5, len(ends)).astype(float), np.zeros(len(ends)), np.full(len(ends), 4.0),
                     cuts, fibres, normal=float(random.choice([0.0, 1.0])))
    exempt = [scenario - 1 for scenario in built.disconnecting() if scenario]
    kept = cuts.without(exempt)
    return replace(built, failures=kept, fibres=replace(fibres, failures=single.without(exempt)),
                   may_drop=int(may_drop and len(kept) > 1))


def failing(kind, ends, nodes, share, random):
    """Return failures that leave every demand a path."""
    links = len(ends)
    if kind == "none":
        return Failures.none(links)
    groups = [tuple(sorted(random.choice(links, 2, replace=False).tolist())) for _ in range(3)]
    candidates = Failures.none(links)
    if kind not in ("nodes", "groups"):
        candidates = Failures.of_groups([(link,) for link in range(links)], links, share)
    if kind in ("nodes", "mixed", "dropped"):
        candidates = candidates.joined(Failures.of_nodes(ends, list(range(nodes)), share))
    if kind in ("groups", "mixed"):
        candidates = candidates.joined(Failures.of_groups(groups, links, share))
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
