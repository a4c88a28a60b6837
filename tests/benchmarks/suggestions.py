"""How few changes suggestions need: `python tests/benchmarks/suggestions.py [MODELS] [REPORT]`.

MODELS (models/ by default) holds power-20, which also serves two to six users, and planning-polska. In each of them
networks are deployed with their certified design; then a request is broken: a rate, a power budget or cap, fairness is
asked for, a gain drops, demands grow, or a link fails. Suggestions are asked for as `aign design --start --suggest`
does, and the number of changes is held against the least there is: by trying every design (two and three users) or by
an integer program (more users, and planning). REPORT is data/reports/operator/suggestions.json by default.

Axes: N users, L links, K designs, P pairs of nodes.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import Tensor

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.diffusion import store
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.core.integer_program import IntegerProgram
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.physics import P_MAX, cross_gains, gain_matrix, sinr_target

SEED = 2026
USERS, EACH = (2, 3, 4, 5, 6), 20
GROWN, FAILED = 30, 20
COUNT = 16
"""Designs generated for each request."""


@dataclass(frozen=True)
class Case:
    """A deployed design that breaks a request.

    Attributes:
        kind: what went wrong.
        context: (C,) as it is now.
        start: (X,).
        where: the request.
        events: what strikes the design, beside the context; no part that fails can be changed.
        optimum: the least number of parts that must change.
    """

    kind: str
    context: Tensor
    start: Tensor
    where: list[str]
    events: list[str]
    optimum: int


# --- power allocation ------------------------------------------------------------------------------------------------
def power_cases(scenario: Scenario[Any], count: int, generator: torch.Generator) -> Iterator[Case]:
    """Yield networks of N users whose certified design does not meet what is asked, though some design does."""
    users = scenario.parameters.users
    kinds = ("rate", "budget", "cap", "rate and budget", "gain", *(("fairness",) if users <= 3 else ()))
    made = 0
    while made < count:
        context = scenario.draw_contexts(1, generator)
        start = scenario.certify(context).design
        kind = kinds[made % len(kinds)]
        now, where = _broken(scenario, kind, context, start, 0.05 + 0.5 * float(torch.rand(1, generator=generator)))
        constraints = parse(where, scenario.labels)
        if bool(satisfied(constraints, scenario.measure(now, start), 1)) or \
                not bool(scenario.feasible(now, constraints).known):
            continue
        made += 1
        least = fewest_by_trying(scenario, now, start[0], constraints) if users <= 3 else \
            fewest_users(now, start[0], where)
        yield Case(kind, now[0], start[0], where, [], least)


def _broken(scenario: Scenario[Any], kind: str, context: Tensor, start: Tensor,
            size: float) -> tuple[Tensor, list[str]]:
    """Return the context afterwards and the request."""
    labels = {name: float(value[0]) for name, value in scenario.measure(context, start).items()}
    rate, total, peak = labels["min_rate"], labels["total_power"], labels["max_power"]
    if kind == "rate":
        return context, [f"min_rate>={rate * (1 + size):.4f}"]
    if kind == "budget":
        return context, [f"total_power<={math.floor(total * (1 - size))}"]
    if kind == "cap":
        return context, [f"max_power<={math.floor(peak * (1 - size))}"]
    if kind == "rate and budget":
        return context, [f"min_rate>={rate * (1 + size / 4):.4f}", f"total_power<={math.floor(total * (1 - size / 8))}"]
    if kind == "fairness":
        return context, [f"jain_fairness>={1 - (1 - labels['jain_fairness']) * (1 - size):.5f}"]
    weaker = context.clone()
    weaker[0, -1] *= 1 - size
    return weaker, [f"min_rate>={rate * 0.98:.4f}"]


def fewest_by_trying(scenario: Scenario[Any], context: Tensor, start: Tensor, constraints: Sequence[Any]) -> int:
    """Return the least number of users whose level must change, by trying every design."""
    levels = torch.arange(float(P_MAX) + 1)
    every = torch.cartesian_prod(*[levels] * len(start))
    met = satisfied(constraints, scenario.measure(context.expand(len(every), -1), every), len(every))
    return int((every != start).sum(dim=1)[met].min())


def fewest_users(context: Tensor, start: Tensor, where: Sequence[str]) -> int:
    """Return the least number of users whose level must change, by an integer program: every bound used is linear."""
    users = len(start)
    gain = cross_gains(gain_matrix(context, users))[0].numpy()
    eye, nothing, deployed = np.eye(users), np.zeros((users, users)), start.double().numpy()
    rows = [LinearConstraint(np.hstack([eye, -P_MAX * eye]), -np.inf, deployed),
            LinearConstraint(np.hstack([-eye, -P_MAX * eye]), -np.inf, -deployed)]
    cap = float(P_MAX)
    for text in where:
        label, threshold = text.replace(">=", "<=").split("<=")
        if label == "min_rate":
            target, direct = sinr_target("min_rate", float(threshold)), np.diag(gain)
            matrix = -target * gain / direct[:, None]
            np.fill_diagonal(matrix, 1.0)
            rows.append(LinearConstraint(np.hstack([matrix, nothing]), target / direct, np.inf))
        elif label == "total_power":
            rows.append(LinearConstraint(np.r_[np.ones(users), np.zeros(users)][None], -np.inf, float(threshold)))
        else:
            cap = float(threshold)
    solved = milp(np.r_[np.zeros(users), np.ones(users)], constraints=rows, integrality=np.ones(2 * users),
                  bounds=Bounds(np.zeros(2 * users), np.r_[np.full(users, cap), np.ones(users)]))
    return round(solved.fun)


# --- planning --------------------------------------------------------------------------------------------------------
def planning_cases(scenario: Scenario[Any], generator: torch.Generator) -> Iterator[Case]:
    """Yield networks whose demands grew, and networks of which a link failed."""
    where = ["reliability>=1", "ip>=1"]
    names = scenario.entity_names(scenario.action_size)
    for number in range(GROWN + FAILED):
        context = scenario.draw_contexts(1, generator)
        start = scenario.certify(context, parse(where, scenario.labels)).design[0]
        left, failed = start.clone(), list[int]()
        if number < GROWN:
            factor = 1 + 0.3 * torch.rand(1, generator=generator) * torch.rand(context.shape, generator=generator)
            now, asked = (context * factor).clamp(max=scenario.context_features[0].high), where
        else:
            failed.append(int(torch.randint(len(start), (1,), generator=generator)))
            now, asked = (1.15 * context).clamp(max=scenario.context_features[0].high), ["ip>=1"]
        left[failed] = 0
        if bool(satisfied(parse(asked, scenario.labels), scenario.measure(now, left[None]), 1)):
            continue
        least = fewest_links(scenario, now[0], left, len(asked) > 1, failed)
        if least is not None:
            yield Case("failed link" if failed else "grown demands", now[0], start, asked,
                       [f"{names[link]} fails" for link in failed], least)


def fewest_links(scenario: Scenario[Any], context: Tensor, start: Tensor, everything: bool,
                 kept: Sequence[int]) -> int | None:
    """Return the least number of links whose modules must change; None where no plan does.

    An integer program over modules and whether a link changes, with the cuts of the network and a metric inequality for
    each scenario that a plan found on the way cannot carry.
    """
    problem, most = scenario.problem, scenario.parameters.most_modules
    program = IntegerProgram(gap=0.0)
    modules = program.columns(np.zeros(len(start)), 0.0, float(most), whole=True)
    changed = program.columns(np.ones(len(start)), 0.0, 1.0, whole=True)
    for column, flag, value in zip(modules.tolist(), changed.tolist(), start.tolist(), strict=True):
        program.row(-value, {flag: float(most), column: -1.0})
        program.row(value, {flag: float(most), column: 1.0})
    for link in kept:
        program.row(-0.0, {int(changed[link]): -1.0})
    low, matrix = cut_rows(problem, context, failed=False)
    add_rows(program, low, matrix, modules)
    if everything:
        add_rows(program, *cut_rows(problem, context, failed=True), modules)
    while True:
        solved = program.solve()
        if solved.values is None:
            return None
        plan = solved.values[modules].round()
        carried = scenario.survivability.carried(context[None], torch.tensor(plan)[None])[0]
        missing = [number for number in range(len(carried) if everything else 1) if not bool(carried[number])]
        if not missing:
            return round(float(solved.bound))
        for number in missing:
            low, row = _metric(scenario, context, plan, number)
            add_rows(program, np.array([low]), row[None], modules)


def add_rows(program: IntegerProgram, lows: Any, matrix: Any, columns: Any) -> None:
    """Add rows `matrix @ values of the columns >= lows` to a program."""
    for low, row in zip(lows.tolist(), matrix, strict=True):
        program.row(low, {int(columns[place]): float(row[place]) for place in np.flatnonzero(row)})


def cut_rows(problem: Any, context: Tensor, failed: bool) -> tuple[Any, Any]:
    """Return the cut inequalities of a context (P,): lower bounds (R,) and links (R, L), while all links work or, for
    each cut and each of its links, without that link.
    """
    needed, crossing = problem.needed(context[None])[0].numpy(), problem.cuts.crossing.numpy()
    if not failed:
        return needed[0][needed[0] > 0], crossing[needed[0] > 0]
    cut, link = np.nonzero(crossing)
    left = crossing[cut].copy()
    left[np.arange(len(cut)), link] = 0.0
    low = needed[1][cut]
    return low[low > 0], left[low > 0]


def _metric(scenario: Scenario[Any], context: Tensor, plan: np.ndarray, number: int) -> tuple[float, np.ndarray]:
    """Return the metric inequality, in modules, that a plan breaks in a scenario it cannot carry."""
    problem, demand = scenario.problem, context.double().numpy()
    prices = scenario.survivability.route(demand, plan, number).prices
    distance = problem.topology.distances(prices, number - 1 if number else None)
    pairs = problem.topology.pairs
    needed = float(problem.shares[number]) * demand @ distance[pairs[:, 0], pairs[:, 1]]
    return float((needed - 1e-6 * demand.sum() * prices.max()) / problem.module), prices


# --- figures ---------------------------------------------------------------------------------------------------------
def asked(pipeline: Any, case: Case) -> dict[str, Any]:
    """Return what the suggestions for a case came to, each simulated once more."""
    scenario = pipeline.scenario
    request = Request(case.where, context=case.context, start=case.start, count=COUNT, seed=0, event=case.events)
    began = time.process_time()
    suggestions = answer(pipeline, request.resolve(scenario)).suggest()
    seconds = time.process_time() - began
    constraints = parse(case.where, scenario.labels)
    counts = []
    for suggestion in suggestions:
        design = suggestion.changes.steps[-1].after.design[None]
        if bool(satisfied(constraints, scenario.measure(case.context[None], design), 1)):
            counts.append(suggestion.count)
    return {"kind": case.kind, "where": case.where, "optimum": case.optimum, "changes": min(counts, default=None),
            "suggestions": len(counts), "claimed_fewest": any(each.fewest for each in suggestions), "seconds": seconds}


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return shares and means of a group of cases."""
    mended = [row for row in rows if row["changes"] is not None]
    extra = [row["changes"] - row["optimum"] for row in mended]
    claimed = [row for row in mended if row["claimed_fewest"]]
    return {"networks": len(rows), "mended": len(mended), "fewest": sum(more == 0 for more in extra),
            "mean_changes": float(np.mean([row["changes"] for row in mended])) if mended else None,
            "mean_optimum": float(np.mean([row["optimum"] for row in rows])),
            "most_more_than_optimum": max(extra, default=None), "claimed_fewest": len(claimed),
            "claims_wrong": sum(row["changes"] != row["optimum"] for row in claimed),
            "median_seconds": float(np.median([row["seconds"] for row in rows]))}


