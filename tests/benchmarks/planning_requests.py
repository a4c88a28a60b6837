"""Requests on IP layer (y1), optical layer (y2), reliability (y3) and a budget, in every combination, one layer or two.

    python tests/benchmarks/planning_requests.py [--model FOLDER] [--set layers=2 ...] [--contexts 8] [--to FILE.json]

Each of the seven combinations of y1 (ip >= 1), y2 (optical >= what the certified plan leaves spare) and y3
(reliability >= 1) is asked in unseen contexts, alone and with a budget: 1.05 times the cost of the plan certified
without it, which survives everything wherever a plan can. The answers of a diffuser (with --model), of 16 random plans
and of reverse delete go through the same projection, which falls back on the certified plan; beside them stands the
certificate.
Figures: requests met, answers other than the certified plan, cost over that of the certified plan (mean, worst) and
over the certified bound, milliseconds a request. Times are of this machine.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from aign.designs.generation import generate
from aign.diffusion.store import load
from aign.files.writing import write_json
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.core.registry import assigned, create

SEED = 77_777
BUDGET = 1.05
LAYERS = ("y1", "y2", "y3")
Answer = Callable[[torch.Tensor, Any], torch.Tensor]
"""A context (1, P) and constraints -> designs (K, L)."""


def methods(scenario, pipeline, count: int) -> dict[str, Answer]:
    """Return what answers requests, by name."""
    def projected(draw: Callable[[torch.Tensor], torch.Tensor]) -> Answer:
        def answer(context, constraints):
            designs = draw(context)
            return scenario.project(context.expand(len(designs), -1), designs, constraints)
        return answer

    def random(context):
        return scenario.initial_state(context.expand(count, -1), torch.Generator().manual_seed(SEED))

    def certified(context, constraints):
        fresh = create(**scenario.spec())  # without what this one remembers
        fresh.problem.__dict__.update(scenario.problem.__dict__)
        return fresh.certify(context, constraints).design

    answers = {f"random_{count}": projected(random),
               "reverse_delete": projected(lambda context: scenario.heuristics["reverse_delete"](context).float()),
               "certificate": certified}
    if pipeline is not None:
        answers = {f"diffuser_{count}": lambda context, constraints: generate(
            pipeline, context, constraints, count).designs[0], **answers}
    return answers


def wanted(scenario, context, names: Sequence[str], budget: bool) -> list[str]:
    """Return a request, its thresholds taken from the certified plan."""
    free = scenario.measure(context, scenario.certify(context).design)
    texts = {"y1": "ip>=1", "y2": f"optical>={float(free['optical'])}", "y3": "reliability>=1"}
    request = [texts[name] for name in names]
    if budget:
        design = scenario.certify(context, parse(request, scenario.labels)).design
        request.append(f"cost<={BUDGET * float(scenario.measure(context, design)['cost'])}")
    return request


def cost_bound(scenario, context, utility: float) -> float:
    """Return the cost that a certified utility of survivable plans allows."""
    return (2.0 - utility) * float(scenario.economics.reference(context)[0])


def asked(scenario, answers: dict[str, Answer], contexts, names: Sequence[str], budget: bool) -> dict[str, Any]:
    """Put one combination to every method in every context and return the figures."""
    figures: dict[str, dict[str, list[float]]] = {name: {"ms": [], "ratio": [], "over_bound": [], "other": []}
                                                  for name in answers}
    impossible = unknown = 0
    for context in contexts.split(1):
        constraints = parse(wanted(scenario, context, names, budget), scenario.labels)
        certificate = scenario.certify(context, constraints)
        impossible += bool(certificate.impossible[0])
        unknown += not bool(certificate.feasible[0] | certificate.impossible[0])
        truth = float(scenario.measure(context, certificate.design)["cost"])
        for name, answer in answers.items():
            began = time.perf_counter()
            designs = answer(context, constraints)
            figures[name]["ms"].append(1000 * (time.perf_counter() - began))
            labels = scenario.measure(context.expand(len(designs), -1), designs)
            met = satisfied(constraints, labels, len(designs))
            if bool(met.any()):
                best = int(torch.where(met, labels["cost"], torch.inf).argmin())
                cost = float(labels["cost"][best])
                figures[name]["ratio"].append(cost / max(truth, 1e-9))
                figures[name]["other"].append(float((designs[best] != certificate.design[0]).any()))
                if "y3" in names:
                    figures[name]["over_bound"].append(cost / cost_bound(scenario, context,
                                                                         float(certificate.utility[0])))
    return {"request": [*names, *["budget"] * budget], "contexts": len(contexts), "impossible": impossible,
            "unknown": unknown, "methods": {name: summary(values) for name, values in figures.items()}}


def summary(values: dict[str, list[float]]) -> dict[str, Any]:
    """Return the figures of one method."""
    def mean(numbers: list[float]) -> float | None:
        return round(sum(numbers) / len(numbers), 4) if numbers else None
    ratios = values["ratio"]
    return {"met": len(ratios), "other_than_certified": int(sum(values["other"])), "cost_ratio": mean(ratios),
            "cost_ratio_worst": round(max(ratios), 4) if ratios else None,
            "cost_over_bound": mean(values["over_bound"]), "milliseconds": mean(values["ms"])}


def main() -> None:
    """Print a line a request and method, and write them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path)
    options.add_argument("--set", nargs="*", default=[])
    options.add_argument("--contexts", type=int, default=8)
    options.add_argument("--candidates", type=int, default=16)
    options.add_argument("--to", type=Path)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    pipeline = None if arguments.model is None else load(arguments.model)
    scenario = (create("ip-optical-planning", **assigned("ip-optical-planning", arguments.set))
                if pipeline is None else pipeline.scenario)
    contexts = scenario.draw_contexts(arguments.contexts, torch.Generator().manual_seed(SEED))
    scenario.certify(contexts)
    answers, rows = methods(scenario, pipeline, arguments.candidates), []
    combinations = [names for count in (1, 2, 3) for names in itertools.combinations(LAYERS, count)]
    for names, budget in itertools.product(combinations, (False, True)):
        rows.append(asked(scenario, answers, contexts, names, budget))
        for method, values in rows[-1]["methods"].items():
            print("+".join(rows[-1]["request"]), method, values, flush=True)
    if arguments.to is not None:
        arguments.to.parent.mkdir(parents=True, exist_ok=True)
        write_json(arguments.to, {"scenario": scenario.spec(), "seed": SEED, "budget": BUDGET, "requests": rows})


if __name__ == "__main__":
    main()
