"""A survey of futures of pioro40: learned proposals beside others, all mended alike, and the solver at equal time.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_survey.py MODEL [--to data/reports/planning/survey]

MODEL is the folder of `aign survey pioro40 --train 200 --futures 0 --model MODEL`. Matrices are drawn as that command
draws them, others than those it learned from. A proposal is mended until it breaks no inequality of the library; in
some futures every failure is routed too, and the plan mended where that fails. Proposals:

- learned: the relaxed plan, rounded as the network says;
- rounded: the relaxed plan plus 0.35 rounded down, as the solver does; nothing learned but the library;
- nearest: the plan of the solved matrix nearest in demand;
- random: on each link the modules of a solved plan drawn for it alone;
- reverse delete: the modules that shortest paths need in their worst failure, from which the dearest are taken away.

The solver alone gets the processor time that a learned plan took with all its routing, then multiples of it. Excess is
cost over the library's bound of the same future, less 1; "+-" is half a 95 % interval. Writes .json, .csv and .png.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pyarrow import csv

from aign.files.writing import write_json, writing
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import maps, single_layer
from aign.scenarios.ip_optical_planning.solver.search import Search
from aign.scenarios.ip_optical_planning.survey import model as learning
from aign.scenarios.ip_optical_planning.survey.futures import Spread
from aign.scenarios.ip_optical_planning.survey.planner import Matrix
from aign.scenarios.ip_optical_planning.survey.results import Survey

SEED = 2
MULTIPLES = (1, 3, 6)
"""Times the processor seconds of a plan that the solver gets."""


def proposals(topology, learned) -> dict[str, Callable[[Matrix], np.ndarray]]:
    """Return the ways to propose a plan."""
    solved, random = learned.solved, np.random.default_rng(SEED)
    bridges = topology.bridges()
    paths = np.stack([topology.shortest_paths(link) for link in (None, *range(topology.links)) if link not in bridges])
    first, second = topology.pairs.T

    def nearest(matrix: Matrix) -> np.ndarray:
        distance = np.abs(solved.demand - matrix.instance.demand).sum((1, 2))
        return solved.plan[distance.argmin()]

    def drawn(matrix: Matrix) -> np.ndarray:
        links = np.arange(topology.links)
        return solved.plan[random.integers(len(solved), size=topology.links), links]

    def shortest(matrix: Matrix) -> np.ndarray:
        load_ = np.einsum("p,spl->sl", matrix.instance.demand[first, second], paths).max(0)
        return np.ceil(load_ / matrix.instance.module)

    return {"learned": learned.proposal, "rounded": lambda matrix: np.floor(matrix.relaxed + 0.35), "nearest": nearest,
            "random": drawn, "reverse delete": shortest}


def planned(planner, demand, propose, exact: bool) -> dict:
    """Return the plan of one future, its excess after mending and after routing, and the seconds of each part."""
    marks = [time.process_time()]
    matrix = planner.open(demand)
    marks.append(time.process_time())
    proposal = propose(matrix)
    marks.append(time.process_time())
    plan = matrix.mended(proposal)
    marks.append(time.process_time())
    routed = matrix.routed(plan) if exact and plan is not None else None
    marks.append(time.process_time())
    bound, proposed, mended, checked = np.diff(marks).tolist()
    return {"plan": plan, "routed": routed, "bound": matrix.bound,
            "mended_excess": np.nan if plan is None else matrix.cost(plan) / matrix.bound - 1,
            "routed_excess": np.nan if routed is None else matrix.cost(routed) / matrix.bound - 1,
            "changed": routed is not None and not np.array_equal(plan, routed),
            "seconds": {"bound": bound, "proposal": proposed, "mending": mended, "routing": checked}}


def solver_excess(instance, bound: float, seconds: float) -> float:
    """Return the excess that the solver alone has after some processor seconds, NaN where it has no plan yet."""
    def stop(*_) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        answer = Search(instance).run()
        return answer.cost / bound - 1 if answer.plan is not None else np.nan
    except KeyboardInterrupt:  # before the search began
        return np.nan
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def figures(values) -> dict:
    """Return how many values there are, and of these mean, half its 95 % interval, and q95."""
    values = np.array(values, float)
    there = values[np.isfinite(values)]
    if len(there) < 2:
        return {"futures": len(values), "with_plan": len(there)}
    return {"futures": len(values), "with_plan": len(there), "mean": there.mean(),
            "+-": 1.96 * there.std(ddof=1) / np.sqrt(len(there)), "q95": np.quantile(there, 0.95)}


def method(rows: list[dict]) -> dict:
    """Return the figures of one kind of proposal."""
    milliseconds = {part: 1000 * float(np.mean([row["seconds"][part] for row in rows])) for part in rows[0]["seconds"]}
    routed = [row for row in rows if row["routed"] is not None]
    milliseconds["routing"] = 1000 * float(np.mean([row["seconds"]["routing"] for row in routed])) if routed else 0.0
    return {"excess_mended": figures([row["mended_excess"] for row in rows]),
            "excess_routed": figures([row["routed_excess"] for row in routed]),
            "changed_by_routing": sum(row["changed"] for row in routed), "milliseconds": milliseconds}


def main() -> None:
    """Print the figures, and write them with the links and their map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--network", default="pioro40")
    parser.add_argument("--futures", type=int, default=1000)
    parser.add_argument("--routed", type=int, default=0, help="futures whose learned plan is routed")
    parser.add_argument("--paired", type=int, default=10, help="futures planned and routed in every way")
    parser.add_argument("--alone", type=int, default=4, help="futures given to the solver alone")
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    topology = load(arguments.network)
    instance, _ = single_layer.instance(topology, single_layer.traffic_of(topology), single_layer.unit_of(topology))
    learned = learning.load(arguments.model, topology, instance)
    planner, ways = learned.planner(), proposals(topology, learned)
    demands = [Spread().drawn(topology, number, SEED) for number in range(arguments.futures)]
    start = time.process_time()
    rows = [planned(planner, demand, ways["learned"], number < arguments.routed)
            for number, demand in enumerate(demands)]
    answer = {"network": arguments.network, "solved_matrices": len(learned.solved),
              "inequalities": len(learned.solved.library.matrix), "futures": len(rows),
              "processor_seconds": time.process_time() - start, "learned_all": method(rows), "paired": {},
              "solver_alone": {}}
    keep(arguments.to, answer)
    draw(arguments.to, topology, instance, rows)
    for name, way in ways.items():
        answer["paired"][name] = method([planned(planner, demand, way, True) for demand in demands[:arguments.paired]])
        keep(arguments.to, answer)
    seconds = sum(answer["paired"]["learned"]["milliseconds"].values()) / 1000
    for multiple in MULTIPLES:
        answer["solver_alone"][f"{multiple * seconds:.1f} s"] = figures(
            [solver_excess(replace(instance, demand=demand), row["bound"], multiple * seconds)
             for demand, row in zip(demands[:arguments.alone], rows, strict=False)])
        keep(arguments.to, answer)
    print(json.dumps(answer, indent=1))


def keep(stem: Path | None, answer: dict) -> None:
    """Write the figures so far."""
    if stem is not None:
        write_json(stem.with_suffix(".json"), answer)


def draw(stem: Path | None, topology, instance, rows: list[dict]) -> None:
    """Write the links and their map."""
    if stem is None:
        return
    nothing = np.full(topology.links, np.nan)
    kept = [row["plan"] if row["routed"] is None else row["routed"] for row in rows]
    plans = np.array([nothing if plan is None else plan for plan in kept])
    result = Survey(topology, [str(number) for number in range(len(rows))], plans, plans @ instance.price,
                    np.array([row["bound"] for row in rows]), np.array([row["routed"] is not None for row in rows]))
    maps.save(result.map(), stem.with_suffix(".png"))
    with writing(stem.with_suffix(".csv")) as aside:
        csv.write_csv(result.links(), aside)


if __name__ == "__main__":
    main()
