"""Does a generator choose candidate lightpaths well? The solver on its choice, on all, and on the shortest as many.

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_pruning.py MODEL [--to data/reports/planning/pruning.json]

MODEL is a folder trained on planning in two layers (`planning-polska-layers`). Traffic matrices are drawn as its
network draws them, with a seed of their own. For each the solver searches, for as much processor time each,

- all: over all candidates;
- generated: over those of which some of 16 generated designs has a lightpath, its time less that of generating;
- shortest: over as many of the shortest candidates.

Direct lightpaths are always among them, so that a plan exists. Excess is cost over a bound of all candidates (one
program of the solver after its relaxation), less 1; "+-" is half a 95 % interval (Student's), differences are paired.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student

from aign.designs.generation import generate
from aign.diffusion import store
from aign.files.writing import write_json
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Instance
from aign.scenarios.ip_optical_planning.solver.search import Search

SEED, DESIGNS = 31, 16
WAYS = ("all", "generated", "shortest")


def restricted(instance: Instance, chosen: np.ndarray) -> Instance:
    """Return the planning problem with some of its lightpaths, by flags (L,)."""
    failures = instance.failures
    return replace(instance, ends=instance.ends[chosen], price=instance.price[chosen], least=instance.least[chosen],
                   most=instance.most[chosen], fibres=replace(instance.fibres, over=instance.fibres.over[:, chosen]),
                   failures=Failures(failures.dead[:, chosen], failures.share, failures.silent, failures.names))


def costs_after(instance: Instance, marks: list[float]) -> list[float]:
    """Return the cost of the solver's best plan after some processor seconds, infinite where it has none."""
    search, costs = Search(instance), []

    def note(*_) -> None:
        costs.append(search.cost)
        if len(costs) == len(marks):
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_PROF, marks[len(costs)] - marks[len(costs) - 1])

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, marks[0])
    try:
        search.run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return costs + [search.cost] * (len(marks) - len(costs))


def compared(model, context: torch.Tensor, marks: list[float]) -> dict:
    """Return the excess of each way after each mark, for one context (P,), and how many candidates it had."""
    problem, economics = model.scenario.problem, model.scenario.economics
    instance, direct = economics.instance(context, problem.widest), problem.lightpaths.direct
    start = time.process_time()
    designs = generate(model, context[None], count=DESIGNS, seed=SEED, execute=False).designs[0]
    generated = (designs.numpy() > 0).any(0) | direct
    spent = time.process_time() - start
    order = np.lexsort((problem.lightpaths.length, ~direct))
    shortest = np.isin(np.arange(len(direct)), order[:generated.sum()])
    chosen = {"all": np.ones(len(direct), bool), "generated": generated, "shortest": shortest}
    bound = Search(instance, Limits(rounds=1, regions=0)).run().bound
    row: dict = {"bound": bound, "generating_seconds": spent, "candidates": {}, "excess": {}}
    for way in WAYS:
        less = spent if way == "generated" else 0.0
        left = [max(mark - less, 0.001 * (place + 1)) for place, mark in enumerate(marks)]
        costs = costs_after(restricted(instance, chosen[way]), left)
        row["candidates"][way] = int(chosen[way].sum())
        row["excess"][way] = [cost / bound - 1 if np.isfinite(cost) else None for cost in costs]
    return row


def interval(values: np.ndarray) -> dict:
    """Return the mean and half its 95 % interval, of those that are numbers, and how many these are."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return {"matrices": len(values)}
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return {"matrices": len(values), "mean": float(values.mean()), "+-": float(half)}


def summary(rows: list[dict], marks: list[float]) -> dict:
    """Return the mean excess of each way, and how much cheaper the generated choice is, after each mark."""
    excess = {way: np.array([row["excess"][way] for row in rows], float) for way in WAYS}
    return {f"{mark:g} s": {**{way: interval(values[:, place]) for way, values in excess.items()},
                            **{f"{way} less generated": interval(excess[way][:, place]
                                                                 - excess["generated"][:, place])
                               for way in ("all", "shortest")}} for place, mark in enumerate(marks)}


def main() -> None:
    """Print a row a matrix and the figures of all, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--matrices", type=int, default=12)
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.5])
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    model = store.load(arguments.model)
    contexts = model.scenario.draw_contexts(arguments.matrices, torch.Generator().manual_seed(SEED))
    generate(model, contexts[:1], count=DESIGNS, seed=SEED, execute=False)  # what is loaded once is not counted
    rows: list[dict] = []
    for context in contexts:
        rows.append(compared(model, context, arguments.seconds))
        print(json.dumps(rows[-1]), flush=True)
        if arguments.to is not None and len(rows) > 1:
            write_json(arguments.to, {"network": arguments.model.name, "matrices": len(rows),
                                      "after": summary(rows, arguments.seconds), "rows": rows})
    if len(rows) > 1:
        print(json.dumps(summary(rows, arguments.seconds), indent=1))


if __name__ == "__main__":
    main()
