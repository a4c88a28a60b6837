"""From every answer's quality to rows, equal budgets, a verdict by rule and pictures: rate.json and its plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure

from studies.figures import save
from studies.runs import PAGES, Run, publish, results

BUDGETS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Milliseconds a context."""
STARTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
AT_BEST = 1e-6
NEAR_BEST = 1e-3
SMALLEST_DIFFERENCE = 1e-5
"""Differences of the mean utility ratio below this are nobody's advantage."""
SMALLEST_GAP = 1e-7
"""A gap below this is drawn here: log axes have no zero."""
COLOURS = {"gradient_ascent": "#1f77b4", "weighted_mmse": "#2ca02c", "fractional_programming": "#9467bd",
           "coordinate_ascent": "#8c564b"}
NOTES = (
    "Milliseconds are processor time, a context's share of a batch, for every method alike; a warm start includes the "
    "generation of its starting points.",
    "The diffuser learned from trajectories of SAC, PPO, random actions and the scenario's simple rules (coordinate "
    "ascent from one start among them); weighted MMSE, fractional programming, projected gradient and the best known "
    "designs took no part in the data.",
    "Cap and total power hold inside weighted MMSE, fractional programming and projected gradient; min_rate from the "
    "rounding on (repair, then coordinate ascent that keeps it). Policies, rules and the diffuser are projected.",
    "Fractional programming is the quadratic transform; the form by the Lagrangian dual makes the steps of weighted "
    "MMSE.",
    "Intervals are 95 % over contexts of one seed.",
)
Case = Mapping[str, Any]


def write(run: Run) -> None:
    """Write rate.json and a picture of each case and request."""
    by_place = results("compare-rate")
    names = [settings.name for settings in run.params.studies.rate.cases]
    cases = [values for name in names for (_, case_name, _), values in by_place.items() if case_name == name]
    for values in cases:
        values["verdict"] = verdict(values)
    publish("rate", "rate.json", {"cases": [published(values) for values in cases], "verdict": overall(cases),
                                  "notes": list(NOTES)})
    for number, values in enumerate(cases):
        name = f"{values['base_stations']}x{values['users']}-{values['gains']}-{values['seed']}-{number}"
        save(picture(values), PAGES / "plots" / f"rate_{name}.png")


def rows(case: Case) -> dict[str, list[dict[str, Any]]]:
    """Return for each method its quality after 1, 2, 4, ... answers: the best of the first so many."""
    table: dict[str, list[dict[str, Any]]] = {}
    for name, ratios in case["ratios"].items():
        alone = name.removeprefix("diffuser ")
        family = "diffuser" if alone.isdigit() else name
        if name == "diffuser":
            continue  # drafts of the warm starts; alone it is judged by runs of their own
        most = len(ratios[0])
        counts = [most] if alone.isdigit() else [count for count in STARTS if count <= most]
        table.setdefault(family, []).extend(
            row(count, count * case["milliseconds"][name], [max(answers[:count]) for answers in ratios])
            for count in counts)
    return {name: sorted(points, key=lambda point: int(point["starts"])) for name, points in table.items()}


def row(count: int, milliseconds: float, values: Sequence[float]) -> dict[str, Any]:
    """Return one point of a quality-time curve; `values` (for each context) stay in for paired comparisons."""
    half, middle = spread(values), fmean(values)
    return {"starts": count, "milliseconds": float(f"{milliseconds:.3g}"), "utility_ratio_mean": middle,
            "low": middle - half, "high": middle + half, "worst": min(values),
            "share_at_best": fmean(value >= 1 - AT_BEST for value in values),
            "share_near_best": fmean(value >= 1 - NEAR_BEST for value in values),
            "infeasible": sum(value == 0 for value in values), "values": list(values)}


def spread(values: Sequence[float]) -> float:
    """Return half the 95 % interval of a mean over contexts."""
    middle = fmean(values)
    return 1.96 * math.sqrt(math.fsum((value - middle)**2 for value in values) / max(1, len(values) - 1) / len(values))


def generates(method: str) -> bool:
    """Return whether a method uses the diffuser."""
    return method.startswith("diffuser")


