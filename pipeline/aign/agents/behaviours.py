"""Who acts without learning: uniform noise, heuristics that slip, demonstrators guided by a solver or by labels.

Axes: E episodes, Z state values, X design values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from aign.agents.recording import label
from aign.agents.rollout import rollout, starting_states
from aign.agents.targets import label_guided_targets, solver_guided_targets
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.exploration import Act
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.trajectories.contexts import Contexts
from aign.trajectories.schema import Episodes

Source = Literal["random", "heuristics", "solver-guided", "label-guided"]

BATCH = 2_048
"""Episodes simulated, and handed over, at once."""
VALUES = 1 << 25
"""Values recorded at once, at most: fewer episodes make a batch where they are long."""
RANDOM_STARTS = {"random": 0.5, "heuristics": 0.25, "solver-guided": 0.25, "label-guided": 0.25}
"""Share of episodes that start at a random state; the rest start where designs start in use."""


def record(source: Source, scenario: Scenario[Any], contexts: Contexts, episodes: int, seed: int) -> Iterator[Episodes]:
    """Simulate `episodes` labelled episodes in batches, contexts drawn evenly.

    Args:
        source: "random" (uniform actions), "heuristics" (each followed with slips, equal shares, behaviour
            "heuristic:<name>"), "solver-guided" (demonstrations of designs around certified optima; see `targets`), or
            "label-guided" (of designs that trade utility for labels; see `targets`).
        scenario: where to act.
        contexts: of one split.
        episodes: how many, over all of the source's behaviours. None where a scenario has no heuristics.
        seed: of everything random, in [0, 2^31).

    Raises:
        ParameterError: an unknown source.
    """
    if source == "heuristics":
        names = list(scenario.heuristics)
        for place, name in enumerate(names):
            share = (episodes + place) // len(names)
            yield from _batches(source, f"heuristic:{name}", _following(name), scenario, contexts, share, seed)
    elif source in BEHAVIOURS:
        yield from _batches(source, source, BEHAVIOURS[source], scenario, contexts, episodes, seed)
    else:
        raise ParameterError(unknown_name("source", source, get_args(Source)))


Behave = Callable[[Scenario[Any], Contexts, Tensor, torch.Generator], Act]
"""Makes the policy of a batch: scenario, contexts, first states (E, S), generator."""


def _batches(source: Source, behaviour: str, behave: Behave, scenario: Scenario[Any], contexts: Contexts,
             episodes: int, seed: int) -> Iterator[Episodes]:
    generator = derived_generator(seed, behaviour, contexts.split)
    sampled = contexts.sample(episodes, generator)
    size = batch_size(scenario)
    for start in range(0, episodes, size):
        drawn = sampled.take(torch.arange(start, min(start + size, episodes)))
        states = starting_states(scenario, drawn.values, RANDOM_STARTS[source], generator)
        act = behave(scenario, drawn, states, generator)
        yield label(scenario, drawn, rollout(scenario, drawn.values, act, states), behaviour, env_seed=seed)


def batch_size(scenario: Scenario[Any]) -> int:
    """Return how many episodes are simulated at once."""
    values = scenario.observation_size + scenario.state_size + scenario.action_size
    return max(1, min(BATCH, VALUES // (scenario.horizon * values)))


def _uniform_actions(scenario: Scenario[Any], contexts: Contexts, states: Tensor, generator: torch.Generator) -> Act:
    def act(values: Tensor, states: Tensor, time: int) -> Tensor:
        return 2.0 * torch.rand(len(values), scenario.action_size, generator=generator) - 1.0
    return act


def _following(heuristic: str) -> Behave:
    """Follow a heuristic, with slips."""
    return lambda scenario, contexts, states, generator: scenario.follow_heuristic(heuristic, contexts.values,
                                                                                   generator)


def _solver_guided(scenario: Scenario[Any], contexts: Contexts, states: Tensor, generator: torch.Generator) -> Act:
    return scenario.approach(solver_guided_targets(scenario, contexts, generator), states, generator)


def _label_guided(scenario: Scenario[Any], contexts: Contexts, states: Tensor, generator: torch.Generator) -> Act:
    return scenario.approach(label_guided_targets(scenario, contexts, generator), states, generator)


BEHAVIOURS: dict[Source, Behave] = {"random": _uniform_actions, "solver-guided": _solver_guided,
                                    "label-guided": _label_guided}
