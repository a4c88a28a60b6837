"""Deciding by forecasts in asp-selection: the generator, the same critic over the true law, prices alone, and plans.

    python tests/benchmarks/asp_forecasting.py DATASET WORK [--seeds 3] [--steps 1500] [--validate] [--part prices]

DATASET is the folder of the network's trajectories (data/trajectories/asp-selection). A model is trained for each seed
with the settings of params.yaml, but for the gradient steps, and plays the test contexts online, one run each:
`forecasts` by futures of its second denoiser, `plans` by its plans, as before there were forecasts. `law` is the same
critic over futures drawn from the law by which the network draws its tasks: what the generator could reach at most.
`prices` is the rule of the rollouts without any: utility less the steady price of what is occupied; `prophet` knows the
curves and no prices.

Settings were chosen on four validation contexts. With the true law 3, 5, 8 and 20 tasks ahead earned .873, .874, .880
(32 futures) and 0.867 (16 futures); 8, 16 and 64 futures 0.869, 0.876 and 0.875. A trial model with 32 channels earned
0.837, 0.870 and 0.874 in 2, 5 and 10 denoising steps: in few its futures are too narrow (spread of demands 13, 30 and
38; the law's is 46).

`return` is sum(U - U_ref) / sum(U* - U_ref) over contexts, `low` and `high` its 95 % interval, bootstrapped over
contexts and, where there are several, seeds; `over_plans` is the paired difference from the plans of the same seed.
Models and utilities are kept in WORK, so that it can be stopped and gone on with; `--part` computes one of them only,
and the table is written once all are there: data/reports/asp/forecasting.json, or with `--validate`,
which plays the validation contexts, WORK/validation.json.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import yaml

from aign.diffusion import store as models
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import TrainSettings
from aign.diffusion.training import Trainer
from aign.files.writing import write_json
from aign.scenarios.asp_selection.critic import charged, gap_share
from aign.scenarios.asp_selection.prices import KINDS
from aign.scenarios.asp_selection.providers import ARRIVAL_RATE, DEMANDS
from aign.trajectories.contexts import CONTEXTS, ContextPool
from aign.trajectories.reader import TrajectoryStore

TO = Path("data/reports/asp/forecasting.json")
RESAMPLES = 4_000


def model(folder, store, settings, seed, held):
    """Return the model of a seed, trained where it is not there yet."""
    if not folder.exists():
        trainer = Trainer([store], settings, seed, torch.device("cpu"),
                          [HeldOut(held.values, held.reference, held.optimum)], None, {})
        done = trainer.run(folder.with_suffix(".checkpoint"), lambda step: None)
        models.save(done.pipeline, folder, done.history)
    return models.load(folder)


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
    pipeline, began = pipeline(), time.perf_counter()
    plans = pipeline(contexts, torch.full((len(contexts),), 0.998),
                     sampling=replace(pipeline.sampling, futures=futures),
                     generator=torch.Generator().manual_seed(seed))
    spent = 1e3 * (time.perf_counter() - began) / pipeline.scenario.horizon / len(contexts)
    return pipeline.scenario.outcome(contexts, plans.final)[0], spent


def by_law(scenario, contexts, futures, steps, seed):
    """Return utility (B,) and milliseconds of episodes that the critic decides over futures of the true law."""
    generator = torch.Generator().manual_seed(seed)
    return played(scenario, contexts, lambda states: scenario.judge(
        contexts, states, drawn(len(contexts), futures, steps, generator), ()))


def parts(scenario, contexts, trained, settings, seeds):
    """Return by name what computes the utility (B,) and milliseconds of each method and seed."""
    futures, steps = settings.denoising.futures, settings.futures_window
    computed = {"prophet-1": partial(played, scenario, contexts, partial(scenario.rules["prophet"], contexts)),
                "prices-1": partial(played, scenario, contexts,
                                    lambda states: charged(scenario.moment(contexts, states)))}
    for seed in seeds:
        computed |= {f"law-{seed}": partial(by_law, scenario, contexts, futures, steps, seed),
                     f"plans-{seed}": partial(by_model, partial(trained, seed), contexts, 0, seed),
                     f"forecasts-{seed}": partial(by_model, partial(trained, seed), contexts, futures, seed)}
    return computed


def interval(gained, room):
    """Return mean and 95 % interval of the pooled return of gains (R, B), bootstrapped over contexts and seeds."""
    random = np.random.default_rng(0)
    rows = random.integers(len(room), size=(RESAMPLES, len(room)))
    seeds = random.integers(len(gained), size=(RESAMPLES, len(gained)))
    sums = gained[seeds[:, :, None], rows[:, None, :]].mean(1).sum(1) / room[rows].sum(1)
    mean, low, high = gained.mean(0).sum() / room.sum(), *np.quantile(sums, (0.025, 0.975))
    return {name: round(float(value), 4) for name, value in (("return", mean), ("low", low), ("high", high))}


def table(kept, contexts):
    """Return the rows, one a method, of what was kept of each part."""
    room = (contexts.optimum - contexts.reference).numpy()
    runs = {method: [kept[name] for name in kept if name.rsplit("-", 1)[0] == method]
            for method in dict.fromkeys(name.rsplit("-", 1)[0] for name in kept)}
    gained = {method: np.array([run["utility"] for run in of]) - contexts.reference.numpy()
              for method, of in runs.items()}
    rows = []
    for method, gains in gained.items():
        over = {} if method not in ("forecasts", "law") else {
            "over_plans": interval(gains - gained["plans"], room),
            "over_prices": interval(gains - gained["prices"], room)}
        rows.append({"method": method, "seeds": len(gains), "contexts": len(room), **interval(gains, room),
                     "by_seed": [round(float(values.sum() / room.sum()), 4) for values in gains], **over,
                     "milliseconds": round(float(np.mean([run["milliseconds"] for run in runs[method]])), 3)})
    return rows


def main(arguments):
    """Compute what is not there yet, and write the table when all is there."""
    torch.set_num_threads(1)
    store = TrajectoryStore.open(arguments.dataset)
    pool = ContextPool.load(arguments.dataset / CONTEXTS, store.scenario)
    split = "validation" if arguments.validate else "test"
    block = yaml.safe_load(Path("params.yaml").read_text())["further"]["asp-selection"]["train"]
    settings = TrainSettings(**block | {"steps": arguments.steps, "evaluate_every": arguments.steps})
    held = pool.splits["validation"].take(torch.arange(settings.evaluate_contexts))

    def trained(seed):
        return model(arguments.work / f"model-{seed}", store, settings, seed, held)

    arguments.work.mkdir(parents=True, exist_ok=True)
    computed = parts(store.scenario, pool.splits[split].values, trained, settings, range(1, arguments.seeds + 1))
    for seed in range(1, arguments.seeds + 1):
        if arguments.part in (None, f"model-{seed}"):
            trained(seed)
    for name in computed:
        file = arguments.work / f"{split}-{name}.json"
        if not file.exists() and arguments.part in (None, name):
            utility, spent = computed[name]()
            write_json(file, {"utility": utility.tolist(), "milliseconds": spent})
    files = {name: arguments.work / f"{split}-{name}.json" for name in computed}
    if all(file.exists() for file in files.values()):
        rows = table({name: json.loads(file.read_text()) for name, file in files.items()}, pool.splits[split])
        print(*rows, sep="\n")
        to = arguments.work / "validation.json" if arguments.validate else TO
        to.parent.mkdir(parents=True, exist_ok=True)
        write_json(to, rows)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("dataset", type=Path)
    options.add_argument("work", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--steps", type=int, default=1_500)
    options.add_argument("--part")
    options.add_argument("--validate", action="store_true")
    main(options.parse_args())
