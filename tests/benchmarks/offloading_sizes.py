"""Offloading at the published sizes and with dense access: rules, searches, agents and generators, against the
certified optimum.

    python tests/benchmarks/offloading_sizes.py [--only rules|learned] [--access published|dense] [--to FILE]

Networks are drawn by the published law with a seed of their own (100 a size, 50 at 20 servers) and handed to each
method one at a time; milliseconds are of processor time, the mean, on one thread. `cost_ratio` is cost over the
certified optimum, its mean and 95 % quantile over networks. `peer_heuristic` shares servers as its authors do
(`published_ratio` is what they print), `peer_heuristic_best_shares` as here.

Learned methods are those of `dvc repro pipeline/dvc.yaml:evaluate@offloading-24` (7 servers, 24 users) at the ten
published sizes, and of offloading-dense (8 servers, 24 users, energy by cycles) with dense access: agents, which act in
all networks at once; generators' single design and best of 16 as they are, and the best after a local search from each.
Among few users 16 designs are more alike than is good, so that their noise is stronger (TEMPERATURES), as chosen on
networks of another seed (777).
Rows are written to data/reports/offloading/sizes.json, in the place of those of the same methods.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from aign import params
from aign.designs.generation import sampling_of
from aign.diffusion import store
from aign.files.writing import write_json
from aign.scenarios.core.registry import create
from aign.scenarios.offloading import certificate, rules, search
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.methods import METHODS
from aign.stages.evaluate.methods import policy

SEED = 20_248
PUBLISHED = {(3, 6): 1.22, (3, 8): 1.17, (4, 10): 1.20, (4, 12): 1.17, (7, 24): 1.137, (7, 27): 1.145,
             (10, 31): 1.141, (10, 36): 1.160, (20, 61): 1.152, (20, 68): 1.184}
"""Servers and users, and what Liang et al. print of their heuristic there: from 7 servers on over a better solution,
not the optimum."""
DENSE = [(10, 36), (20, 68)]
KINDS = [(*size, "published", "published") for size in PUBLISHED] + \
    [(*size, "dense", energy) for energy in ("published", "cycles") for size in DENSE]
MODELS = {"published": "offloading-24", "dense": "offloading-dense"}
SEARCHES = {"flow": "peer_heuristic_best_shares", "local_search": "local_search_1"}
"""Names in the table that differ from those of the rules."""
CANDIDATES = 16
COUNTS = (1, CANDIDATES)
TEMPERATURES = {12: 2.0, 27: 1.5}
"""Standard deviation of the initial noise of several designs with up to so many users; beyond that the model's own."""


def searches(scenario):
    """Return rules and searches by name, from a context (1, C) to its cost."""
    every = {}
    for name, method in METHODS.items():
        every[SEARCHES.get(name, name)] = \
            lambda context, method=method: float((network := scenario.network(context)).cost(method(network)))
    every["peer_heuristic"] = lambda context: float(rules.guessed_flow(scenario.network(context))[1])
    return every


def proposals(pipeline, sampling, context, count):
    """Return the choices (count, N) that a generator proposes for a context (1, C), and the networks they are for."""
    scenario, contexts = pipeline.scenario, context.expand(count, -1)
    returns = torch.tensor(sampling.target_returns).repeat(count)[:count]
    usual, users = sampling_of(sampling, pipeline.sampling), scenario.layout.users
    warm = [temperature for most, temperature in TEMPERATURES.items() if users <= most and count > 1]
    designs = pipeline(contexts, returns, sampling=replace(usual, temperature=[*warm, usual.temperature][0]),
                       generator=torch.Generator().manual_seed(0)).designs
    return scenario.network(contexts), scenario.server(contexts, designs)


def acting(scenario, variant, contexts):
    """Return the names of a variant's agents with the costs (B,) of their designs and milliseconds a network."""
    results = []
    for agent in params.load().variant(variant).collect.agents:
        act = policy(scenario, Path("data/agents") / variant, agent)
        began = time.process_time()
        costs = -scenario.utility(contexts, act(contexts)).numpy()
        results.append((agent, costs, 1000 * (time.process_time() - began) / len(contexts)))
    return results


