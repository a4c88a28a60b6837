"""Dense access, energy by cycles: searches that a generator guides against searches alone, at equal time.

    python tests/benchmarks/offloading_dense.py [--instances 100] [--to FILE]

Here no method is exact within a few milliseconds. The generator is that of `dvc repro pipeline/dvc.yaml:train@
offloading-dense` (8 servers, 24 users), at other sizes than its own. One denoising step from pure noise predicts the
mean over good designs: for each user, with which chance it chooses each server. A local search then begins with the
likeliest choices, and an iterated one draws by these chances, a share of the users in each round. The searches alone
begin with the greedy choices and draw uniformly, with shares of their own. Every search takes the same steps by the
same code; the shares were chosen on networks of another seed (777).

`batch`: all networks at once, so that nobody pays for the calls of the simulator. `single`: one after the other, as
requests come. Milliseconds are of processor time a network, in one process, on one thread, and hold everything from a
context to choices: features, network, search; of two runs the quicker. `against`: the iterated local search alone, of
whatever share and rounds is cheapest within at least as much time (up to the next number of rounds), and the mean of
the paired differences of cost over the certified optimum, with its 95 % interval over networks (Student's t). Written
to data/reports/offloading/dense.json.
"""

import argparse
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
ROUNDS = {"batch": (0, 1, 2, 3, 5, 8, 12, 16), "single": (0, 1, 2, 4)}
GUIDED_ROUNDS = {"batch": (0, 1, 2, 4, 8), "single": (0, 1, 2)}
STARTS = (4, 16)
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


def searches(mode):
    """Return searches alone by name, from networks to choices."""
    every = {f"iterated_local_search_{share}_{rounds}":
             partial(search.iterated_local_search, rounds=rounds, kicked=share)
             for share in SHARES for rounds in ROUNDS[mode]}
    return every | {f"local_search_{starts}": partial(search.local_search, starts=starts) for starts in STARTS}


def guided(pipeline, mode):
    """Return searches with the generator by name, from contexts and networks to choices."""
    every = {f"diffuser_iterated_{rounds}": partial(search.iterated_local_search, rounds=rounds, kicked=GUIDED_SHARE)
             for rounds in GUIDED_ROUNDS[mode]}
    every |= {f"diffuser_{starts}_starts": partial(search.local_search, starts=starts) for starts in STARTS}
    return {"diffuser_alone": lambda contexts, network: chances(pipeline, contexts).argmax(2),
            **{name: lambda contexts, network, method=method: method(network, chances=chances(pipeline, contexts))
               for name, method in every.items()}}


def timed(scenario, method, batches):
    """Return the costs (B,) of what a method chooses in batches of contexts, and milliseconds a network."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        costs = [(network := scenario.network(contexts)).cost(method(contexts, network)) for contexts in batches]
        seconds.append(time.process_time() - began)
    costs = torch.cat(costs).numpy()
    return costs, 1000 * min(seconds) / len(costs)


def measured(pipeline, contexts, optimum, mode):
    """Return one row a method, each with its ratios (B,) to the optimum."""
    batches = [contexts] if mode == "batch" else contexts.split(1)
    methods = {name: lambda contexts, network, method=method: method(network)
               for name, method in searches(mode).items()} | guided(pipeline, mode)
    rows = []
    for name, method in methods.items():
        costs, milliseconds = timed(pipeline.scenario, method, batches)
        rows.append({"method": name, "mode": mode, "milliseconds": milliseconds, "ratios": costs / optimum})
        print(f"{mode} {name:32s} {rows[-1]['ratios'].mean():9.5f} {milliseconds:9.2f} ms", flush=True)
    return rows


def against(row, alone):
    """Return how a row's ratios differ from those of the best search alone that takes at least as long, of those with
    the fewest rounds for each share; None where a share has none.
    """
    nearest = []
    for share in SHARES:
        slower = [other for other in alone if other["method"].startswith(f"iterated_local_search_{share}_")
                  and other["milliseconds"] >= row["milliseconds"]]
        if not slower:
            return None
        nearest.append(min(slower, key=lambda other: other["milliseconds"]))
    best = min(nearest, key=lambda other: other["ratios"].mean())
    difference = row["ratios"] - best["ratios"]
    half = float(student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    mean = float(difference.mean())
    return {"method": best["method"], "milliseconds": best["milliseconds"],
            "cost_ratio_mean": float(best["ratios"].mean()), "difference_mean": mean, "difference_low": mean - half,
            "difference_high": mean + half}


def written(row, size, exact, alone):
    """Return a row as it is written, compared with the searches alone where it has the generator."""
    ratios = row.pop("ratios")
    compared = against({**row, "ratios": ratios}, alone) if row["method"].startswith("diffuser") else None
    if compared is not None:
        print("{mode} {method:24s} against {0[method]:28s} {0[difference_mean]:9.5f} [{0[difference_low]:9.5f}, "
              "{0[difference_high]:9.5f}]".format(compared, **row), flush=True)
    return {"size": size, **row, "instances": len(ratios), "cost_ratio_mean": float(ratios.mean()),
            "cost_ratio_q95": float(np.quantile(ratios, 0.95)), "exact_milliseconds": exact,
            **({} if compared is None else {"against": compared})}


def table(trained, servers, users, instances, seed):
    """Return the rows of a size."""
    scenario = create("offloading", servers=servers, users=users, access="dense", energy="cycles")
    contexts = scenario.draw_contexts(instances, torch.Generator().manual_seed(seed))
    pipeline = trained.at(scenario)
    began = time.process_time()
    optimum = -scenario.certify(contexts).utility.numpy()
    exact = 1000 * (time.process_time() - began) / instances
    print(f"{servers}s{users}u: exact in {exact:.0f} ms", flush=True)
    chances(pipeline, contexts[:1])  # the first call allocates
    rows = []
    for mode in ROUNDS:
        each = measured(pipeline, contexts, optimum, mode)
        alone = [row.copy() for row in each if row["method"].startswith("iterated")]
        rows += [written(row, f"{servers}s{users}u", exact, alone) for row in each]
    return rows


def main():
    """Print and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--instances", type=int, default=100, help="networks a size")
    options.add_argument("--seed", type=int, default=SEED, help="of the networks")
    options.add_argument("--to", type=Path, default=Path("data/reports/offloading/dense.json"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    trained, rows = store.load(Path("models") / MODEL), []
    for servers, users in SIZES:
        rows += table(trained, servers, users, chosen.instances, chosen.seed)
        write_json(chosen.to, rows)


if __name__ == "__main__":
    main()