def main(models: Path, report: Path) -> None:
    """Ask for suggestions in all cases and write the figures."""
    torch.set_num_threads(1)
    rows: dict[str, list[dict[str, Any]]] = {"power": [], "planning": []}
    power = store.load(models / "power-20")
    for users in USERS:
        pipeline = store.serving(power, {"users": users})
        for case in power_cases(pipeline.scenario, EACH, torch.Generator().manual_seed(SEED + users)):
            rows["power"].append({"users": users, **asked(pipeline, case)})
    planning = store.load(models / "planning-polska")
    for case in planning_cases(planning.scenario, torch.Generator().manual_seed(SEED)):
        rows["planning"].append(asked(planning, case))
    result = {"seed": SEED, "designs_generated": COUNT,
              **{name: figures(group) for name, group in rows.items()},
              "power_by_users": {str(users): figures([row for row in rows["power"] if row["users"] == users])
                                 for users in USERS},
              "by_kind": {f"{name}: {kind}": figures([row for row in group if row["kind"] == kind])
                          for name, group in rows.items() for kind in sorted({row["kind"] for row in group})}}
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in rows}, indent=2))


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    main(paths[0] if paths else Path("models"),
         paths[1] if len(paths) > 1 else Path("data/reports/operator/suggestions.json"))