def at_budgets(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return, for each budget, the best method with and without the diffuser and which of the two wins.

    A side wins where the 95 % interval of the paired difference leaves out zero and its mean is not negligible.
    """
    budgets = []
    for budget in BUDGETS:
        sides = {}
        for side in (False, True):
            within = [(point["utility_ratio_mean"], name, point) for name, points in table.items()
                      for point in points if generates(name) == side and point["milliseconds"] <= budget]
            sides[side] = max(within, key=lambda entry: entry[0], default=None)
        classic, diffuser = sides[False], sides[True]
        if classic is None or diffuser is None:
            winner, difference, half = ("classic" if classic else "diffuser" if diffuser else "nobody"), None, None
        else:
            apart = [mine - theirs for mine, theirs in zip(diffuser[2]["values"], classic[2]["values"], strict=True)]
            difference, half = fmean(apart), spread(apart)
            clear = abs(difference) > max(half, SMALLEST_DIFFERENCE)
            winner = "tie" if not clear else "diffuser" if difference > 0 else "classic"
        budgets.append({"milliseconds": budget, "winner": winner, "difference": difference, "half_interval": half,
                      "classic": described(classic), "diffuser": described(diffuser)})
    return budgets


def described(entry: tuple[float, str, Mapping[str, Any]] | None) -> dict[str, Any] | None:
    """Return method, starts and mean ratio of the best entry within a budget; None where nothing fits."""
    return entry and {"method": entry[1], "starts": entry[2]["starts"], "utility_ratio_mean": entry[0]}


def fewer_starts(case: Case) -> list[str]:
    """Return the local searches that need fewer starts to come near the best known when warm-started."""
    cold = case["starts_needed"]
    near = f"{NEAR_BEST:g}"
    return [name for name in cold if f"diffuser + {name}" in cold
            and cold[f"diffuser + {name}"][near]["mean"] < cold[name][near]["mean"]]


def verdict(case: Case) -> str:
    """Return the case's result as a sentence, by the rule of `at_budgets`."""
    budgets = at_budgets(rows(case))
    said = []
    for winner in ("diffuser", "tie", "classic"):
        won = [format(budget["milliseconds"], "g") for budget in budgets if budget["winner"] == winner]
        said += [f"{winner} at {', '.join(won)} ms"] if won else []
    searches = fewer_starts(case)
    fewer = f"warm starts save starts for {', '.join(searches)}" if searches else "warm starts save no starts"
    share = case["landscape"]["share_of_gradient_ascent_starts_at_best"]
    beyond = sum(count for name, count in case["best_known_by"].items() if generates(name))
    return (f"{100 * share:.0f} % of random projected-gradient starts end at the best known; best mean ratio at equal "
            f"processor time: {'; '.join(said)}; {fewer}; the diffuser found something better than every classic in "
            f"{beyond} of {case['contexts']} contexts.")


def overall(cases: Sequence[Case]) -> str:
    """Return the study's result: at how many budgets each side wins, over all cases."""
    winners = [budget["winner"] for case in cases for budget in at_budgets(rows(case))]
    wins = {side: winners.count(side) for side in ("diffuser", "tie", "classic")}
    if wins["diffuser"] == 0:
        head = "The generator wins nowhere"
    elif wins["diffuser"] > wins["classic"]:
        head = "The generator wins more often than it loses"
    else:
        head = "The generator wins at some budgets, the classics at more or as many"
    return (f"{head}: of {len(winners)} budgets over {len(cases)} cases the diffuser (alone or as a warm start) wins "
            f"{wins['diffuser']}, ties {wins['tie']}, loses {wins['classic']}.")


def published(case: Case) -> dict[str, Any]:
    """Return a case for rate.json: rows without single contexts, budgets, verdict."""
    table = rows(case)
    hidden = ("ratios", "milliseconds", "best_known")
    methods = {name: [{key: value for key, value in point.items() if key != "values"} for point in points]
               for name, points in table.items()}
    return {**{key: value for key, value in case.items() if key not in hidden}, "methods": methods,
            "budgets": at_budgets(table)}


def picture(case: Case) -> Figure:
    """Draw one case: mean gap to the best known against milliseconds a context, both on logarithmic axes."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for method, points in rows(case).items():
        colour = COLOURS.get(method.removeprefix("diffuser + "), "#d62728" if generates(method) else None)
        axes.plot([point["milliseconds"] for point in points],
                  [max(SMALLEST_GAP, 1 - point["utility_ratio_mean"]) for point in points],
                  "--s" if generates(method) else "-o", color=colour, markersize=4, label=method)
    request = ", ".join(case["constraints"]) or "no constraints"
    axes.set(xscale="log", yscale="log", xlabel="processor milliseconds a context (batched)",
             ylabel="gap, 1 - mean utility / best known",
             title=f"{case['base_stations']} base stations, {case['users']} users, {case['gains']} gains: {request}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncols=2)
    return figure
