"""Two layers: what optical bypass saves, with its proof: direct lightpaths against candidates over several fibres.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_layers.py [--to data/reports/planning/two_layers.json]

Prices are those of `two_layers.Prices`, every fibre cut is survived. `saves_at_least` compares the cost with candidates
to the *bound* of direct lightpaths: the saving that is proven. Each plan is routed again after every cut by another
program (`planning_networks.carried_share`). With `--names`, rows of other networks in the file stay.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

from planning_networks import carried_share

from aign.files.writing import write_json
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import single_layer, two_layers
from aign.scenarios.ip_optical_planning.solver.answers import Limits, Progress
from aign.scenarios.ip_optical_planning.solver.search import Search

CASES = (("polska", 0, None, 8), ("polska", 2, None, 1), ("nobel-germany", 0, None, 8), ("nobel-germany", 1, 2, 4),
         ("nobel-germany", 2, 5, 1), ("cost266", 0, None, 8), ("cost266", 1, 2, 1))
"""Network, most paths of a pair of nodes, most fibre routes of a path, rounds; no path: direct lightpaths only."""


def planned(name: str, paths: int, hops: int | None, limits: Limits) -> dict:
    """Plan one case and check the plan; return its row."""
    topology = load(name, largest=None)
    lightpaths = two_layers.candidates(topology, paths, hops)
    instance = two_layers.instance(topology, single_layer.traffic_of(topology), 0.8 * single_layer.unit_of(topology),
                                   lightpaths)
    start, gaps = time.process_time(), []

    def note(progress: Progress) -> None:
        if math.isfinite(progress.gap):
            gaps.append((round(time.process_time() - start, 1), round(progress.gap, 4)))

    answer = Search(instance, limits).run(note)
    total = time.process_time() - start
    shares = [carried_share(instance, answer.plan[:instance.links], scenario) for scenario in range(instance.scenarios)]
    return {"topology": name, "paths": paths, "hops": hops, "candidates": len(lightpaths),
            "processor_seconds": round(total, 1), "cost": round(answer.cost, 2), "bound": round(answer.bound, 2),
            "gap": answer.gap, "gap_after_seconds": gaps, "cuts_checked": len(shares) - 1,
            "least_share_carried": min(shares)}


def main() -> None:
    """Print a row a case, and write them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--names", nargs="*", help="networks, all where none is named")
    arguments = parser.parse_args()
    names = arguments.names or [name for name, *_ in CASES]
    before = arguments.to is not None and arguments.to.exists()
    rows = [row for row in json.loads(arguments.to.read_text()) if row["topology"] not in names] if before else []
    direct: dict[str, dict] = {}
    for name, paths, hops, rounds in CASES:
        if name not in names:
            continue
        row = planned(name, paths, hops, Limits(rounds=rounds))
        if paths == 0:
            direct[name] = row
        else:
            row["saves_at_least"] = 1 - row["cost"] / direct[name]["bound"]
        rows.append(row)
        print(json.dumps(row), flush=True)
        if arguments.to is not None:
            write_json(arguments.to, rows)


if __name__ == "__main__":
    main()
