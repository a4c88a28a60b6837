"""Satellites above polska: a plan that survives every time slot, against plans that ignore that satellites move.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_satellites.py [--to data/reports/planning/satellites.json]

A Walker shell (66 satellites, 780 km, 86.4 degrees, as Iridium's) over three gateways; published demands; a module on a
link of a satellite costs as much as one on 30 km of fibre. In each slot every fibre may be cut, one at a time. Plans
made for slot 0 alone, and for all links together as if each existed always, are routed in each slot by another program
(the largest share of all demands at once, `planning_networks.py`).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from planning_networks import carried_share

from aign.files.writing import write_json
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import case, single_layer
from aign.scenarios.ip_optical_planning.satellites import Constellation, slot_failures, visible
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.search import Search

SKY = Constellation(gateways=["Gdansk", "Krakow", "Szczecin"], slots=8, elevation=10.0, price=30.0)


def failed_slots(problem, present, cuts: int, plan) -> list[int]:
    """Return the slots in which a plan does not carry all demands, in some failure of a fibre or without one."""
    failed = []
    for slot, links in enumerate(present):
        during = replace(problem, failures=slot_failures(links[None], cuts))
        during = replace(during, failures=during.failures.without([row - 1 for row in during.disconnecting()]))
        if any(carried_share(during, plan, scenario) < 1 - 1e-5 for scenario in range(1, during.scenarios)):
            failed.append(slot)
    return failed


def main() -> None:
    """Print the figures, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="polska")
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    topology = load(arguments.network)
    unit = single_layer.unit_of(topology)
    asked = case.with_satellites(topology, single_layer.traffic_of(topology), unit, SKY)
    problem, present, cuts = asked.instance, asked.present, topology.links
    ground, _ = single_layer.instance(topology, single_layer.traffic_of(topology), unit)
    plans = {"all slots": problem,
             "slot 0 alone": replace(problem, failures=slot_failures(present[:1], cuts)),
             "every link always": replace(problem, failures=slot_failures(present.any(0)[None], cuts)),
             "no satellite": None}
    rows = {}
    for name, planned in plans.items():
        start = time.process_time()
        answer = Search(planned or ground, Limits(arguments.gap, arguments.rounds)).run()
        seconds = time.process_time() - start
        plan = np.append(answer.plan, np.zeros(problem.links - len(answer.plan)))
        failed = failed_slots(problem, present, cuts, plan)
        rows[name] = {"cost": answer.cost, "bound": answer.bound, "processor_seconds": seconds,
                      "slots_failed": len(failed), "modules_on_satellite_links": float(plan[cuts:].sum())}
        print(name, json.dumps(rows[name]), flush=True)
    reach = visible(topology, SKY.shell, SKY.nodes(topology), SKY.slots)
    figures = {"network": arguments.network, "orbit": asked.remark, "period_minutes": SKY.shell.period / 60,
               "elevation_degrees": SKY.elevation, "gateways": SKY.gateways, "slots": SKY.slots,
               "price_km_of_fibre": SKY.price, "links": problem.links, "scenarios": problem.scenarios,
               "satellites_seen_by_a_gateway": [int(reach.sum(2).min()), int(reach.sum(2).max())], "plans": rows}
    if arguments.to is not None:
        write_json(arguments.to, figures)


if __name__ == "__main__":
    main()
