"""Where an episode begins, as `reset` of a Gymnasium environment is told by its options.

Axes: B networks, C context values, S observed state values, Z state values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.errors import ContextError, ParameterError, unknown_name
from aign.scenarios.core.features import feature_at, listing
from aign.scenarios.core.scenario import Scenario

CONTEXT, STATE = "context", "state"
TOLERANCE = 1e-6
"""Relative and absolute tolerance within which two values are the same in float32."""


def context_option(scenario: Scenario[Any], options: dict[str, Any] | None, count: int) -> Tensor | None:
    """Return the contexts (B, C) that the options fix for so many networks; None where they fix none.

    Raises:
        ContextError: contexts of the wrong size or number, or out of bounds.
        ParameterError: an unknown option.
    """
    for name in options or {}:
        if name not in (CONTEXT, STATE):
            raise ParameterError(unknown_name("option", name, [CONTEXT, STATE]))
    if not options or CONTEXT not in options:
        return None
    contexts = scenario.check_contexts(_numbers(options, CONTEXT, ContextError))
    if len(contexts) not in (1, count):
        raise ContextError(f"Option 'context': given {len(contexts)} contexts for {count} networks; allowed: one for "
                           "all, or one for each.")
    return contexts.expand(count, -1).clone()


def state_option(scenario: Scenario[Any], options: dict[str, Any] | None, contexts: Tensor) -> Tensor | None:
    """Return the first states (B, Z) that the options fix in contexts (B, C); None where they fix none.

    Raises:
        ParameterError: states of the wrong size or number, or that no episode can begin in.
    """
    if not options or STATE not in options:
        return None
    return first_states(scenario, contexts, _numbers(options, STATE, ParameterError))


def first_states(scenario: Scenario[Any], contexts: Tensor, observed: Tensor) -> Tensor:
    """Return the first states (B, Z), of which the observed part is (S,) for all networks or (B, S), float32.

    Raises:
        ParameterError: of the wrong size or number, or no state that an episode in these contexts (B, C) can begin in.
    """
    observed = observed[None] if observed.ndim == 1 else observed
    shapes = {(1, scenario.state_size), (len(contexts), scenario.state_size)}
    if observed.shape not in shapes:
        raise ParameterError(f"Option 'state': given shape {tuple(observed.shape)}; allowed: "
                             f"{' or '.join(map(str, sorted(shapes)))} ({listing(scenario.state_features)}).")
    if not bool(observed.isfinite().all()):
        raise ParameterError("Option 'state': a value is infinite or no number; allowed: finite numbers.")
    observed = observed.expand(len(contexts), -1).clone()
    nearest = scenario.nearest_start(contexts, observed)
    possible = (observed - nearest).abs() <= TOLERANCE * (1.0 + nearest.abs())
    if not bool(possible.all()):
        row, column = map(int, (~possible).nonzero()[0])
        feature, place = feature_at(scenario.state_features, column)
        raise ParameterError(f"Option 'state', network {row}: {feature.name}[{place}] = {observed[row, column]:g} "
                             f"{feature.unit}; the nearest first state has {nearest[row, column]:g} there. Give what "
                             "an episode in this context can begin with: the first values of a first observation.")
    return scenario.complete_state(contexts, observed)


def _numbers(options: dict[str, Any], name: str, error: type[ContextError] | type[ParameterError]) -> Tensor:
    try:
        return torch.as_tensor(np.array(options[name], dtype=np.float32))
    except (TypeError, ValueError):
        raise error(f"Option {name!r}: given {options[name]!r}; allowed: an array of numbers.") from None
