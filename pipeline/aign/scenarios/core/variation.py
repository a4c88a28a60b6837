"""Designs that demonstrations aim at, made from certified ones: from mediocre to optimal, of widely varying labels.

Certificates are asked for unconstrained problems only: the constrained optima that a generator is judged by are never
in the data.

Axes: B networks, C context values, X design values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.core.exploration import log_uniform, uniform
from aign.scenarios.core.scenario import Scenario

SHARES = {"exact": 0.22, "noisy": 0.10, "blended": 0.08, "perturbed": 0.12, "reshaped": 0.48}
"""How the designs are divided. Exact: the certified design itself. Noisy: with noise on it. Blended: somewhere between
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
EXACT = 0.22
"""Share of the sequences of decisions that stay as certified."""
REPLACED = (0.001, 0.3)
"""Share of the decisions replaced at random in each of the other sequences, log-uniform."""
RESHAPED = {"tilt": 0.7, "scale": 0.6, "cap": 0.4, "floor": 0.5}
"""How often each change is made to a reshaped design, independently."""


def vary(scenario: Scenario[Any], contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
    """Return a design (B, X) for each context (B, C), made from the certified ones as `SHARES` says; admissible."""
    kinds = torch.multinomial(torch.tensor(list(SHARES.values())), len(contexts), True, generator=generator)
    kind = {name: kinds == index for index, name in enumerate(SHARES)}
    designs = certified.clone()
    foreign = kind["perturbed"] | (kind["reshaped"] & (torch.rand(len(contexts), generator=generator) < 0.5))
    if bool(foreign.any()):
        designs[foreign] = _foreign_optima(scenario, contexts[foreign], generator)
    noisy, blended, reshaped = kind["noisy"], kind["blended"], kind["reshaped"]
    designs[noisy] = _noisy(certified[noisy], generator)
    designs[blended] = _blended(scenario, contexts[blended], certified[blended], generator)
    designs[reshaped] = _reshaped(scenario, contexts[reshaped], designs[reshaped], generator)
    return scenario.admissible(designs)


def replace(decisions: Tensor, choices: int | None, generator: torch.Generator) -> Tensor:
    """Return sequences of decisions (B, X) of which some are drawn anew, among all that can be taken.

    Designs of sequential scenarios are varied so: to scale or to tilt decisions would mean nothing.
    """
    share = log_uniform(REPLACED, len(decisions), generator)
    share = share * (torch.rand(len(decisions), 1, generator=generator) >= EXACT)
    draws = torch.rand(decisions.shape, generator=generator)
    drawn = 2.0 * draws - 1.0 if choices is None else (choices * draws).floor()
    replaced = torch.rand(decisions.shape, generator=generator) < share
    return torch.where(replaced, drawn.to(decisions.dtype), decisions)


def perturbed(scenario: Scenario[Any], contexts: Tensor, generator: torch.Generator) -> Tensor:
    """Return perturbed versions (B, C) of contexts, each a possible network of the scenario.

    Raises:
        ContextError: the scenario's `perturbed_contexts` made one that its own check refuses.
    """
    scale = log_uniform(CONTEXT_NOISE, len(contexts), generator)
    try:
        return scenario.check_contexts(scenario.perturbed_contexts(contexts, scale, generator))
    except ContextError as error:
        raise ContextError(f"Scenario {scenario.name} perturbs contexts to networks that it says are impossible: "
                           f"{error} Override its perturbed_contexts so that it keeps to what check_contexts "
                           "demands.") from None


def _foreign_optima(scenario: Scenario[Any], contexts: Tensor, generator: torch.Generator) -> Tensor:
    """Return the certified designs of perturbed versions of the contexts, in the given contexts' own order."""
    ordered, index = scenario.canonical_order(perturbed(scenario, contexts, generator))
    designs = scenario.certify(ordered).design
    return torch.empty_like(designs).scatter(1, index, designs)


def _noisy(designs: Tensor, generator: torch.Generator) -> Tensor:
    scale = log_uniform(NOISE, len(designs), generator) * designs.abs().mean(1, keepdim=True)
    return designs + scale * torch.randn(designs.shape, generator=generator).to(designs.dtype)


def _blended(scenario: Scenario[Any], contexts: Tensor, designs: Tensor, generator: torch.Generator) -> Tensor:
    """Return designs between the given ones and those of a random heuristic."""
    other = _heuristics(scenario, contexts, designs, generator)
    return designs + uniform((0.0, 1.0), len(contexts), generator) * (other - designs)


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
    """Return designs (B, X) tilted, scaled, capped and raised by chance; values below 0 count as 0."""
    count = len(designs)
    made = {name: torch.rand(count, 1, generator=generator) < share for name, share in RESHAPED.items()}
    designs = designs.clamp_min(0.0)
    mean = designs.mean(1, keepdim=True).clamp_min(1e-12)
    tilted = mean * (designs / mean).clamp_min(LEAST_RATIO) ** uniform(TILT, count, generator)
    designs = torch.where(made["tilt"], tilted, designs)
    designs = torch.where(made["scale"], designs * uniform(TIGHTENING, count, generator), designs)
    cap = designs.amax(1, keepdim=True) * uniform(TIGHTENING, count, generator)
    designs = torch.where(made["cap"], designs.minimum(cap), designs)
    floor = _heuristics(scenario, contexts, designs, generator) * uniform(TIGHTENING, count, generator)
    return torch.where(made["floor"], designs.maximum(floor), designs)
