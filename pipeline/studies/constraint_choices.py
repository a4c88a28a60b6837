"""What the study of constraints chooses on validation contexts: how training shows labels, and how to sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aign.designs.settings import SamplingSettings
from studies import runs
from studies.constraint_answers import COMPARED
from studies.constraint_scores import average
from studies.params import StudyParams
from studies.settings import ConstraintsSettings

DECIDING = ("satisfied_raw", "satisfied_raw_single")
WAY = ("guidance", "composed", "target_returns", "margins")
"""What tells one way of sampling from another."""


@dataclass(frozen=True)
class Choice:
    """What won on validation contexts: how training shows labels, and how to sample."""

    model: str
    sampling: SamplingSettings


def ways(settings: ConstraintsSettings) -> list[SamplingSettings]:
    """Return the ways of guidance that are compared, with the first target returns and the middle margins: what has no
    use for margins, such as the one-hot, meets what has.
    """
    middle = settings.margins[len(settings.margins) // 2]
    plain = {"constrained_target_returns": settings.target_returns[0], "margins": middle,
             "compositional_guidance": False}
    guided = [SamplingSettings(**plain, guidance=weight) for weight in settings.guidance]
    return [*guided, *(way.model_copy(update={"compositional_guidance": True}) for way in guided)]


def choices(stage: str) -> list[dict[str, Any]]:
    """Return one row for each model and way of sampling that a round has compared, averaged over seeds."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for (_, model), values in runs.results(stage).items():
        for row in values["choices"]:
            alike.setdefault(f"{model} {[row[name] for name in WAY]}", []).append({"model": model, **row})
    return [{**same[0], **{name: average(row[name] for row in same) for name in COMPARED},
             "families": {family: {name: average(row["families"][family][name] for row in same) for name in DECIDING}
                          for family in same[0]["families"]}} for same in alike.values()]


def best(rows: Sequence[Mapping[str, Any]], least_ratio: float) -> Mapping[str, Any]:
    """Return the row of the highest raw satisfaction, best of K first, single designs next, among those that keep the
    least mean utility ratio; among all where none keeps it.
    """
    kept = [row for row in rows if (row["utility_ratio_mean"] or 0.0) >= least_ratio] or list(rows)
    return max(kept, key=lambda row: tuple(row[name] or 0.0 for name in DECIDING))


def chosen(params: StudyParams, stage: str) -> Choice:
    """Return the winner of a round."""
    row = best(choices(stage), params.studies.constraints.least_ratio)
    return Choice(str(row["model"]), SamplingSettings(
        guidance=row["guidance"], compositional_guidance=row["composed"],
        constrained_target_returns=tuple(row["target_returns"]),
        margins=tuple(row["margins"]), projected_steps=0))
