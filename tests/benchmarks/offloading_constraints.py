"""Offloading under constraints: requests of one, two and three bounds, answered by the generator, against the optimum
under the same request.

    python tests/benchmarks/offloading_constraints.py [--requests 120] [--to FILE]

7 servers, 24 users, published access and energy; the generator is that of `dvc repro pipeline/dvc.yaml:train@
offloading-24`. Each request is asked in a network of its own, drawn with a seed of its own. A bound is drawn around the
value that the optimum without constraints has: fewer late users, less energy, less load of the busiest server, fewer or
more users who offload; so nearly every request cuts the optimum off. Requests that are proven impossible are counted
and not asked; of each kind so many are asked. 16 candidates each. Raw: as generated, before anything is mended; by one
design, and by any of the 16. Returned: the design ranked first. `cost_ratio`: its cost over the optimum under the
request, of requests that are met. Mending moves users towards that optimum one by one (`scenarios/offloading/mending`),
so returned designs meet every request that can be met; `of_raw` is the cost ratio of the best of those candidates that
met the request as they were. Written to data/reports/offloading/constraints.json.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import binomtest

from aign import params
from aign.designs.generation import generate
from aign.diffusion import store
from aign.files.writing import write_json
from aign.scenarios.core import Constraint

SEED = 20_250
MODEL = "offloading-24"
CANDIDATES = 16
KINDS = {"single": 1, "pair": 2, "triple": 3}
LABELS = ("late_users", "energy", "server_load", "offloaded")
USERS = 24


def bound(label, value, generator):
    """Return a bound on a label, drawn around the value of the optimum."""
    draw = float(torch.rand((), generator=generator))
    if label == "late_users":
        return Constraint(label, "<=", max(0.0, round(value) - 1.0 - round(2 * draw)))
    if label == "energy":
        return Constraint(label, "<=", value * (0.85 + 0.15 * draw))
    if label == "server_load":
        return Constraint(label, "<=", value * (0.6 + 0.4 * draw))
    if draw < 0.5:
        return Constraint(label, "<=", value - round(1 + 8 * draw) / USERS)
    return Constraint(label, ">=", min(1.0, value + round(8 * draw - 3) / USERS))


def requests(scenario, kind, count, generator):
    """Yield contexts (1, C) with constraints that can be met, and how many were impossible before each."""
    subsets = itertools.cycle(itertools.combinations(LABELS, KINDS[kind]))
    impossible = 0
    while count:
        context, subset = scenario.draw_contexts(1, generator), next(subsets)
        values = scenario.measure(context, scenario.certify(context).design)
        constraints = tuple(bound(label, float(values[label]), generator) for label in subset)
        optimum = scenario.certify(context, constraints)
        if not bool(optimum.feasible):
            impossible += 1
            continue
        yield context, constraints, -float(optimum.utility), impossible
        impossible, count = 0, count - 1


def share(met):
    """Return the percentage of booleans that hold, with Wilson's 95 % interval."""
    interval = binomtest(int(sum(met)), len(met)).proportion_ci(method="wilson")
    return {"count": int(sum(met)), "of": len(met), "percent": 100 * float(np.mean(met)),
            "percent_low": 100 * float(interval.low), "percent_high": 100 * float(interval.high)}


def spread(values):
    """Return mean and 95 % quantile; None where there is nothing."""
    return {"mean": float(np.mean(values)), "q95": float(np.quantile(values, 0.95))} if len(values) else None


def answered(pipeline, sampling, kind, count, generator):
    """Return one row: what became of `count` requests of a kind."""
    raw_one, raw_any, returned, ratios, of_raw, milliseconds, impossible = [], [], [], [], [], [], 0
    for context, constraints, optimum, missed in requests(pipeline.scenario, kind, count, generator):
        began = time.process_time()
        answer = generate(pipeline, context, constraints, CANDIDATES, sampling, seed=len(returned))
        milliseconds.append(1000 * (time.process_time() - began))
        impossible += missed
        raw, cost = answer.raw_feasible[0], -answer.utility[0] / optimum
        raw_one += raw.tolist()
        raw_any.append(bool(raw.any()))
        returned.append(bool(answer.feasible[0, 0]))
        ratios += [float(cost[0])] if returned[-1] else []
        of_raw += [float(cost[raw].min())] if raw_any[-1] else []
    return {"kind": kind, "requests": len(returned), "impossible": impossible, "raw_one": share(raw_one),
            "raw_any_of_16": share(raw_any), "returned": share(returned), "cost_ratio": spread(ratios),
            "cost_ratio_of_raw": spread(of_raw), "milliseconds": float(np.mean(milliseconds))}


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=120, help="that can be met, of each kind")
    options.add_argument("--to", type=Path, default=Path("data/reports/offloading/constraints.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    pipeline, sampling = store.load(Path("models") / MODEL), params.load().variant(MODEL).sample.sampling
    generator, rows = torch.Generator().manual_seed(SEED), []
    for kind in KINDS:
        rows.append(answered(pipeline, sampling, kind, chosen.requests, generator))
        print("{kind}: {requests} requests, {impossible} impossible; {milliseconds:.0f} ms; raw one {0:.1f} %, any "
              "{1:.1f} %, returned {2:.1f} %; cost over the optimum {cost_ratio}, of raw designs {cost_ratio_of_raw}"
              .format(*(rows[-1][name]["percent"] for name in ("raw_one", "raw_any_of_16", "returned")), **rows[-1]),
              flush=True)
        write_json(chosen.to, rows)


if __name__ == "__main__":
    main()
