"""What a survey says: which links are needed in how many futures, each future's plan with its cost and bound.

Axes: N futures, L links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from pyarrow import csv, parquet

from aign.files.writing import write_json, writing
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning import maps
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats
from aign.scenarios.ip_optical_planning.survey.model import SurveyModel

HIGH = 0.95
"""Share of the futures that are content with the modules given as q95."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Plans of many futures of one network.

    Attributes:
        topology: the network.
        names: N names of the futures.
        plan: (N, L) modules, NaN in futures for which no plan was reached.
        cost, bound: (N,) of the plan, and below which no survivable plan costs.
        routed: (N,) whether all traffic was routed in every failure; else the plan meets the library's inequalities.
    """

    topology: Topology
    names: Sequence[str]
    plan: Floats
    cost: Floats
    bound: Floats
    routed: Flags

    @property
    def planned(self) -> Flags:
        """(N,) in which futures a plan was reached."""
        reached: Flags = np.isfinite(self.cost)
        return reached

    @property
    def excess(self) -> Floats:
        """Cost over bound, less 1, of the futures with a plan."""
        over: Floats = self.cost[self.planned] / self.bound[self.planned] - 1
        return over

    def links(self) -> pa.Table:
        """Return a row for each link: its ends, the share of futures that need it, mean, q95 and most modules."""
        plans, topology = self.plan[self.planned], self.topology
        source, target = ([topology.nodes[node] for node in end] for end in topology.ends.T)
        return pa.table({"source": source, "target": target, "needed": (plans > 0).mean(0), "mean": plans.mean(0),
                         "q95": np.quantile(plans, HIGH, axis=0, method="higher"), "most": plans.max(0)})

    def futures(self) -> pa.Table:
        """Return a row for each future with a plan: name, cost, bound, whether it was routed, modules of each link."""
        rows = np.flatnonzero(self.planned)
        return pa.table({"future": [self.names[row] for row in rows.tolist()], "cost": self.cost[rows],
                         "bound": self.bound[rows], "routed": self.routed[rows],
                         "modules": list(self.plan[rows].astype(np.int64))})

    def summary(self) -> dict[str, float | int | str]:
        """Return the figures of the whole survey."""
        over = self.excess
        return {"topology": self.topology.name, "futures": len(self.names), "planned": int(self.planned.sum()),
                "routed_in_every_failure": int((self.routed & self.planned).sum()),
                "cost_over_bound_mean": float(over.mean()), "cost_over_bound_q95": float(np.quantile(over, HIGH))}

    def save(self, stem: Path) -> list[Path]:
        """Write STEM.csv (links), STEM.parquet (futures), STEM.json (figures) and STEM.png (map); return the paths."""
        paths = [stem.with_name(stem.name + ending) for ending in (".csv", ".parquet", ".json", ".png")]
        with writing(paths[0]) as aside:
            csv.write_csv(self.links(), aside)
        with writing(paths[1]) as aside:
            parquet.write_table(self.futures(), aside)
        write_json(paths[2], self.summary())
        maps.save(self.map(), paths[3])
        return paths

    def map(self) -> Figure:
        """Return the map of the links."""
        links = self.links()
        needed, mean, high = (links[name].to_numpy() for name in ("needed", "mean", "q95"))
        return maps.survey_map(self.topology, needed, mean, high,
                               survey_title(self.topology.name, int(self.planned.sum())))


def survey_title(network: str, futures: int) -> str:
    """Return what stands above the map of a survey."""
    return f"{network}: {futures} futures; width: mean modules, number: enough in {HIGH:.0%} of them"


def surveyed(model: SurveyModel, topology: Topology, names: Sequence[str], matrices: Callable[[int], Floats],
             check: bool = True, report: Callable[[int, int], None] = lambda done, total: None) -> Survey:
    """Plan for every future.

    Args:
        model: of the network.
        topology: the network.
        names: N names of the futures.
        matrices: gives the traffic (n, n) of a future by its number.
        check: whether every failure of every plan is routed, and the plan mended where that fails.
        report: takes how many futures are done, of how many.
    """
    count, links, planner = len(names), topology.links, model.planner()
    plans, cost, bound = np.full((count, links), np.nan), np.full(count, np.nan), np.zeros(count)
    for number in range(count):
        matrix = planner.open(matrices(number))
        plan = matrix.mended(model.proposal(matrix))
        if check and plan is not None:
            plan = matrix.routed(plan)
        bound[number] = matrix.bound
        if plan is not None:
            plans[number], cost[number] = plan, matrix.cost(plan)
        report(number + 1, count)
    return Survey(topology, names, plans, cost, bound, np.full(count, check))
