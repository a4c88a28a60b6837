"""The design that is deployed today, from which an answer tells the changes.

Axes: C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.designs.feature_values import FeatureReader, Values
from aign.errors import ParameterError
from aign.scenarios.core.features import bounds, feature_at, total_size
from aign.scenarios.core.scenario import Scenario

NEAR = 1e-4
"""A start may differ from an admissible design by this share of a value's range: what rounding in a file does."""


def read_start(source: Values, scenario: Scenario[Any], context: Tensor) -> tuple[Tensor, str]:
    """Return a deployed design (X,) as it works in a context (C,), and where it comes from.

    Args:
        source: the values, in the scenario's order or by the names of its state features, of which those may be left
            out that follow from the others (answers to a price, say); or a JSON or YAML file with either, or one that
            `aign design --save` wrote, of which the best design is taken.
        scenario: whose design it is.
        context: in which it is deployed.

    Raises:
        ParameterError: it cannot be read or is no design of the scenario, or designs of the scenario are sequences of
            decisions, which mean nothing in another context.
    """
    if not scenario.designs_transfer:
        raise ParameterError(f"start: a design of {scenario.name} is a sequence of decisions taken in one context, so "
                             "none is deployed that could be changed. Leave start out.")
    example = (f"Write {total_size(scenario.state_features)} numbers, a mapping such as "
               f"{{{scenario.state_features[0].name}: [...]}}, or name an answer saved with --save.")
    reader = FeatureReader(scenario.state_features, "design feature", ParameterError, example)
    place = str(source) if isinstance(source, str | Path) else "start"
    content = reader.file(Path(source)) if isinstance(source, str | Path) else source
    if isinstance(content, Mapping) and "designs" in content:
        content = _best_of(content, scenario, place)
    if isinstance(content, Mapping):
        content = _completed(content, scenario, context)
    design = _checked(reader.values(content, place), scenario, place)
    return scenario.nearest_start(context[None], design[None])[0].to(design.dtype), place


def _best_of(answer: Mapping[Any, Any], scenario: Scenario[Any], place: str) -> Any:
    """Return the best design of a saved answer."""
    if answer.get("scenario") != scenario.spec():
        raise ParameterError(f"{place}: is an answer for {answer.get('scenario')}; needed: {scenario.spec()}.")
    try:
        return answer["designs"][0]["design"]
    except (LookupError, TypeError):
        raise ParameterError(f"{place}: is an answer without designs. Give one that `aign design --save` wrote.") from \
            None


def _completed(content: Mapping[Any, Any], scenario: Scenario[Any], context: Tensor) -> Mapping[Any, Any]:
    """Return the mapping with the features that are left out, as far as they follow from the others."""
    missing = [feature for feature in scenario.state_features if feature.name not in content]
    if not missing:
        return content
    low, high = bounds(scenario.state_features)
    left_out = torch.cat([torch.full((feature.size,), feature in missing) for feature in scenario.state_features])
    either = scenario.nearest_start(context.expand(2, -1), torch.stack([low, torch.where(left_out, high, low)]))
    if not torch.equal(either[0], either[1]):
        return content
    return {**content, **{feature.name: [feature.low] * feature.size for feature in missing}}


def _checked(design: Tensor, scenario: Scenario[Any], place: str) -> Tensor:
    """Return the nearest admissible design (X,), which differs by rounding only."""
    low, high = bounds(scenario.state_features)
    if len(design) != len(low):
        raise ParameterError(f"{place}: given {len(design)} values; a design of {scenario.name} has {len(low)}.")
    nearest = scenario.admissible(design.nan_to_num(nan=0.0)[None])[0].to(design.dtype)
    wrong = ~((design - nearest).abs() <= NEAR * (high - low))
    if bool(wrong.any()):
        column = int(wrong.nonzero()[0])
        feature, number = feature_at(scenario.state_features, column)
        raise ParameterError(f"{place}: {feature.name}[{number}] = {float(design[column]):g} is not admissible; the "
                             f"nearest design has {float(nearest[column]):g} {feature.unit} there.")
    return nearest
