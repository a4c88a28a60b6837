"""Offloading at the published sizes and with dense access: rules, searches, and a generator, against the certified
optimum.

    python tests/benchmarks/offloading_sizes.py [--model FOLDER] [--instances 100] [--to FILE]

Networks are drawn by the published law with a seed of their own (100 a size, 50 at 20 servers) and handed to each
method one at a time; milliseconds are the mean, on one thread of this machine. `cost_ratio` is cost over the
certified optimum, its mean and 95 % quantile over networks. `peer_heuristic` shares servers as its authors do,
`peer_heuristic_best_shares` as here. Of the generator: the best of 16 designs as they are, and the best after a local
search from each. Written to data/reports/offloading/sizes.json.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from aign.designs.generation import generate
from aign.diffusion import store
from aign.files.writing import write_json
from aign.scenarios.core.registry import create
from aign.scenarios.offloading import certificate, rules, search
from aign.scenarios.offloading.limits import Limits

SEED = 20_248
PUBLISHED = [(3, 6), (3, 8), (4, 10), (4, 12), (7, 24), (7, 27), (10, 31), (10, 36), (20, 61), (20, 68)]
DENSE = [(10, 36), (20, 68)]
KINDS = [(*size, "published", "published") for size in PUBLISHED] + \
    [(*size, "dense", energy) for energy in ("published", "cycles") for size in DENSE]
SEARCHES = {
    "all_local": rules.all_local, "all_offload": rules.all_offload, "greedy": rules.greedy,
    "best_response": rules.best_response, "peer_heuristic_best_shares": rules.flow,
    "flip_and_move": search.flip_and_move,
    **{f"local_search_{starts}": lambda network, starts=starts: search.local_search(network, starts)
       for starts in (1, 4, 16, 64)},
    "iterated_local_search": search.iterated_local_search,
}


def generated(pipeline, context, polish):
    """Return the cost of the best of 16 designs, after a local search from each where asked."""
    scenario = pipeline.scenario
    designs = generate(pipeline, context, count=16).designs[0]
    contexts = context.expand(len(designs), -1)
    network, server = scenario.network(contexts), scenario.server(contexts, designs)
    return float(network.cost(search.descend(network, server) if polish else server).min())


def methods(scenario, pipeline):
    """Return what gives the cost of a context (1, C), by name; the certificate first."""
    limits = Limits.of((), scenario.layout.users)
    every = {"certificate": lambda context: certificate.best(scenario.network(context), limits).bound}
    for name, rule in SEARCHES.items():
        every[name] = lambda context, rule=rule: float((now := scenario.network(context)).cost(rule(now)))
    every["peer_heuristic"] = lambda context: float(rules.guessed_flow(scenario.network(context))[1])
    if pipeline is not None:
        here = pipeline.at(scenario)
        every["diffuser_best_of_16"] = lambda context: generated(here, context, polish=False)
        every["diffuser_best_of_16_polished"] = lambda context: generated(here, context, polish=True)
    return every


def measured(method, contexts):
    """Return the costs (B,) of a method, and milliseconds a network."""
    method(contexts[:1])  # the first call allocates
    began = time.perf_counter()
    costs = [method(context) for context in contexts.split(1)]
    return np.array(costs), 1000 * (time.perf_counter() - began) / len(contexts)


def rows_of(kind, instances, pipeline):
    """Return one row a method for a kind of networks."""
    servers, users, access, energy = kind
    scenario = create("offloading", servers=servers, users=users, access=access, energy=energy)
    contexts = scenario.draw_contexts(instances, torch.Generator().manual_seed(SEED))
    serves = pipeline is not None and pipeline.scenario.layout.links == scenario.layout.links
    rows, best = [], None
    for name, method in methods(scenario, pipeline if serves else None).items():
        costs, milliseconds = measured(method, contexts)
        best = costs if best is None else best
        ratio = costs / best
        rows.append({"size": f"{servers}s{users}u", "access": access, "energy": energy, "method": name,
                     "instances": instances, "cost_ratio_mean": float(ratio.mean()),
                     "cost_ratio_q95": float(np.quantile(ratio, 0.95)), "milliseconds": milliseconds})
        print("{size:7s} {access:9s} {energy:9s} {method:28s} {cost_ratio_mean:9.5f} {cost_ratio_q95:9.5f} "
              "{milliseconds:9.2f} ms".format(**rows[-1]), flush=True)
    return rows


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path, help="folder of a trained model, of the set kind")
    options.add_argument("--instances", type=int, default=100, help="networks a size; half as many at 20 servers")
    options.add_argument("--to", type=Path, default=Path("data/reports/offloading/sizes.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    pipeline = None if chosen.model is None else store.load(chosen.model)
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind in KINDS:
        rows += rows_of(kind, max(1, chosen.instances // (2 if kind[0] == 20 else 1)), pipeline)
        write_json(chosen.to, rows)


if __name__ == "__main__":
    main()
