"""The explanation as a figure: who pays, what a unit more would give, the path of decisions.

Axes: X design values, T horizon, S state values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from aign.designs.explanation import Explanation
from aign.scenarios.core.remembered import certificate_of
from aign.scenarios.core.scenario import Scenario

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
MARKED = 100
"""Most steps that are marked one by one."""


def draw(scenario: Scenario[Any], context: Tensor, design: Tensor, explanation: Explanation, title: str = "") -> Figure:
    """Return a figure with one panel for each figure of the network's entities, one for prices, one for the path."""
    contexts = context[None]
    here = scenario.per_entity(contexts, design[None])
    free = scenario.per_entity(contexts, certificate_of(scenario, contexts).design) if here else {}
    count = len(here) + bool(explanation.effects) + 1
    figure = Figure(figsize=(4.2 * count, 3.8), layout="constrained")
    axes = list(figure.subplots(1, count, squeeze=False)[0])
    for name, place in zip(here, axes, strict=False):
        compare(place, here[name][0], free[name][0], name, scenario.entity_names(here[name].shape[1]))
    if explanation.effects:
        prices(axes[len(here)], explanation)
    climb(axes[-1], explanation)
    figure.suptitle(title)
    return figure


def compare(axes: Axes, here: Tensor, free: Tensor, name: str, entities: Sequence[str]) -> None:
    """Draw a figure of every entity here beside the unconstrained optimum."""
    place = np.arange(1, len(here) + 1)
    axes.bar(place - 0.2, free.numpy(), width=0.4, color=SOFT, label="unconstrained optimum")
    axes.bar(place + 0.2, here.numpy(), width=0.4, color=INK, label="this design")
    axes.set(xlabel=entities[0].split()[0], ylabel=name, title="who pays")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8)


def prices(axes: Axes, explanation: Explanation) -> None:
    """Draw what loosening each constraint by one unit gives: by its price, and certified again."""
    effects = explanation.effects
    place = np.arange(len(effects))
    figures: Mapping[str, list[float | None]] = {"by shadow price": [effect.predicted for effect in effects],
                                                 "certified again": [effect.measured for effect in effects]}
    for (name, values), shift, colour in zip(figures.items(), (-0.2, 0.2), (SOFT, ACCENT), strict=True):
        axes.barh(place + shift, [value or 0.0 for value in values], height=0.4, color=colour, label=name)
    axes.set_yticks(place, [f"{effect.constraint}\nto {effect.loosened}" for effect in effects], fontsize=8)
    axes.set(xlabel=f"change of {effects[0].gained}", title="one more unit")
    axes.legend(fontsize=8)


def climb(axes: Axes, explanation: Explanation) -> None:
    """Draw the utility along the executed path, and the share of values that are final."""
    step = np.arange(len(explanation.utility))
    axes.plot(step, explanation.utility, "-o" if len(step) <= MARKED else "-", color=ACCENT, markersize=4)
    axes.set(xlabel="step", ylabel="utility", title="the path of decisions")
    other = axes.twinx()
    final = [sum(settled <= now for settled in explanation.settled) / len(explanation.settled) for now in step]
    other.step(step, final, where="post", color=SOFT)
    other.set(ylim=(0, 1.05), ylabel="share of values that are final")
