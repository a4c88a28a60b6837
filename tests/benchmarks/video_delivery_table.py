"""Video delivery on two topologies: the generator, rules and certificate, free and under requests, with time.

    python tests/benchmarks/video_delivery_table.py [--contexts 24] [--requests 12] [--to FILE]

The generators are those of `dvc repro pipeline/dvc.yaml:train@video-delivery` and `train@video-delivery-nobel-germany`;
without them rules and certificate are compared alone.
Free: `return` is what a method gains of what the bound gains, both over popularity caching, pooled over newly drawn
networks. Requests of one, two and three bounds are each asked in a network of their own; a bound is drawn around the
value that the optimum without constraints has, on the side that cuts it off. Requests that are proven impossible are
counted and not asked. Raw: as generated, before anything is mended, by one design and by any of the 16; returned: the
design ranked first, with its utility over the bound under the request. Mending makes nodes decide as the certified
design does, one after the other, so what is returned meets every request for which a design is known. Milliseconds are
processor time, of one network each. Written to data/reports/delivery/table.json.
"""

import argparse
import itertools
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from aign import params
from aign.designs.generation import generate
from aign.diffusion import store
from aign.files.writing import write_json
from aign.scenarios.core import Constraint, registry

SEED = 20_260
MODELS = {"polska": "video-delivery", "nobel-germany": "video-delivery-nobel-germany"}
CANDIDATES = 16
KINDS = {"single": 1, "pair": 2, "triple": 3}
TIGHTER = {"hit_ratio": (">=", 1.0, 1.1), "max_load": ("<=", 0.6, 1.0), "mean_latency": ("<=", 0.8, 1.0),
           "mean_bitrate": (">=", 0.98, 1.03), "cost": ("<=", 0.75, 1.0)}
"""Side of each bound, and the range of the factor on the optimum's value, uniform."""


def timed(work):
    """Return what a function gives, and the milliseconds of processor time it took."""
    began = time.process_time()
    result = work()
    return result, 1000 * (time.process_time() - began)


def free(scenario, pipeline, sampling, contexts):
    """Return a row for each method: pooled return and milliseconds; without a generator where `pipeline` is None."""
    proven, spent = timed(partial(scenario.certify, contexts))
    reference = scenario.reference_utility(contexts)
    room = float((proven.utility - reference).sum())

    def row(method, utility, milliseconds):
        return {"method": method, "return": float((utility - reference).sum()) / room,
                "milliseconds": milliseconds / len(contexts)}
    rows = [row("certificate", scenario.utility(contexts, proven.design), spent)]
    for name, rule in scenario.heuristics.items():
        designs, spent = timed(partial(rule, contexts))
        rows.append(row(name, scenario.utility(contexts, designs), spent))
    for count in (1, CANDIDATES) if pipeline else ():
        answer, spent = timed(partial(generate, pipeline, contexts, (), count, sampling, seed=1))
        rows.append(row(f"diffuser_best_of_{count}", answer.utility[:, 0], spent))
    return rows


def requests(scenario, kind, count, generator):
    """Yield contexts (1, C) with constraints that can be met, their bound, and how many before were not known to be."""
    subsets, missed = itertools.cycle(itertools.combinations(TIGHTER, KINDS[kind])), 0
    while count:
        context = scenario.draw_contexts(1, generator)
        values, constraints = scenario.measure(context, scenario.certify(context).design), []
        for label in next(subsets):
            side, low, high = TIGHTER[label]
            factor = low + (high - low) * float(torch.rand((), generator=generator))
            constraints.append(Constraint(label, side, factor * float(values[label])))
        optimum = scenario.certify(context, constraints)
        if not bool(optimum.feasible):
            missed += 1
            continue
        yield context, tuple(constraints), float(optimum.utility), missed
        missed, count = 0, count - 1


def asked(pipeline, sampling, kind, count, generator):
    """Return one row: what became of `count` requests of a kind."""
    raw, returned, ratios, milliseconds, unmet = [], [], [], [], 0
    for context, constraints, optimum, missed in requests(pipeline.scenario, kind, count, generator):
        answer, spent = timed(partial(generate, pipeline, context, constraints, CANDIDATES, sampling,
                                      seed=len(returned)))
        milliseconds.append(spent)
        raw.append(answer.raw_feasible[0])
        returned.append(bool(answer.feasible[0, 0]))
        ratios += [float(answer.utility[0, 0]) / optimum] if returned[-1] else []
        unmet += missed
    met = torch.stack(raw)
    return {"kind": kind, "requests": len(returned), "not_known_feasible": unmet,
            "raw_one": float(met.double().mean()), "raw_any_of_16": float(met.any(1).double().mean()),
            "returned": float(np.mean(returned)), "utility_over_bound": float(np.mean(ratios)),
            "milliseconds": float(np.mean(milliseconds))}


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--contexts", type=int, default=24)
    options.add_argument("--requests", type=int, default=12, help="that can be met, of each kind")
    options.add_argument("--to", type=Path, default=Path("data/reports/delivery/table.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    rows = []
    for topology, model in MODELS.items():
        scenario = registry.create("video-delivery", topology=topology)
        there = (Path("models") / model).is_dir()
        pipeline = store.load(Path("models") / model) if there else None
        sampling = params.load().variant(model).sample.sampling
        generator = torch.Generator().manual_seed(SEED)
        contexts = scenario.draw_contexts(chosen.contexts, generator)
        rows += [{"topology": topology, "networks": chosen.contexts, **row}
                 for row in free(scenario, pipeline, sampling, contexts)]
        rows += [{"topology": topology, **asked(pipeline, sampling, kind, chosen.requests, generator)}
                 for kind in KINDS if pipeline]
        for row in rows:
            if row["topology"] == topology:
                print(*(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                        for key, value in row.items()), sep=", ", flush=True)
        chosen.to.parent.mkdir(parents=True, exist_ok=True)
        write_json(chosen.to, rows)


if __name__ == "__main__":
    main()
