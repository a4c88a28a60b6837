"""Maps for the documentation: a proven plan of nobel-germany, both layers of polska, and the survey of pioro40 as
`planning_survey.py` left its links in survey.csv.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_maps.py --to data/reports/planning
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pyarrow import csv

from aign.files.writing import read_json
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import case, maps, single_layer
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.survey.results import survey_title


def main() -> None:
    """Plan and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    folder = parser.parse_args().to
    for name, layers in (("nobel-germany", 1), ("polska", 2)):
        topology = load(name)
        unit, demand = single_layer.unit_of(topology), single_layer.traffic_of(topology)
        if layers == 1:
            asked, limits = case.one_layer(topology, demand, unit, "links", 1.0, [], 1.0), Limits()
        else:
            asked, limits = case.over_fibres(topology, demand, unit, 1, 1.0, 1.0, 0), Limits(gap=0.05, rounds=4)
        answer = asked.solve(None, 0.0, limits, lambda progress: None)
        answer.draw(folder / f"{name}{'-layers' if layers == 2 else ''}.png")
        print(name, layers, answer.cost, answer.bound, answer.proof)
    links = csv.read_csv(folder / "survey.csv")
    survey = read_json(folder / "survey.json", OSError)
    needed, mean, high = (links[name].to_numpy() for name in ("needed", "mean", "q95"))
    maps.save(maps.survey_map(load(survey["network"]), needed, mean, high,
                              survey_title(survey["network"], survey["futures"])), folder / "survey.png")


if __name__ == "__main__":
    main()
