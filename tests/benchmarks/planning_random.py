"""Small random networks of every kind of risk: answers of the search against one program with all flows.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_random.py [--to data/reports/planning/random.json]

Kinds are those of `tests/small_networks.py`, taken in turn; the suite runs the first 21 of each.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from aign.files.writing import write_json

sys.path.append(str(Path(__file__).parents[1]))
from flow_program import agrees
from small_networks import KINDS, drawn


def main() -> None:
    """Print the networks and differences of each kind, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    rows = []
    for kind in KINDS:
        checked = [agrees(drawn(seed, kind)) for seed in range(arguments.graphs // len(KINDS))]
        rows.append({"kind": kind, "networks": len(checked), "with_a_plan": sum(possible for _, possible in checked),
                     "differences": sum(not same for same, _ in checked)})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.to is not None:
        write_json(arguments.to, rows)


if __name__ == "__main__":
    main()
