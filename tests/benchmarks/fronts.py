"""How much of the front of two objectives 16 designs show: `python tests/benchmarks/fronts.py [MODELS] [REPORT]`.

In contexts that no model has seen, answers to two objectives are held against the front itself: of two users every
design is tried; elsewhere the certificate gives the best utility at `THRESHOLDS` bounds on the other label. The figure
is the dominated area (hypervolume, in two objectives) over that of the front, between the front's ends and a tenth
beyond; of 20 users and contracts it may exceed 1, since the front is only known at those bounds. Baselines have the
same number of designs: drawn at random; the same, projected on the bounds that the generator's candidates are
projected on; rules of thumb, projected so. MODELS is models/ by default, REPORT data/reports/operator/fronts.json.

`--validate` tries shares for `ALONG_FRONT` on other contexts instead, and writes nothing.

Axes: K designs, X design values.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from aign.designs import answer as answers
from aign.designs.best_value import ALONG_FRONT, best_value, pressures
from aign.designs.objectives import Objective, scores
from aign.designs.requests import Request
from aign.diffusion import store
from aign.diffusion.pipeline import DesignPipeline
from aign.scenarios.core.features import bounds
from aign.scenarios.core.scenario import Scenario

CASES = (("power-2", ("utility", "min total_power"), 40), ("power-2", ("max min_rate", "min total_power"), 40),
         ("power-2", ("utility", "max jain_fairness"), 40), ("power-20", ("utility", "min total_power"), 15),
         ("contract-2", ("utility", "min payment"), 30))
"""Model, objectives, contexts."""
COUNT, THRESHOLDS, BEYOND = 16, 24, 0.1
TEST_SEED, VALIDATION_SEED = 20_260, 10_260
RESAMPLES = 2_000
TRIED = ((0.15, 0.4, 0.7), (0.0, 0.15, 0.4, 0.7), (0.05, 0.2, 0.4, 0.6, 0.8), (0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85),
         (0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9))
"""Shares tried for `ALONG_FRONT`."""


def area(points: np.ndarray, low: np.ndarray) -> float:
    """Return the area that points (K, 2) dominate above a corner (2,); more is better in both."""
    inside = points[(points > low).all(axis=1)]
    total, height = 0.0, low[1]
    for first, second in inside[np.lexsort((-inside[:, 1], -inside[:, 0]))]:
        total += (first - low[0]) * max(0.0, second - height)
        height = max(height, second)
    return total


def scored(scenario: Scenario[Any], context: Tensor, designs: Tensor, objectives: Sequence[Objective]) -> np.ndarray:
    """Return the scores (K, 2) of designs (K, X), simulated."""
    contexts = context.expand(len(designs), -1)
    values = scores(objectives, scenario.utility(contexts, designs), scenario.measure(contexts, designs))
    return values.double().numpy()


def front(scenario: Scenario[Any], context: Tensor, objectives: Sequence[Objective]) -> np.ndarray:
    """Return points of the front: of all designs of two users, else certified at bounds on the second objective."""
    if scenario.name == "power-allocation" and scenario.action_size == 2:
        low, high = bounds(scenario.state_features)
        every = torch.cartesian_prod(*(torch.arange(float(first), float(last) + 1)
                                       for first, last in zip(low, high, strict=True)))
        return scored(scenario, context, every, objectives)
    label = objectives[1]
    usual = scenario.certify(context[None])
    end = best_value(scenario, context, (), label, usual.design)
    far = float(scenario.measure(context[None], usual.design)[label.name][0])
    thresholds = torch.linspace(end.value, far, THRESHOLDS, dtype=torch.float64).tolist()
    known = [scenario.certify(context[None], [label.bound(threshold)]) for threshold in thresholds]
    designs = [each.design for each in known if bool(each.feasible[0])]
    return scored(scenario, context, torch.cat([*designs, usual.design, end.design[None]]), objectives)


def baselines(scenario: Scenario[Any], context: Tensor, objectives: Sequence[Objective],
              generator: torch.Generator) -> dict[str, Tensor]:
    """Return the designs (K, X) of each baseline."""
    low, high = bounds(scenario.state_features)
    drawn = scenario.admissible(low + (high - low) * torch.rand(COUNT, len(low), generator=generator))
    usual = scenario.certify(context[None])
    known = [best_value(scenario, context, (), each, usual.design) for each in objectives if not each.is_utility]
    labels = {name: float(value[0]) for name, value in scenario.measure(context[None], usual.design).items()}
    turns = pressures(known, labels, ALONG_FRONT)
    rules = torch.cat([rule(context[None]) for rule in scenario.heuristics.values()]).to(drawn.dtype)
    ruled = torch.cat([rules[[turn // len(turns) % len(rules)]] for turn in range(COUNT)])

    def projected(designs: Tensor) -> Tensor:
        return torch.cat([scenario.project(context[None], designs[[turn]], turns[turn % len(turns)])
                          for turn in range(COUNT)])
    return {"random": drawn, "random_projected": projected(drawn), "rules_projected": projected(ruled)}


def ratios(pipeline: DesignPipeline, objectives: Sequence[str], seed: int) -> dict[str, float]:
    """Return the share of the front's area that the answer and each baseline dominate in one context."""
    scenario = pipeline.scenario
    request = Request(objective=objectives, count=COUNT, seed=seed).resolve(scenario)
    goals, context = request.objectives, request.context
    known = front(scenario, context, goals)
    best = known[_beaten(known) == 0]
    top, bottom = best.max(axis=0), best.min(axis=0)
    low = bottom - BEYOND * (top - bottom)
    whole = area(best, low)
    designs = {"generated": answers.answer(pipeline, request, seed=seed).candidates.designs[0],
               **baselines(scenario, context, goals, torch.Generator().manual_seed(seed))}
    return {name: area(scored(scenario, context, each, goals), low) / whole for name, each in designs.items()}


