"""Deciding by forecasts in asp-selection: the generator, the same critic over the true law, prices alone, and plans.

    python tests/benchmarks/asp_forecasting.py DATASET [--seeds 3] [--validate] [--futures 8 16 32]

DATASET is the folder of the network's trajectories (data/trajectories/asp-selection). A model is trained for each seed
with the settings of params.yaml and plays the test contexts online, one run each: `forecasts` by futures of its second
denoiser, `plans` by its plans, as before there were forecasts. `law` is the same critic over futures drawn from the law
by which the network draws its tasks: what the generator could reach at most. `prices` is the rule of the rollouts
without any: utility less the steady price of what is occupied; `prophet` knows the curves and no prices.

`return` is sum(U - U_ref) / sum(U* - U_ref) over contexts, `low` and `high` its 95 % interval, bootstrapped over
contexts, of rows of several seeds over seeds and contexts together. `--validate` plays the validation contexts and
writes nothing; settings were chosen so. Otherwise the rows go into data/reports/asp-selection/forecasting.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml

from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import TrainSettings
from aign.diffusion.training import Trainer
from aign.files.writing import write_json
from aign.scenarios.asp_selection.critic import charged, gap_share
from aign.scenarios.asp_selection.prices import KINDS
from aign.scenarios.asp_selection.providers import ARRIVAL_RATE, DEMANDS
from aign.trajectories.contexts import CONTEXTS, ContextPool
from aign.trajectories.reader import TrajectoryStore

TO = Path("data/reports/asp-selection-forecasting/table.json")
RESAMPLES = 4_000


def model(store, settings, seed, held):
    """Return a trained model and the last figures of its training."""
    trainer = Trainer([store], settings, seed, torch.device("cpu"),
                      [HeldOut(held.values, held.reference, held.optimum)], None, {})
    with tempfile.TemporaryDirectory() as folder:
        done = trainer.run(Path(folder) / "checkpoint", lambda step: None)
    return done.pipeline, done.history[-1]


def drawn(count, futures, steps, generator):
    """Return futures (B, F, H, 2) by the law of the network."""
    gaps = torch.empty(count, futures, steps, dtype=torch.float64).exponential_(ARRIVAL_RATE, generator=generator)
    demands = KINDS[torch.randint(len(KINDS), gaps.shape, generator=generator)]
    return torch.stack([demands / DEMANDS[1], gap_share(gaps.round())], dim=3)


def played(scenario, contexts, scores):
    """Return the utility (B,) of episodes that scores (B, J) decide, and milliseconds a decision."""
    states, began = scenario.initial_state(contexts), time.perf_counter()
    for _ in range(scenario.horizon):
        states, _ = scenario.step(contexts, states, scores(states))
    spent = 1e3 * (time.perf_counter() - began) / scenario.horizon / len(contexts)
    return scenario.outcome(contexts, states)[0], spent


def by_model(pipeline, contexts, futures, seed):
    """Return utility (B,) and milliseconds of episodes that a model decides by so many futures; by plans at 0."""
    began = time.perf_counter()
    plans = pipeline(contexts, torch.full((len(contexts),), 0.998),
                     sampling=replace(pipeline.sampling, futures=futures),
                     generator=torch.Generator().manual_seed(seed))
    spent = 1e3 * (time.perf_counter() - began) / pipeline.scenario.horizon / len(contexts)
    return pipeline.scenario.outcome(contexts, plans.final)[0], spent


def row(method, futures, runs, contexts, milliseconds):
    """Return a row of the table from utilities of several runs, each (B,)."""
    gained = np.stack([(utility - contexts.reference).numpy() for utility in runs])
    room = (contexts.optimum - contexts.reference).numpy()
    random = np.random.default_rng(0)
    rows = random.integers(len(room), size=(RESAMPLES, len(room)))
    seeds = random.integers(len(runs), size=(RESAMPLES, len(runs)))
    sums = gained[seeds[:, :, None], rows[:, None, :]].mean(1).sum(1) / room[rows].sum(1)
    low, high = np.quantile(sums, (0.025, 0.975))
    each = [round(float(values.sum() / room.sum()), 4) for values in gained]
    return {"method": method, "futures": futures, "seeds": len(runs), "contexts": len(room),
            "return": round(float(np.mean(each)), 4), "low": round(float(low), 4), "high": round(float(high), 4),
            "by_seed": each, "utility": round(float(np.mean([utility.mean() for utility in runs])), 2),
            "milliseconds": round(milliseconds, 3)}


def rules(scenario, contexts, arguments, steps):
    """Yield the rows that need no model."""
    values = contexts.values
    for name, scores in (("prophet", lambda states: scenario.rules["prophet"](values, states)),
                         ("prices", lambda states: charged(scenario.moment(values, states)))):
        utility, spent = played(scenario, values, scores)
        yield row(name, 0, [utility], contexts, spent)
    for futures in arguments.futures:
        runs = []
        for seed in range(1, arguments.seeds + 1):
            generator = torch.Generator().manual_seed(seed)
            utility, spent = played(scenario, values, lambda states, count=futures, generator=generator: scenario.judge(
                values, states, drawn(len(values), count, steps, generator), ()))
            runs.append(utility)
        yield row("law", futures, runs, contexts, spent)


def main(arguments):
    """Play everything and write the table."""
    torch.set_num_threads(1)
    store = TrajectoryStore.open(arguments.dataset)
    scenario, pool = store.scenario, ContextPool.load(arguments.dataset / CONTEXTS, store.scenario)
    contexts = pool.splits["validation" if arguments.validate else "test"]
    contexts = contexts.take(torch.arange(min(arguments.contexts, len(contexts))))
    block = yaml.safe_load(Path("params.yaml").read_text())["further"]["asp-selection"]["train"]
    settings = TrainSettings(**block)
    held = pool.splits["validation"].take(torch.arange(settings.evaluate_contexts))
    table = []
    for entry in rules(scenario, contexts, arguments, settings.futures_window):
        table.append(entry)
        print(entry, flush=True)
    methods = [("plans", 0), *(("forecasts", futures) for futures in arguments.futures)]
    runs = {method: [] for method in methods}
    for seed in range(1, arguments.seeds + 1):
        pipeline, figures = model(store, settings, seed, held)
        print("seed", seed, figures, flush=True)
        for method in methods:
            utility, spent = by_model(pipeline, contexts.values, method[1], seed)
            runs[method].append((utility, spent))
            print(row(*method, [utility], contexts, spent), flush=True)
    table += [row(*method, [utility for utility, _ in done], contexts, done[-1][1]) for method, done in runs.items()]
    print(*table, sep="\n")
    if not arguments.validate:
        TO.parent.mkdir(parents=True, exist_ok=True)
        write_json(TO, table)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("dataset", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--contexts", type=int, default=32, help="play the first so many")
    options.add_argument("--futures", type=int, nargs="+", default=[16])
    options.add_argument("--validate", action="store_true")
    main(options.parse_args())
