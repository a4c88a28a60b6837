"""Two layers: do fewer candidate lightpaths give cheaper plans in equal time, and does it help to learn which?

    OMP_NUM_THREADS=1 python tests/benchmarks/planning_pruning.py [--to data/reports/planning/pruning.json]

Matrices are futures of polska (`survey.futures.Spread`). A logistic model learns from solved ones which candidates are
lit: from their value in the linear relaxation, the demand of their ends, their length, and how often solved plans light
them. Direct lightpaths always stay; of the others, those that are likeliest by the model, largest in the relaxation, or
drawn at random, as many each. `excess` is over the cheapest plan that any way reached; `gap` is to the bound of the
relaxation over all candidates: pruning never tightens a bound.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from aign.files.writing import write_json
from aign.scenarios.ip_optical_planning import single_layer, two_layers
from aign.scenarios.ip_optical_planning.solver.search import Limits, Search
from aign.scenarios.ip_optical_planning.survey.futures import Spread
from aign.scenarios.ip_optical_planning.topology import load

TOPOLOGY = load("polska")
LIGHTPATHS = two_layers.candidates(TOPOLOGY, 2)
PAIR = tuple(np.sort(LIGHTPATHS.ends, 1).T)
SEED = 5
"""Of the futures; those that are learned from come first."""


def search_of(demand, kept, regions: int) -> tuple[Search, float, float]:
    """Plan a matrix over the candidates kept; return the search, the cost and the processor time."""
    chosen = two_layers.Candidates(LIGHTPATHS.ends[kept], LIGHTPATHS.over[:, kept], LIGHTPATHS.length[kept])
    instance = two_layers.instance(TOPOLOGY, demand, 0.8 * single_layer.unit_of(TOPOLOGY), chosen)
    start = time.process_time()
    search = Search(instance, Limits(rounds=0, regions=regions))
    cost = search.run().cost
    return search, cost, time.process_time() - start


def features(demand, relaxed, often) -> np.ndarray:
    """Return (L, 6) what the model sees of each candidate."""
    modules = demand[PAIR] / (0.8 * single_layer.unit_of(TOPOLOGY))
    return np.column_stack([np.ones(len(relaxed)), relaxed, np.minimum(relaxed, 0.2), modules,
                            LIGHTPATHS.length / 1000, often])


def fitted(seen, lit, ridge: float = 1e-2) -> np.ndarray:
    """Return the weights of a logistic regression, by Newton's method."""
    weights = np.zeros(seen.shape[1])
    for _ in range(30):
        likely = 1 / (1 + np.exp(-seen @ weights))
        slope = seen.T @ (likely - lit) + ridge * weights
        weights -= np.linalg.solve((seen * (likely * (1 - likely))[:, None]).T @ seen + ridge * np.eye(len(weights)),
                                   slope)
    return weights


def kept_of(score, share: float) -> np.ndarray:
    """Return the direct candidates (L,) and, up to a share of all, the others with the highest score."""
    ranked = np.where(LIGHTPATHS.direct, np.inf, score)
    kept = np.zeros(len(score), bool)
    kept[np.argsort(-ranked, kind="stable")[:max(int(LIGHTPATHS.direct.sum()), round(share * len(score)))]] = True
    return kept


def learned(futures, regions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the model's weights, and how often solved plans light each candidate."""
    everything, relaxed, lit = np.ones(len(LIGHTPATHS), bool), [], []
    for demand in futures:
        search, _, _ = search_of(demand, everything, regions)
        assert search.plan is not None
        relaxed.append(search.relaxation.plan[:len(LIGHTPATHS)])
        lit.append(search.plan[:len(LIGHTPATHS)] > 0)
    total = np.sum(lit, 0)
    seen = [features(demand, value, (total - flags) / (len(futures) - 1))  # its own plan is not known in use
            for demand, value, flags in zip(futures, relaxed, lit, strict=True)]
    return fitted(np.concatenate(seen), np.concatenate(lit).astype(float)), total / len(futures)


def main() -> None:
    """Print a row a matrix, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--train", type=int, default=40)
    parser.add_argument("--futures", type=int, default=8)
    parser.add_argument("--share", type=float, default=0.4)
    parser.add_argument("--regions", type=int, nargs="*", default=[5, 40])
    arguments = parser.parse_args()
    futures = [Spread().drawn(TOPOLOGY, number, SEED) for number in range(arguments.train + arguments.futures)]
    weights, often = learned(futures[:arguments.train], 20)
    print("weights", weights.round(2), flush=True)
    results: dict[str, list[tuple[float, float]]] = {}
    bounds = []
    for number, demand in enumerate(futures[arguments.train:]):
        everything = np.ones(len(LIGHTPATHS), bool)
        first, _, _ = search_of(demand, everything, 0)
        bounds.append(first.relaxation.bound)
        relaxed = first.relaxation.plan[:len(LIGHTPATHS)]
        scores = {"learned": features(demand, relaxed, often) @ weights, "relaxation": relaxed,
                  "random": np.random.default_rng([SEED, number]).random(len(LIGHTPATHS))}
        ways = {"all candidates": everything,
                **{name: kept_of(score, arguments.share) for name, score in scores.items()}}
        for name, kept in ways.items():
            for regions in [*arguments.regions, *([2 * arguments.regions[-1]] if name == "all candidates" else [])]:
                _, cost, seconds = search_of(demand, kept, regions)
                results.setdefault(f"{name}, {regions} regions", []).append((cost, seconds))
        print(number, {name: values[-1] for name, values in results.items()}, flush=True)
    best = np.min([[cost for cost, _ in values] for values in results.values()], 0)
    rows = []
    for name, values in results.items():
        costs, seconds = np.array(values).T
        excess = costs / best - 1
        rows.append({"way": name, "seconds": float(seconds.mean()), "excess": float(excess.mean()),
                     "excess_error_95": float(1.96 * excess.std(ddof=1) / len(excess) ** 0.5),
                     "gap": float((1 - np.array(bounds) / costs).mean())})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.to is not None:
        write_json(arguments.to, {"topology": TOPOLOGY.name, "candidates": len(LIGHTPATHS), "share": arguments.share,
                                  "trained_on": arguments.train, "futures": arguments.futures, "seed": SEED,
                                  "rows": rows})


if __name__ == "__main__":
    main()
