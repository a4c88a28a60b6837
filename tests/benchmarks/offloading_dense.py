"""Dense access, energy by cycles: a generator as the start of a search against searches alone, at equal time.

    python tests/benchmarks/offloading_dense.py [--instances 100] [--to FILE]

Here no method is exact within milliseconds. All networks of a size are handed to a method at once, so that nobody
pays for the calls of the simulator; milliseconds are of processor time a network, on one thread. Searches: local search
with swaps and ejections from several starts, and iterated local search (a third of the users drawn anew each round).
With the generator: one design in few denoising steps, local search from there, then the same iterated search. Each is
compared with the iterated local search of as many rounds as take at least as long: the mean of the paired differences
of cost over the optimum, with its 95 % interval over networks (Student's t). Seeds are of test networks drawn after the
settings had been chosen on others (seed 777). Written to data/reports/offloading/dense.json.
"""

import argparse
import time
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
ROUNDS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60)
STARTS = (4, 16, 64)
STEPS = (2, 4)
GENERATED_ROUNDS = (0, 5, 10, 20, 40)
TEMPERATURE = 0.5


def generated(pipeline, contexts, steps):
    """Return the choices (B, N) of one design for each context."""
    sampling = Sampling(steps=steps, temperature=TEMPERATURE)
    designs = pipeline(contexts, torch.ones(len(contexts)), sampling=sampling,
                       generator=torch.Generator().manual_seed(0)).designs
    return pipeline.scenario.server(contexts, designs)


def timed(method, network):
    """Return the costs (B,) of choices that a method makes, and milliseconds a network."""
    began = time.process_time()
    server = method()
    milliseconds = 1000 * (time.process_time() - began) / len(network)
    return network.cost(server).numpy(), milliseconds


def measured(scenario, pipeline, contexts, optimum):
    """Return one row a setting, without and with the generator, each with its ratios (B,)."""
    network = scenario.network(contexts)
    methods = {f"iterated_local_search_{rounds}": lambda rounds=rounds: search.iterated_local_search(network, rounds)
               for rounds in ROUNDS}
    methods |= {f"local_search_{starts}": lambda starts=starts: search.local_search(network, starts)
                for starts in STARTS}
    methods |= {f"diffuser_{steps}_steps_iterated_{rounds}": lambda steps=steps, rounds=rounds:
                search.iterated_local_search(network, rounds, generated(pipeline, contexts, steps))
                for steps in STEPS for rounds in GENERATED_ROUNDS}
    rows = []
    for name, method in methods.items():
        costs, milliseconds = timed(method, network)
        rows.append({"method": name, "milliseconds": milliseconds, "ratios": costs / optimum})
        print(f"{name:32s} {rows[-1]['ratios'].mean():9.5f} {milliseconds:9.2f} ms", flush=True)
    return rows


def compared(row, searches):
    """Return how a row's ratios differ from those of the search that takes at least as long, but no longer than needed;
    None where none does.
    """
    slower = [other for other in searches if other["milliseconds"] >= row["milliseconds"]]
    if not slower:
        return None
    nearest = min(slower, key=lambda other: other["milliseconds"])
    difference = row["ratios"] - nearest["ratios"]
    half = float(student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    return {"method": nearest["method"], "milliseconds": nearest["milliseconds"],
            "difference_mean": float(difference.mean()), "difference_low": float(difference.mean()) - half,
            "difference_high": float(difference.mean()) + half}


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--instances", type=int, default=100, help="networks a size")
    options.add_argument("--to", type=Path, default=Path("data/reports/offloading/dense.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    trained, table = store.load(Path("models") / MODEL), []
    for servers, users in SIZES:
        scenario = create("offloading", servers=servers, users=users, access="dense", energy="cycles")
        contexts = scenario.draw_contexts(chosen.instances, torch.Generator().manual_seed(SEED))
        began = time.process_time()
        optimum = -scenario.certify(contexts).utility.numpy()
        exact = 1000 * (time.process_time() - began) / len(contexts)
        print(f"{servers}s{users}u: exact in {exact:.0f} ms", flush=True)
        rows = measured(scenario, trained.at(scenario), contexts, optimum)
        searches = [row for row in rows if row["method"].startswith("iterated")]
        for row in rows:
            against = compared(row, searches) if row["method"].startswith("diffuser") else None
            table.append({"size": f"{servers}s{users}u", "method": row["method"], "instances": chosen.instances,
                          "cost_ratio_mean": float(row["ratios"].mean()),
                          "cost_ratio_q95": float(np.quantile(row["ratios"], 0.95)),
                          "milliseconds": row["milliseconds"], "exact_milliseconds": exact,
                          **({} if against is None else {"against": against})})
            if against is not None:
                print("{method:32s} against {0:26s} {1:9.5f} [{2:9.5f}, {3:9.5f}]".format(
                    against["method"], against["difference_mean"], against["difference_low"],
                    against["difference_high"], method=row["method"]))
        write_json(chosen.to, table)


if __name__ == "__main__":
    main()
