"""Designs a solver-guided expert walks to: from mediocre to optimal, and of widely varying labels.

Certificates are asked for unconstrained problems only: the constrained optima that a generator is judged by are never
in the data.

Axes: E episodes, C context values, X design values.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.core.scenario import DesignScenario, Scenario
from aign.scenarios.core.sequential import is_sequential
from aign.trajectories.contexts import Contexts

SHARES = {"exact": 0.22, "noisy": 0.10, "blended": 0.08, "perturbed": 0.12, "reshaped": 0.48}
"""How the episodes are divided. Exact: the certified design itself. Noisy: with noise on it. Blended: somewhere between
it and a heuristic's. Perturbed: the optimum of another problem. Reshaped: tilted, scaled and capped, each by chance, as
if fairness, a budget or a limit had been asked for, and raised to part of what a heuristic gives, as if everybody had
been promised a minimum; every other one starts from the optimum of another problem."""
NOISE = (0.02, 1.0)
"""Noise on a design, relative to its mean magnitude; log-uniform, so that near misses are as frequent as far ones."""
CONTEXT_NOISE = (0.05, 1.0)
"""Scale of the noise on a context (see `Scenario.perturbed_contexts`), log-uniform."""
TIGHTENING = (0.25, 1.0)
"""Factor on a design, or cap relative to its largest value."""
TILT = (-0.75, 2.5)
"""Exponent on a design relative to its mean, uniform: above 1 favours the large values, which are those of users who
need much, below 1 evens them out, below 0 turns them round."""
LEAST_RATIO = 0.1
"""Values below this share of the mean are tilted like it, so that a negative exponent makes none huge."""
RESHAPED = {"tilt": 0.7, "scale": 0.6, "cap": 0.4, "floor": 0.5}
"""How often each change is made to a reshaped design, independently."""


EXACT = 0.22
"""Share of the sequences of decisions that are followed as certified."""
REPLACED = (0.001, 0.3)
"""Share of the decisions replaced at random in each of the other sequences, log-uniform."""


def solver_guided_targets(scenario: Scenario[Any], contexts: Contexts, generator: torch.Generator) -> Tensor:
    """Return one target design for each of E contexts, (E, X), admissible where the scenario can say so.

    Of a design that is a sequence of decisions some are replaced; to scale or to tilt it would mean nothing.
    """
    certified = certified_designs(scenario, contexts)
    if is_sequential(scenario):
        return _replaced(scenario, certified, generator)
    kinds = torch.multinomial(torch.tensor(list(SHARES.values())), len(contexts), True, generator=generator)
    kind = {name: kinds == index for index, name in enumerate(SHARES)}
    targets = certified.clone()
    foreign = kind["perturbed"] | (kind["reshaped"] & (torch.rand(len(contexts), generator=generator) < 0.5))
    if bool(foreign.any()):
        targets[foreign] = _foreign_optima(scenario, contexts.values[foreign], generator)
    targets[kind["noisy"]] = _noisy(certified[kind["noisy"]], generator)
    targets[kind["blended"]] = _blended(scenario, contexts.values[kind["blended"]], certified[kind["blended"]],
                                        generator)
    targets[kind["reshaped"]] = _reshaped(scenario, contexts.values[kind["reshaped"]], targets[kind["reshaped"]],
                                          generator)
    return scenario.admissible(targets) if isinstance(scenario, DesignScenario) else targets


def perturbed(scenario: Scenario[Any], contexts: Tensor, generator: torch.Generator) -> Tensor:
    """Return perturbed versions (E, C) of contexts, each a possible network of the scenario.

    Raises:
        ContextError: the scenario's `perturbed_contexts` made one that its own check refuses.
    """
    scale = _log_uniform(CONTEXT_NOISE, len(contexts), generator)
    try:
        return scenario.check_contexts(scenario.perturbed_contexts(contexts, scale, generator))
    except ContextError as error:
        raise ContextError(f"Scenario {scenario.name} perturbs contexts to networks that it says are impossible: "
                           f"{error} Override its perturbed_contexts so that it keeps to what check_contexts "
                           "demands.") from None


def certified_designs(scenario: Scenario[Any], contexts: Contexts) -> Tensor:
    """Return the certified design (E, X) of each context, computed once for each distinct one."""
    distinct, place = torch.unique(contexts.ids, return_inverse=True)
    first = torch.empty(len(distinct), dtype=torch.int64)
    first[place.flip(0)] = torch.arange(len(contexts)).flip(0)
    return scenario.certify(contexts.values[first]).design[place]


def _foreign_optima(scenario: Scenario[Any], contexts: Tensor, generator: torch.Generator) -> Tensor:
    """Return the certified designs of perturbed versions of the contexts, in the given contexts' own order."""
    ordered, index = scenario.canonical_order(perturbed(scenario, contexts, generator))
    designs = scenario.certify(ordered).design
    return torch.empty_like(designs).scatter(1, index, designs)


