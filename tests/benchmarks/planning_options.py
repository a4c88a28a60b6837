"""What a planner may ask for besides: fine and coarse modules, shares that must survive, nodes, shared risks.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_options.py [NAME ...] [--to data/reports/planning/options.json]

Rows as in `planning_networks.py`; a search ends after --rounds of programs of up to --nodes branch-and-bound nodes,
whatever its gap. Where the plan chooses the failures that it survives, a round takes long: the row of pioro40 was made
with --kinds '[{"survived": 0.9}]' --rounds 1 --nodes 100.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from planning_networks import planned

from aign.files.writing import write_json
from aign.scenarios.ip_optical_planning.solver.answers import Limits

KINDS = ({"modules": 0.25}, {"modules": 4.0}, {"share": 0.5}, {"share": 0.8}, {"risks": "nodes"}, {"risks": "ducts"},
         {"survived": 0.9}, {"share": 0.8, "risks": "ducts", "survived": 0.9})
"""Capacity of a module in that of `planning_networks.py`, share of each demand, risks, share of failures."""


def main() -> None:
    """Print a row for each network and kind, and write them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=("nobel-germany", "pioro40"))
    parser.add_argument("--to", type=Path)
    parser.add_argument("--kinds", type=json.loads, help='such as [{"survived": 0.9}]; all by default')
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=Limits().nodes)
    arguments = parser.parse_args()
    rows = []
    limits = Limits(gap=1e-4, rounds=arguments.rounds, nodes=arguments.nodes)
    for name in arguments.names:
        for kind in arguments.kinds or KINDS:
            rows.append(planned(name, limits, **kind))
            print(json.dumps(rows[-1]), flush=True)
            if arguments.to is not None:
                write_json(arguments.to, rows)


if __name__ == "__main__":
    main()
