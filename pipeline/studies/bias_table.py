"""From the runs on biased and small datasets to bias.json and bias.png."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studies.bias import UNCONDITIONED
from studies.comparison import over_seeds
from studies.figures import Interval, interval, save
from studies.runs import PAGES, Key, Run, publish, results
from studies.subsets import SUBSETS

Row = Mapping[str, Any]


def write(run: Run) -> None:
    """Write bias.json and bias.png."""
    table = rows(results("bias"))
    publish("bias", "bias.json", table)
    save(picture(table), PAGES / "bias.png")


def rows(runs: Mapping[Key, Row]) -> list[dict[str, Any]]:
    """Return a row for each subset and method: means over seeds with 95 % intervals.

    `gain_of_showing_the_return` is the pooled return of a diffuser asked for high returns minus that of the same
    diffuser not told which return is wanted, paired by seed; None for other methods.
    """
    table = []
    for subset in SUBSETS:
        seeds = [values for (_, name), values in runs.items() if name == subset]
        parts = [values["subset"] for values in seeds]
        about = {name: interval([part[name] for part in parts])
                 for name in ("trajectory_quality", "state_action_coverage")}
        for method in seeds[0]["methods"]:
            figures = [values["methods"][method] for values in seeds]
            table.append({
                "users": seeds[0]["users"], "subset": subset,
                "episodes": round(fmean(part["episodes"] for part in parts)), **about, "method": method,
                **over_seeds(figures), "gradient_steps": figures[0]["gradient_steps"],
                "gain_of_showing_the_return": gain(seeds, method),
                "training_seconds": fmean(values["training_seconds"] for values in figures),
                "milliseconds_per_design": fmean(values["milliseconds_per_design"] for values in figures)})
    return table


def gain(seeds: Sequence[Row], method: str) -> Interval | None:
    """Return what showing the return gains a method; None where there is nothing to compare."""
    if f"{method}{UNCONDITIONED}" not in seeds[0]["methods"]:
        return None
    pairs = [(values["methods"][method], values["methods"][f"{method}{UNCONDITIONED}"]) for values in seeds]
    return interval([told["normalised_return_pooled"]["mean"] - untold["normalised_return_pooled"]["mean"]
                     for told, untold in pairs])


def picture(table: Sequence[Row]) -> Figure:
    """Draw 1 - pooled return of every method on every subset, and what showing the return gains."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    gaps, gains = figure.subplots(1, 2, width_ratios=(3, 2))
    bars(gaps, [{**row, "value": max(1e-4, 1 - row["normalised_return_pooled"]["mean"]), "half": 0.0}
                for row in table])
    gaps.set(yscale="log", ylabel="1 - pooled return (mean over seeds)", title="gap to the certified optimum")
    gained = [(row, row["gain_of_showing_the_return"]) for row in table if row["gain_of_showing_the_return"]]
    bars(gains, [{**row, "value": gain["mean"], "half": (gain["high"] or gain["mean"]) - gain["mean"]}
                 for row, gain in gained])
    gains.set(title="gained by asking for high returns")
    gains.set_yscale("symlog", linthresh=0.01)
    return figure


def bars(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw a group of bars for each subset, a bar for each method: its `value`, and `half` its interval."""
    frame = pd.DataFrame(rows)[["subset", "method", "value", "half"]].replace("_", " ", regex=True)
    values, halves = (frame.pivot(index="subset", columns="method", values=name).reindex(
        frame["subset"].unique(), columns=frame["method"].unique()) for name in ("value", "half"))
    values.plot.bar(ax=axes, yerr=halves if halves.any(axis=None) else None, capsize=2, width=0.8, xlabel="")
    axes.set_xticks(axes.get_xticks(), values.index, rotation=25, ha="right")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=7)
