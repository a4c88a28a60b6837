"""Who acts without learning: uniform noise, heuristics with an unsteady hand, experts guided by a solver or by labels.

Axes: E episodes, S state values, A action values, X design values, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from aign.agents.label_guided import label_guided_targets
from aign.agents.recording import label
from aign.agents.rollout import Act, rollout, starting_states
from aign.agents.targets import solver_guided_targets
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.scenario import DesignScenario, Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.scenarios.core.sequential import Rule, is_sequential
from aign.trajectories.contexts import Contexts
from aign.trajectories.schema import Episodes

Source = Literal["random", "heuristics", "solver-guided", "label-guided"]

BATCH = 2_048
"""Episodes simulated, and handed over, at once."""
VALUES = 1 << 25
"""Values recorded at once, at most: fewer episodes make a batch where they are long."""
SLIP_PROBABILITY = 0.15
"""How often a heuristic's step is perturbed."""
SLIP_SIZE = 0.25
"""Standard deviation of such a perturbation; an action value lies in [-1, 1]."""
MOST_SLIPS = 0.1
"""How often a rule that decides step by step slips, at most: the share differs between episodes, uniformly."""
RANDOM_STARTS = {"random": 0.5, "heuristics": 0.25, "solver-guided": 0.25, "label-guided": 0.25}
"""Share of episodes that start at a random state; the rest start where designs start in use."""


def record(source: Source, scenario: Scenario[Any], contexts: Contexts, episodes: int, seed: int) -> Iterator[Episodes]:
    """Simulate `episodes` labelled episodes in batches, contexts drawn evenly.

    Args:
        source: "random" (uniform actions), "heuristics" (walks to each heuristic's design with slips, or each rule with
            slips where decisions follow each other; equal shares, behaviour "heuristic:<name>"), "solver-guided"
            (walks at various speeds to designs around certified optima; see `targets`), or "label-guided" (likewise to
            designs that trade utility for labels; see `label_guided`).
        scenario: where to act.
        contexts: of one split.
        episodes: how many, over all of the source's behaviours. None where a scenario has no heuristics.
        seed: of everything random, in [0, 2^31).

    Raises:
        ParameterError: an unknown source.
    """
    if source == "random":
        yield from _batches(source, source, _uniform_actions, scenario, contexts, episodes, seed)
    elif source == "solver-guided":
        yield from _batches(source, source, _walk(solver_guided_targets), scenario, contexts, episodes, seed)
    elif source == "label-guided":
        yield from _batches(source, source, _walk(label_guided_targets), scenario, contexts, episodes, seed)
    elif source == "heuristics":
        names = list(scenario.heuristics)
        for place, name in enumerate(names):
            share = (episodes + place) // len(names)
            behave = _rule(scenario.rules[name]) if is_sequential(scenario) else _heuristic(name)
            yield from _batches(source, f"heuristic:{name}", behave, scenario, contexts, share, seed)
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


def _rule(rule: Rule) -> Behave:
    """Decide by a rule, step by step; now and then at random."""
    def behave(scenario: Scenario[Any], contexts: Contexts, states: Tensor, generator: torch.Generator) -> Act:
        often = MOST_SLIPS * torch.rand(len(contexts), 1, generator=generator)

        def act(values: Tensor, states: Tensor, time: int) -> Tensor:
            steady = scenario.applied(rule(values, states))
            slips = torch.rand(len(values), 1, generator=generator) < often
            return torch.where(slips, 2.0 * torch.rand(steady.shape, generator=generator) - 1.0, steady)
        return act
    return behave


def _heuristic(name: str) -> Behave:
    def behave(scenario: Scenario[Any], contexts: Contexts, states: Tensor, generator: torch.Generator) -> Act:
        target = scenario.heuristics[name](contexts.values)

        def act(values: Tensor, states: Tensor, time: int) -> Tensor:
            steady = scenario.action_towards(states, target)
            slips = torch.rand(len(values), 1, generator=generator) < SLIP_PROBABILITY
            return steady + slips * SLIP_SIZE * torch.randn(steady.shape, generator=generator)
        return act
    return behave


def _walk(targets: Callable[[Scenario[Any], Contexts, torch.Generator], Tensor]) -> Behave:
    """Walk to the target designs of these contexts, (E, X), each at a pace of its own."""
    def behave(scenario: Scenario[Any], contexts: Contexts, states: Tensor, generator: torch.Generator) -> Act:
        return _walk_to(targets(scenario, contexts, generator), scenario, states, generator)
    return behave


def _walk_to(targets: Tensor, scenario: Scenario[Any], states: Tensor, generator: torch.Generator) -> Act:
    """Walk to targets (E, X) along waypoints x_0 + (t / arrival)^bend (target - x_0).

    Arrival (uniform between half the horizon and its end) and bend (log-uniform in [1/2, 2]) differ between episodes,
    so that paths to one design differ. Whoever would be late otherwise goes straight.
    """
    if not isinstance(scenario, DesignScenario):
        return lambda values, states, time: scenario.action_towards(states, targets)
    design, horizon = scenario, scenario.horizon
    arrival = horizon * (0.5 + 0.5 * torch.rand(len(states), 1, generator=generator))
    bend = 4.0 ** (torch.rand(len(states), 1, generator=generator) - 0.5)
    origin = states

    def act(values: Tensor, states: Tensor, time: int) -> Tensor:
        progress = ((time + 1) / arrival).clamp(max=1.0) ** bend
        steps_needed = ((targets - states).abs() / design.step_size).amax(1, keepdim=True)
        late = steps_needed > horizon - time - 1
        waypoint = torch.where(late, targets, origin + progress * (targets - origin))
        return design.action_towards(states, waypoint)
    return act