def generated(scenario, variant, contexts, count):
    """Return the name of a generator's best of `count`, the costs (B,) of these and milliseconds a network; then the
    same after a local search from each.
    """
    pipeline = store.load(Path("models") / variant).at(scenario)
    sampling = params.load().variant(variant).sample.sampling
    proposals(pipeline, sampling, contexts[:1], count)  # the first call allocates
    seconds, costs = np.zeros(2), np.zeros((2, len(contexts)))
    for row, context in enumerate(contexts.split(1)):
        began = time.process_time()
        network, server = proposals(pipeline, sampling, context, count)
        costs[0, row] = network.cost(server).min()
        seconds[0] += time.process_time() - began
        costs[1, row] = network.cost(search.descend(network, server)).min()
        seconds[1] += time.process_time() - began
    name = "diffuser_single" if count == 1 else f"diffuser_best_of_{count}"
    milliseconds = 1000 * seconds / len(contexts)
    return [(name, costs[0], milliseconds[0]), (f"{name}_polished", costs[1], milliseconds[1])]


def measured(method, contexts):
    """Return the costs (B,) of a method, and milliseconds a network."""
    method(contexts[:1])  # the first call allocates
    began = time.process_time()
    costs = [method(context) for context in contexts.split(1)]
    return np.array(costs), 1000 * (time.process_time() - began) / len(contexts)


def rows_of(kind, instances, only):
    """Return one row a method for a kind of networks."""
    servers, users, access, energy = kind
    scenario = create("offloading", servers=servers, users=users, access=access, energy=energy)
    contexts = scenario.draw_contexts(instances, torch.Generator().manual_seed(SEED))
    limits = Limits.of((), users)
    every = {"certificate": lambda context: certificate.best(scenario.network(context), limits).bound}
    every |= searches(scenario) if only != "learned" else {}
    results = [(name, *measured(method, contexts)) for name, method in every.items()]
    if only != "rules":
        results += acting(scenario, MODELS[access], contexts)
        results += [row for count in COUNTS for row in generated(scenario, MODELS[access], contexts, count)]
    rows, optimum = [], results[0][1]
    for name, costs, milliseconds in results:
        ratio = costs / optimum
        printed = PUBLISHED[servers, users] if name == "peer_heuristic" and access == "published" else None
        rows.append({"size": f"{servers}s{users}u", "access": access, "energy": energy, "method": name,
                     "instances": instances, "cost_ratio_mean": float(ratio.mean()),
                     "cost_ratio_q95": float(np.quantile(ratio, 0.95)), "milliseconds": float(milliseconds),
                     **({} if printed is None else {"published_ratio": printed})})
        print("{size:7s} {access:9s} {energy:9s} {method:28s} {cost_ratio_mean:9.5f} {cost_ratio_q95:9.5f} "
              "{milliseconds:9.2f} ms".format(**rows[-1]), flush=True)
    return rows


def merged(old, new):
    """Return rows with new ones in the place of old ones of the same networks and method, in order of KINDS."""
    def key(row):
        return row["size"], row["access"], row["energy"], row["method"]
    rows = {key(row): row for row in [*old, *new]}
    order = [(f"{servers}s{users}u", access, energy) for servers, users, access, energy in KINDS]
    return sorted(rows.values(), key=lambda row: order.index(key(row)[:3]))


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=("rules", "learned"), help="leave the other rows of the file as they are")
    options.add_argument("--access", choices=MODELS, help="of the networks; by default both")
    options.add_argument("--instances", type=int, default=100, help="networks a size; half as many at 20 servers")
    options.add_argument("--to", type=Path, default=Path("data/reports/offloading/sizes.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    for kind in [kind for kind in KINDS if chosen.access in (None, kind[2])]:
        new = rows_of(kind, max(1, chosen.instances // (2 if kind[0] == 20 else 1)), chosen.only)
        old = json.loads(chosen.to.read_text()) if chosen.to.exists() else []
        write_json(chosen.to, merged(old, new))


if __name__ == "__main__":
    main()
