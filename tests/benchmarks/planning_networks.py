"""Least-cost survivable plans of all SNDlib networks with proof: seconds, cost, bound, gap, and an independent check.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_networks.py [NAME ...] [--to data/reports/planning/large.json]

Published demands; a module carries 0.8 of its capacity, a sixteenth of all traffic (622, 40 and 400 units for polska,
nobel-germany and nobel-us) times --modules. Every link that is no bridge may fail; with --risks nodes instead every
node, its own traffic excused; with --risks ducts also the two shortest links of each node together, where that leaves
every demand a path. --share of each demand must survive, in a share --survived of the failures. Costs are relative to
the plan that shortest-path routing needs when single links fail. Each plan is routed again, in every scenario, by
another program: the largest share of all demands at once (maximum concurrent flow), by destination, with scipy.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from aign.files.writing import write_json
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import single_layer
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.instance import Instance
from aign.scenarios.ip_optical_planning.solver.search import Search

NAMES = ("polska", "nobel-us", "nobel-germany", "geant", "france", "ta1", "janos-us", "nobel-eu", "sun", "cost266",
         "norway", "janos-us-ca", "zib54", "pioro40", "germany50", "ta2", "india35", "giul39")


def instance_of(topology, modules: float = 1.0, share: float = 1.0, risks: str = "links",
                survived: float = 1.0) -> Instance:
    """Return the planning problem of a network's published demands; failures that leave no path are exempt."""
    problem, _ = single_layer.instance(topology, single_layer.traffic_of(topology),
                                       modules * single_layer.unit_of(topology), share=share, survived=survived,
                                       risks="nodes" if risks == "nodes" else "links",
                                       groups=ducts(topology) if risks == "ducts" else ())
    return problem


def ducts(topology) -> list[tuple[int, ...]]:
    """Return the two shortest links of each node, each pair once."""
    incident = [np.flatnonzero((topology.ends == node).any(1)) for node in range(topology.size)]
    pairs = {tuple(sorted(links[np.argsort(topology.length[links], kind="stable")[:2]].tolist())) for links in incident}
    return sorted(pair for pair in pairs if len(pair) == 2)


def shortest_path_cost(topology, instance: Instance) -> float:
    """Return the cost of the modules that shortest-path routing needs in its worst scenario."""
    bridges = topology.bridges()
    failed = [None, *(link for link in range(topology.links) if link not in bridges)]
    load_ = np.max([topology.demand @ topology.shortest_paths(link) for link in failed], axis=0)
    return float(np.ceil((load_ - instance.slack) / instance.module) @ instance.price)


def carried_share(instance: Instance, plan: np.ndarray, scenario: int) -> float:
    """Return the largest share of all demands, up to 1, that a plan (L,) carries at once in a scenario."""
    alive = np.flatnonzero(instance.alive[scenario] & (plan > 0))
    traffic = instance.demand_in(scenario)
    targets = np.flatnonzero(np.tril(traffic).any(1))  # each pair once: towards the node with the larger number
    nodes, links = instance.nodes, len(alive)
    flows = len(targets) * links * 2
    place, link, way = np.unravel_index(np.arange(flows), (len(targets), links, 2))
    ends = instance.ends[alive[link]]
    tail, head = ends[np.arange(flows), way], ends[np.arange(flows), 1 - way]
    needed = np.array([np.where(np.arange(nodes) < target, traffic[target], 0.0) for target in targets])
    rows = np.concatenate([place * nodes + tail, place * nodes + head, np.arange(len(targets) * nodes)])
    columns = np.concatenate([np.arange(flows), np.arange(flows), np.full(len(targets) * nodes, flows)])
    values = np.concatenate([np.ones(flows), -np.ones(flows), -needed.ravel()])
    kept = (rows % nodes) != targets[rows // nodes]
    balance = coo_matrix((values[kept], (rows[kept], columns[kept])), (len(targets) * nodes, flows + 1)).tocsr()
    capacity = coo_matrix((np.ones(flows), (link, np.arange(flows))), (links, flows + 1)).tocsr()
    solved = linprog(np.append(np.zeros(flows), -1.0), A_ub=capacity, b_ub=instance.module * plan[alive],
                     A_eq=balance, b_eq=np.zeros(balance.shape[0]),
                     bounds=[(0, None)] * flows + [(0, 1)], method="highs-ipm")
    return -float(solved.fun)


def planned(name: str, limits: Limits, **kind) -> dict:
    """Plan one network and check the plan; return its row."""
    topology = load(name, largest=None)
    instance = instance_of(topology, **kind)
    start = time.process_time()
    answer = Search(instance, limits).run()
    seconds, reference = time.process_time() - start, shortest_path_cost(topology, instance)
    shares = [carried_share(instance, answer.plan, scenario) for scenario in range(instance.scenarios)
              if scenario - 1 not in answer.dropped]
    return {"topology": name, **kind, "nodes": topology.size, "links": topology.links,
            "processor_seconds": round(seconds, 2), "cost": answer.cost / reference,
            "bound": answer.bound / reference, "gap": answer.gap,
            "failures_checked": len(shares) - 1, "least_share_carried": min(shares),
            "bridges_exempt": len(topology.bridges()),
            "peak_resident_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3)}


def main() -> None:
    """Print a row a network, and write them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--rounds", type=int, default=Limits().rounds)
    parser.add_argument("--modules", type=float, default=1.0)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--survived", type=float, default=1.0)
    parser.add_argument("--risks", choices=("links", "nodes", "ducts"), default="links")
    arguments = parser.parse_args()
    kind = {name: getattr(arguments, name) for name in ("modules", "share", "risks", "survived")}
    rows = []
    for name in arguments.names or NAMES:
        rows.append(planned(name, Limits(rounds=arguments.rounds), **kind))
        print(json.dumps(rows[-1]), flush=True)
        if arguments.to is not None:
            write_json(arguments.to, rows)


if __name__ == "__main__":
    main()
