"""Networks of more than 65 nodes in one layer: how near to the cheapest plan a few rounds come, with its bound.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_beyond.py [NAME ...] [--to data/reports/planning/beyond.json]
    OMP_NUM_THREADS=1 python tests/benchmarks/planning_beyond.py topozoo/TataNld --rounds 0 --gap 0.11 [--to ...]

Networks are topohub's: `topozoo/...` are maps of operators, `gabriel/...` are drawn. Those without demands get 1 times
the number of links of one end times that of the other. Each is written to a file and read as a user's own, so that
`aign plan FILE` plans the same. Every link that is no bridge may fail. In some failures, evenly chosen, the plan is
routed again by another program (`planning_networks.carried_share`). Rows of other networks in the file stay.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import topohub
from planning_networks import carried_share, instance_of, shortest_path_cost

from aign.files.writing import write_json
from aign.scenarios.ip_optical_planning.own_networks import read_network
from aign.scenarios.ip_optical_planning.solver.answers import Limits, Progress
from aign.scenarios.ip_optical_planning.solver.search import Search

NAMES = ("topozoo/Uninett2010",)


def written(name: str, folder: Path) -> Path:
    """Write a network of topohub as a file, with demands; return its path."""
    network = topohub.get(name)
    for node in network["nodes"]:
        node["name"] = f"{node.get('name', '')} {node['id']}".strip()  # some have two nodes of one name
        if name.startswith("gabriel"):  # drawn on a plane of km
            node["pos"] = [place / 100 for place in node["pos"]]
    for edge in network["edges"]:
        if edge.get("dist", 0) <= 0:  # two nodes in one place
            edge.pop("dist", None)
    if not network["graph"].get("demands"):
        degree = {str(node["id"]): 0 for node in network["nodes"]}
        for edge in network["edges"]:
            degree[str(edge["source"])] += 1
            degree[str(edge["target"])] += 1
        ids = list(degree)
        network["graph"]["demands"] = {source: {target: degree[source] * degree[target] for target in ids[row + 1:]}
                                       for row, source in enumerate(ids)}
    path = folder / f"{name.replace('/', '-')}.json"
    path.write_text(json.dumps(network))
    return path


def planned(name: str, rounds: int, gap: float, checks: int) -> dict:
    """Plan one network, and route the plan again in some failures; return its row."""
    with tempfile.TemporaryDirectory() as folder:
        topology = read_network(written(name, Path(folder)))
    instance = instance_of(topology)
    start, rows = time.process_time(), []

    def note(progress: Progress) -> None:
        rows.append({"seconds": round(time.process_time() - start, 1), "bound": progress.bound, "cost": progress.cost})
        print(name, rows[-1], flush=True)

    answer = Search(instance, Limits(gap=gap, rounds=rounds)).run(note)
    seconds, shortest = time.process_time() - start, shortest_path_cost(topology, instance)
    checked = [] if answer.plan is None else np.linspace(0, instance.scenarios - 1, checks, dtype=int).tolist()
    shares = [carried_share(instance, answer.plan, scenario) for scenario in checked]
    return {"topology": name, "nodes": topology.size, "links": topology.links, "bridges": len(topology.bridges()),
            "processor_seconds": round(seconds, 1), "scenarios_checked": len(shares),
            "least_share_carried": min(shares, default=None), "cost": answer.cost / shortest,
            "bound": answer.bound / shortest, "gap": answer.gap, "rounds": rows,
            "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)}


def main() -> None:
    """Print a row a network, and write them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--to", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--gap", type=float, default=0.02)
    parser.add_argument("--checks", type=int, default=3)
    arguments = parser.parse_args()
    before = arguments.to is not None and arguments.to.exists()
    rows = [row for row in json.loads(arguments.to.read_text()) if row["topology"] not in arguments.names] \
        if before else []
    for name in arguments.names:
        rows.append(planned(name, arguments.rounds, arguments.gap, arguments.checks))
        print(json.dumps(rows[-1]), flush=True)
        if arguments.to is not None:
            write_json(arguments.to, rows)


if __name__ == "__main__":
    main()