def _beaten(points: np.ndarray) -> np.ndarray:
    """Return how many points beat each of points (K, 2)."""
    better = (points[:, None] >= points[None]).all(axis=2) & (points[:, None] > points[None]).any(axis=2)
    return better.sum(axis=0)


def interval(values: np.ndarray) -> list[float]:
    """Return the 95 % bootstrap interval of a mean over contexts."""
    random = np.random.default_rng(0)
    means = values[random.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    return [float(end) for end in np.quantile(means, (0.025, 0.975))]


def figures(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the mean share of each way, and by how much the generated designs lead each baseline."""
    result: dict[str, Any] = {}
    generated = np.array([row["generated"] for row in rows])
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        result[name] = {"mean": float(values.mean()), "interval": interval(values)}
        if name != "generated":
            result[name]["lead_of_generated"] = {"mean": float((generated - values).mean()),
                                                 "interval": interval(generated - values)}
    return result


def validate(models: Path) -> None:
    """Print the mean share for each of `TRIED` on validation contexts."""
    for shares in TRIED:
        with mock.patch.object(answers, "ALONG_FRONT", shares):
            means = [np.mean([ratios(pipeline, objectives, VALIDATION_SEED + number)["generated"]
                              for number in range(max(4, count // 4))])
                     for name, objectives, count in CASES for pipeline in [store.load(models / name)]]
        print(shares, [round(float(mean), 4) for mean in means], round(float(np.mean(means)), 4), flush=True)


def main() -> None:
    """Measure all cases on test contexts and write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("models", type=Path, nargs="?", default=Path("models"))
    options.add_argument("report", type=Path, nargs="?", default=Path("data/reports/operator/fronts.json"))
    options.add_argument("--validate", action="store_true")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    if chosen.validate:
        validate(chosen.models)
        return
    began, cases = time.process_time(), []
    for name, objectives, count in CASES:
        pipeline = store.load(chosen.models / name)
        rows = [ratios(pipeline, objectives, TEST_SEED + number) for number in range(count)]
        cases.append({"model": name, "objectives": list(objectives), "contexts": count, **figures(rows)})
        print(json.dumps(cases[-1], indent=1), flush=True)
    report = {"designs": COUNT, "first_seed": TEST_SEED, "shares": list(ALONG_FRONT), "cases": cases,
              "processor_seconds": round(time.process_time() - began, 1)}
    chosen.report.parent.mkdir(parents=True, exist_ok=True)
    chosen.report.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
