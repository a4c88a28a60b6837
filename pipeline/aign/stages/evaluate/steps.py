"""Quality, diversity and raw satisfaction against the number of denoising steps, on validation contexts.

It is by this curve that `train.denoising` is chosen; the test contexts play no part in it.

Axes: B contexts, K candidates of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from aign.designs import diversity
from aign.designs.generation import generate
from aign.designs.settings import EvaluateSettings, SamplingSettings
from aign.diffusion.model import DesignModel
from aign.engines.progress import counted
from aign.scenarios.core.returns import pooled_return, ratio_tells
from aign.scenarios.core.scenario import finite_or_none
from aign.stages.evaluate.satisfaction import ConstrainedRequest, derived_requests
from aign.trajectories.contexts import Contexts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFINITION = ("On {contexts} validation contexts, with the temperature {temperature:g}: what one design gains "
              "(sum(U - U_ref) / sum(U* - U_ref), and mean U/U* where it tells), how far {candidates} designs of a "
              "context differ on average, and the share of designs that meet the constraints of derived requests "
              "before any projection. `train.denoising.steps` is {usual}.")
HEADINGS = {"steps": "denoising steps", "pooled_return": "pooled return", "utility_ratio": "U/U* mean",
            "mean_distance": "mean distance", "raw_percent": "raw satisfaction"}


def curve(model: DesignModel, contexts: Contexts, settings: EvaluateSettings, sampling: SamplingSettings,
          seed: int, title: str = "evaluate") -> dict[str, Any]:
    """Return the figures of each number of steps as JSON values; progress is told under a title."""
    contexts = contexts.take(torch.arange(min(len(contexts), settings.steps_contexts)))
    few = contexts.values[:settings.constrained_contexts]
    requests = derived_requests(model.scenario, few, model.scenario.certify(few).design, settings)
    usual = sampling.steps or model.sampling.steps
    compared = {usual, *(steps for steps in settings.denoising_steps if model.schedule.steps % steps == 0)}
    rows: list[dict[str, float | int | None]] = []
    with counted(title, "numbers of denoising steps") as progress:
        for steps in sorted(compared):
            progress(len(rows), len(compared))
            rows.append(row(model, contexts, requests, settings.candidates,
                            sampling.model_copy(update={"steps": steps}), seed))
    temperature = model.sampling.temperature if sampling.temperature is None else sampling.temperature
    return {"definition": DEFINITION.format(contexts=len(contexts), temperature=temperature, usual=usual,
                                            candidates=settings.candidates), "usual": usual, "rows": rows}


def row(model: DesignModel, contexts: Contexts, requests: Sequence[ConstrainedRequest], candidates: int,
        sampling: SamplingSettings, seed: int) -> dict[str, float | int | None]:
    """Return the figures of one number of steps."""
    scenario, values = model.scenario, contexts.values
    single = generate(model, values, (), 1, sampling, seed, execute=False).utility[:, 0]
    several = generate(model, values, (), candidates, sampling, seed, execute=False).designs
    apart = [diversity.pairwise(designs, scenario.distance.norm).mean() for designs in several]
    raw = [generate(model, request.contexts, request.constraints, request.candidates, sampling, seed,
                    execute=False).raw_feasible.flatten() for request in requests]
    ratio = single / contexts.optimum if ratio_tells(contexts.reference, contexts.optimum) else None
    return {"steps": int(sampling.steps or 0),
            "pooled_return": finite_or_none(pooled_return(single, contexts.reference, contexts.optimum)),
            "utility_ratio": None if ratio is None else float(ratio.mean()),
            "mean_distance": finite_or_none(float(torch.stack(apart).mean())),
            "raw_percent": 100 * float(torch.cat(raw).double().mean()) if raw else None}


def shown(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a curve for a table."""
    return [{heading: "-" if line[name] is None else f"{line[name]:.{places}f}"
             for (name, heading), places in zip(HEADINGS.items(), (0, 5, 5, 3, 1), strict=True)}
            for line in figures["rows"]]


def draw(rows: Sequence[Mapping[str, Any]], usual: int) -> Figure:
    """Draw quality, diversity and raw satisfaction against steps; a dotted line marks the usual number."""
    from matplotlib.figure import Figure

    quality = "pooled_return" if any(line["pooled_return"] is not None for line in rows) else "utility_ratio"
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, 3), (quality, "mean_distance", "raw_percent"), strict=True):
        known = [line for line in rows if line[name] is not None]
        axes.plot([line["steps"] for line in known], [line[name] for line in known], "-o", color="#d1495b")
        axes.axvline(usual, color="#1f2a44", linestyle=":")
        unit = " [%]" if name == "raw_percent" else ""
        axes.set(xscale="log", xlabel="denoising steps", title=f"{HEADINGS[name]}{unit}")
        axes.set_xticks([line["steps"] for line in rows], [str(line["steps"]) for line in rows], minor=False)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    return figure
