"""Dense access, energy by cycles: searches that a generator guides against searches alone, at equal time.

    python tests/benchmarks/offloading_dense.py [--servers 10|20] [--instances 100] [--to FILE]

Here no method is exact within a few milliseconds. The generator is that of `dvc repro pipeline/dvc.yaml:train@
offloading-dense` (8 servers, 24 users), at other sizes than its own. One denoising step from pure noise predicts the
mean over good designs: for each user, with which chance it chooses each server. A local search then begins with the
likeliest choices, and an iterated one draws by these chances, a share of the users in each round. The searches alone
begin with the greedy choices and draw uniformly, with shares of their own. Every search takes the same steps by the
same code; the shares were chosen on networks of another seed (777).

All networks are handed to a method at once, so that nobody pays for the calls of the simulator. Milliseconds are of
processor time a network, in one process, on one thread, and hold everything from a context to choices: features,
network, search; of two runs the quicker. `against` names the cheapest choices that searches alone come to in at least
as much time: of the iterated local search of each share, and of the local search from several starts, the one with the
fewest rounds or starts that is not quicker. It gives the mean of the paired differences of cost over the certified
optimum, with its 95 % interval over networks (Student's t). Written to data/reports/offloading/dense.json.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student

from aign.diffusion import store
from aign.diffusion.plans import Sampling
from aign.files.writing import write_json
from aign.scenarios.core.registry import create
from aign.scenarios.offloading import search

SEED = 20_249
SIZES = [(10, 36), (20, 68)]
MODEL = "offloading-dense"
SHARES = (0.35, 0.5)
GUIDED_SHARE = 0.6
ROUNDS = (0, 1, 2, 3, 5, 8, 12)
GUIDED_ROUNDS = (0, 1, 2, 4, 8)
STARTS = (2, 4, 8, 16)
REPEATS = 2


def chances(pipeline, contexts):
    """Return the chances (B, N, M + 1) that a generator's first denoising step predicts for contexts (B, C) as drawn:
    in canonical order.
    """
    scenario = pipeline.scenario
    wanted = pipeline.conditions.request(torch.ones(len(contexts)), ())
    plan = pipeline.plan(contexts, scenario.initial_state(contexts), wanted, Sampling(steps=1, temperature=1.0),
                         torch.Generator().manual_seed(0))
    return scenario.layout.chances(scenario.layout.options(contexts), plan[:, -1].double())


def searches():
    """Return searches alone, from networks to choices, by family and number of rounds or starts."""
    every = {(f"iterated_local_search_{share}", rounds):
             partial(search.iterated_local_search, rounds=rounds, kicked=share)
             for share in SHARES for rounds in ROUNDS}
    return every | {("local_search", starts): partial(search.local_search, starts=starts) for starts in STARTS}


def guided(pipeline):
    """Return searches with the generator, from contexts and networks to choices, by family and number."""
    every = {("diffuser_iterated", rounds): partial(search.iterated_local_search, rounds=rounds, kicked=GUIDED_SHARE)
             for rounds in GUIDED_ROUNDS}
    every |= {("diffuser_starts", starts): partial(search.local_search, starts=starts) for starts in STARTS}
    return {("diffuser_alone", 1): lambda contexts, network: chances(pipeline, contexts).argmax(2),
            **{name: lambda contexts, network, method=method: method(network, chances=chances(pipeline, contexts))
               for name, method in every.items()}}


def timed(scenario, method, contexts):
    """Return the costs (B,) of what a method chooses, and milliseconds a network."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        network = scenario.network(contexts)
        server = method(contexts, network)
        seconds.append(time.process_time() - began)
    return network.cost(server).numpy(), 1000 * min(seconds) / len(contexts)


def measured(pipeline, contexts, optimum):
    """Return one row a method, each with its ratios (B,) to the optimum."""
    alone = {name: lambda contexts, network, method=method: method(network) for name, method in searches().items()}
    rows = []
    for (family, number), method in (alone | guided(pipeline)).items():
        costs, milliseconds = timed(pipeline.scenario, method, contexts)
        rows.append({"family": family, "number": number, "milliseconds": milliseconds, "ratios": costs / optimum})
        print(f"{family:26s} {number:3d} {rows[-1]['ratios'].mean():9.5f} {milliseconds:9.2f} ms", flush=True)
    return rows


def against(row, rows):
    """Return how a row's ratios differ from those of the best search alone that takes at least as long, of those with
    the fewest rounds or starts in each family; None where a family of iterated searches has none.
    """
    nearest = []
    for family in {name for name, _ in searches()}:
        slower = [other for other in rows if other["family"] == family and other["milliseconds"] >= row["milliseconds"]]
        if slower:
            nearest.append(min(slower, key=lambda other: other["number"]))
        elif family != "local_search":
            return None
    best = min(nearest, key=lambda other: other["ratios"].mean())
    difference = row["ratios"] - best["ratios"]
    half = float(student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    mean = float(difference.mean())
    print(f"{row['family']:18s} {row['number']:2d} against {best['family']:26s} {best['number']:2d} {mean:9.5f} "
          f"[{mean - half:9.5f}, {mean + half:9.5f}]", flush=True)
    return {"family": best["family"], "number": best["number"], "milliseconds": best["milliseconds"],
            "cost_ratio_mean": float(best["ratios"].mean()), "difference_mean": mean, "difference_low": mean - half,
            "difference_high": mean + half}


def table(trained, servers, users, instances):
    """Return the rows of a size."""
    scenario = create("offloading", servers=servers, users=users, access="dense", energy="cycles")
    contexts = scenario.draw_contexts(instances, torch.Generator().manual_seed(SEED))
    began = time.process_time()
    optimum = -scenario.certify(contexts).utility.numpy()
    exact = 1000 * (time.process_time() - began) / instances
    print(f"{servers}s{users}u: exact in {exact:.0f} ms", flush=True)
    pipeline = trained.at(scenario)
    chances(pipeline, contexts[:1])  # the first call allocates
    rows = measured(pipeline, contexts, optimum)
    compared = [against(row, rows) if row["family"].startswith("diffuser") else None for row in rows]
    return [{"size": f"{servers}s{users}u", "family": row["family"], "number": row["number"], "instances": instances,
             "cost_ratio_mean": float(row["ratios"].mean()), "cost_ratio_q95": float(np.quantile(row["ratios"], 0.95)),
             "milliseconds": row["milliseconds"], "exact_milliseconds": exact, **({"against": other} if other else {})}
            for row, other in zip(rows, compared, strict=True)]


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--instances", type=int, default=100, help="networks a size")
    options.add_argument("--servers", type=int, choices=[servers for servers, _ in SIZES],
                         help="of the one size to measure; the other rows of the file stay")
    options.add_argument("--to", type=Path, default=Path("data/reports/offloading/dense.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    trained = store.load(Path("models") / MODEL)
    for servers, users in SIZES:
        if chosen.servers in (None, servers):
            new = table(trained, servers, users, chosen.instances)
            old = json.loads(chosen.to.read_text()) if chosen.to.exists() else []
            write_json(chosen.to, [row for row in old if row["size"] != new[0]["size"]] + new)


if __name__ == "__main__":
    main()