def _replaced(scenario: Scenario[Any], designs: Tensor, generator: torch.Generator) -> Tensor:
    """Return sequences of decisions (E, X) of which some are drawn anew, among all that can be taken."""
    count = len(designs)
    share = _log_uniform(REPLACED, count, generator) * (torch.rand(count, 1, generator=generator) >= EXACT)
    draws = torch.rand(designs.shape, generator=generator)
    drawn = 2.0 * draws - 1.0 if scenario.choices is None else (scenario.choices * draws).floor()
    return torch.where(torch.rand(designs.shape, generator=generator) < share, drawn.to(designs.dtype), designs)


def _noisy(designs: Tensor, generator: torch.Generator) -> Tensor:
    scale = _log_uniform(NOISE, len(designs), generator) * designs.abs().mean(1, keepdim=True)
    return designs + scale * torch.randn(designs.shape, generator=generator).to(designs.dtype)


def _blended(scenario: Scenario[Any], contexts: Tensor, designs: Tensor, generator: torch.Generator) -> Tensor:
    """Return designs between the given ones and those of a random heuristic."""
    other = _heuristics(scenario, contexts, designs, generator)
    return designs + _uniform((0.0, 1.0), len(contexts), generator) * (other - designs)


def _heuristics(scenario: Scenario[Any], contexts: Tensor, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return the design of a random heuristic for each context; the given ones where the scenario has none."""
    which = torch.randint(max(1, len(scenario.heuristics)), (len(contexts),), generator=generator)
    designs = like.clone()
    for index, heuristic in enumerate(scenario.heuristics.values()):
        rows = which == index
        if bool(rows.any()):
            designs[rows] = heuristic(contexts[rows]).to(designs.dtype)
    return designs


def _reshaped(scenario: Scenario[Any], contexts: Tensor, designs: Tensor, generator: torch.Generator) -> Tensor:
    """Return designs (E, X) tilted, scaled, capped and raised by chance; values below 0 count as 0."""
    count = len(designs)
    made = {name: torch.rand(count, 1, generator=generator) < share for name, share in RESHAPED.items()}
    designs = designs.clamp_min(0.0)
    mean = designs.mean(1, keepdim=True).clamp_min(1e-12)
    tilted = mean * (designs / mean).clamp_min(LEAST_RATIO) ** _uniform(TILT, count, generator)
    designs = torch.where(made["tilt"], tilted, designs)
    designs = torch.where(made["scale"], designs * _uniform(TIGHTENING, count, generator), designs)
    cap = designs.amax(1, keepdim=True) * _uniform(TIGHTENING, count, generator)
    designs = torch.where(made["cap"], designs.minimum(cap), designs)
    floor = _heuristics(scenario, contexts, designs, generator) * _uniform(TIGHTENING, count, generator)
    return torch.where(made["floor"], designs.maximum(floor), designs)


def _uniform(bounds: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 1) uniform values."""
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, 1, generator=generator)


def _log_uniform(bounds: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 1) values whose logarithm is uniform."""
    return _uniform((math.log(bounds[0]), math.log(bounds[1])), count, generator).exp()
