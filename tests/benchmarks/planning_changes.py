"""Growing networks: changes to what stands against planning anew, with every network on the way routed again.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_changes.py [NETWORK] [--to data/reports/planning/changes.json]

The network that stands is the cheapest one for the published demands. Each of 50 futures multiplies all demands by one
factor from 1.1 to 1.5 and each by one of its own from 0.85 to 1.15. Beside the cheapest additions: the additions that
lead to the cheapest plan of all for that future, made without a look at what stands (what stands and is not in it is
left unused), and changes where removing a module earns half its price. Another program (the largest share of all
demands at once, `planning_networks.py`) routes today's demands over what stands in every failure: every network on the
way has at least its modules, which is checked too. For the first futures it also measures, after each step, which share
of the new demands the network carries in its worst failure, to compare with what the step said.
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
from aign.scenarios.ip_optical_planning import changes, single_layer
from aign.scenarios.ip_optical_planning.solver.search import Search
from aign.scenarios.ip_optical_planning.survey.futures import Spread

SPREAD = Spread(common=(1.1, 1.5), pair=(0.85, 1.15))


def least_share(instance, plan) -> float:
    """Return the share of all demands, up to 1, that a plan carries in its worst scenario."""
    return min(carried_share(instance, plan, scenario) for scenario in range(1, instance.scenarios))


def future(instance, installed, demand, routed: bool) -> dict:
    """Return the row of one future; whether networks on the way are `routed` by the other program."""
    grown, price = replace(instance, demand=demand), instance.price
    start = time.process_time()
    added = changes.cheapest(grown, installed)
    steps = changes.steps(grown, installed, added.plan)
    seconds = time.process_time() - start
    anew = Search(grown).run()
    traded = changes.cheapest(grown, installed, earned=0.5)
    reached, errors = installed.copy(), []
    for step in steps:
        assert step.modules > 0, "an addition that removes"
        reached[step.link] += step.modules
        errors += [least_share(grown, reached) - step.carries] if routed else []
    assert np.array_equal(reached, added.plan)
    return {"growth": float(demand.sum() / instance.demand.sum() - 1), "steps": len(steps),
            "additions": added.cost, "additions_bound": added.bound,
            "additions_towards_plan_anew": float(np.maximum(anew.plan - installed, 0) @ price),
            "changes_when_removing_earns_half": traded.cost, "total_after_additions": float(added.plan @ price),
            "total_of_plan_anew": anew.cost, "standing": float(installed @ price),
            "networks_routed": len(errors), "largest_error_of_share_carried": float(np.abs(errors).max(initial=0.0)),
            "processor_seconds": seconds}


def summary(rows: list[dict]) -> dict:
    """Return means, worst values and a 95 % interval of the mean."""
    column = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    saved = 1 - column["additions"] / column["additions_towards_plan_anew"]
    regret = column["total_after_additions"] / column["total_of_plan_anew"] - 1
    earned = 1 - column["changes_when_removing_earns_half"] / column["additions"]
    error = 1.96 / np.sqrt(len(rows))
    return {"futures": len(rows), "steps_mean": column["steps"].mean(),
            "proven_optimal": int((column["additions"] - column["additions_bound"] <= 1e-6 * column["standing"]).sum()),
            "cheaper_than_additions_towards_plan_anew": [saved.mean(), error * saved.std(ddof=1)],
            "network_dearer_than_planned_anew": [regret.mean(), error * regret.std(ddof=1)],
            "cheaper_when_removing_earns_half": [earned.mean(), error * earned.std(ddof=1)],
            "networks_on_the_way_routed": int(column["networks_routed"].sum()),
            "largest_error_of_share_carried": column["largest_error_of_share_carried"].max(),
            "processor_seconds_mean": column["processor_seconds"].mean()}


def main() -> None:
    """Print the figures, and write them with all rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="polska")
    parser.add_argument("--futures", type=int, default=50)
    parser.add_argument("--routed", type=int, default=10, help="futures whose networks on the way are routed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    topology = load(arguments.network)
    instance, _ = single_layer.instance(topology, single_layer.traffic_of(topology), single_layer.unit_of(topology))
    installed = Search(instance).run().plan
    rows = [future(instance, installed, SPREAD.drawn(topology, number, arguments.seed), number < arguments.routed)
            for number in range(arguments.futures)]
    figures = {"network": arguments.network, "seed": arguments.seed,
               "share_of_today_carried_by_what_stands": least_share(instance, installed), **summary(rows)}
    print(json.dumps(figures, indent=1))
    if arguments.to is not None:
        write_json(arguments.to, {"summary": figures, "futures": rows})


if __name__ == "__main__":
    main()
