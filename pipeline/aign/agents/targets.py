"""Designs that demonstrators aim at: near certified optima, or trading utility for better labels.

Solver-guided targets are certified designs, varied as the scenario says. Label-guided ones trade: each episode weighs a
few labels against the normalised return, with weights of its own. Local search climbs that sum from the certified
unconstrained design, and the target lies part of the way. So the data come to hold, of every combination of labels,
designs from the optimum out to where one label can only gain if another loses. No request and no threshold plays a
part: the constrained optima that a generator is judged by are never in the data.

Axes: E episodes, M designs at once, C context values, X design values, L labels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from aign.agents.fit import check_label_guided
from aign.scenarios.core.local_search import LocalSearch
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import Contexts

MOST_LABELS = 3
"""Labels that are weighed in one episode: 1 to so many, or all where the scenario has fewer; equally often."""
WEIGHT = (0.1, 4.0)
"""Normalised return given for one spread of a label, log-uniform; a spread is how far a scenario's rules differ."""
SHARE = (0.25, 1.0)
"""How far the target lies from the optimum towards where the search ends, uniform."""
ROUNDS = 16
"""Rounds of the search, each of one or several moves."""
MOVES = (0.25, 0.75, 2.25)
"""Sizes of a move, relative to the largest change of an action."""


def solver_guided_targets(scenario: Scenario[Any], contexts: Contexts, generator: torch.Generator) -> Tensor:
    """Return one target design for each of E contexts, (E, X); see `Scenario.vary_designs`."""
    return scenario.vary_designs(contexts.values, certified_designs(scenario, contexts), generator)


def certified_designs(scenario: Scenario[Any], contexts: Contexts) -> Tensor:
    """Return the certified design (E, X) of each context: the one kept, or computed once for each distinct one."""
    if contexts.design is not None:
        return contexts.design
    distinct, place = torch.unique(contexts.ids, return_inverse=True)
    first = torch.empty(len(distinct), dtype=torch.int64)
    first[place.flip(0)] = torch.arange(len(contexts)).flip(0)
    return scenario.certify(contexts.values[first]).design[place]


class WeighedLabels(LocalSearch):
    """Local search without constraints whose utility is a weighed sum; each context carries its weights behind it."""

    scenario: Scenario[Any]

    def evaluate(self, contexts: Tensor, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return no violation and the weighed sum, both (M,), for contexts and weights (M, C + 1 + L)."""
        size = self.scenario.context_size
        networks, weights = contexts[:, :size].float(), contexts[:, size:]
        values = torch.cat([self.scenario.utility(networks, designs)[:, None],
                            measured(self.scenario, networks, designs)], dim=1)
        total = (weights * values).sum(dim=1)
        return torch.zeros_like(total), total


def label_guided_targets(scenario: Scenario[Any], contexts: Contexts, generator: torch.Generator) -> Tensor:
    """Return one target design for each of E contexts, (E, X), admissible.

    Raises:
        ParameterError: see `check_label_guided`.
    """
    check_label_guided(scenario)
    origin = certified_designs(scenario, contexts)
    weighed = torch.cat([contexts.values.double(), weights(scenario, contexts, origin, generator)], dim=1)
    far = WeighedLabels(scenario, (), scenario.move_sizes(MOVES)).run(weighed, origin, rounds=0, climb=ROUNDS)
    share = SHARE[0] + (SHARE[1] - SHARE[0]) * torch.rand(len(origin), 1, generator=generator)
    return scenario.admissible(origin + share * (far - origin))


def weights(scenario: Scenario[Any], contexts: Contexts, optima: Tensor, generator: torch.Generator) -> Tensor:
    """Return weights (E, 1 + L), float64, of the utility and of every label, in the units of the utility.

    A label that no rule changes has no spread, and weighs nothing.
    """
    count, labels = len(contexts), scenario.labels
    chosen = torch.randint(1, min(MOST_LABELS, len(labels)) + 1, (count, 1), generator=generator)
    order = torch.rand(count, len(labels), generator=generator).argsort(dim=1).argsort(dim=1)
    draw = torch.rand(count, len(labels), generator=generator, dtype=torch.float64)
    weight = WEIGHT[0] * (draw * math.log(WEIGHT[1] / WEIGHT[0])).exp() * (order < chosen)
    sense = torch.tensor([-1.0 if label.better == "lower" else 1.0 for label in labels], dtype=torch.float64)
    worth = (contexts.optimum - contexts.reference)[:, None]
    return torch.cat([torch.ones(count, 1, dtype=torch.float64),
                      worth * weight * sense / spreads(scenario, contexts.values, optima)], dim=1)


def spreads(scenario: Scenario[Any], contexts: Tensor, optima: Tensor) -> Tensor:
    """Return how much each label varies in one network, (L,): the standard deviation over the heuristics' designs and
    the certified one (E, X), in the median network; infinite where that is 0.
    """
    designs = [optima, *(rule(contexts) for rule in scenario.heuristics.values())]
    values = torch.stack([measured(scenario, contexts, design) for design in designs])
    spread = values.std(dim=0, unbiased=False).median(dim=0).values
    return spread.where(spread > 0, torch.inf)


def measured(scenario: Scenario[Any], contexts: Tensor, designs: Tensor) -> Tensor:
    """Return every label (M, L) of designs (M, X), in the scenario's order."""
    values = scenario.measure(contexts, designs)
    return torch.stack([values[label.name] for label in scenario.labels], dim=1)
