"""From requests to ranked, verified designs: draft, target returns, projection, verification, ranking.

Axes: B contexts, K candidates of each, C context values, X design values, T horizon, S state values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from aign.designs.objectives import BY_UTILITY, Objective, preference
from aign.designs.settings import SamplingSettings
from aign.designs.verification import VerificationResult, verify
from aign.designs.wishes import wishes
from aign.diffusion.conditions import ConditionInput
from aign.diffusion.model import DesignModel
from aign.diffusion.plans import Plans, Sampling
from aign.diffusion.quality import TARGET_RETURN
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario

ROWS = 4_096
"""Plans denoised at once: bounds memory."""
CYCLED = {"target_returns", "constrained_target_returns", "margins", "unconditioned_fraction"}
"""Settings that differ between the candidates of a request."""


@dataclass(frozen=True)
class Candidates:
    """K verified designs for each of B contexts, the best first: feasible before infeasible, then by what was wanted.

    Attributes:
        designs: (B, K, X); utility: (B, K); labels: name -> (B, K).
        feasible, raw_feasible, reached: (B, K) bool; see `VerificationResult`.
        paths: (B, K, T+1, S), no states (B, K, 0, S) where plans were not executed.
        target_returns: (B, K) what each candidate was asked for.
    """

    designs: Tensor
    utility: Tensor
    labels: Mapping[str, Tensor]
    feasible: Tensor
    raw_feasible: Tensor
    reached: Tensor
    paths: Tensor
    target_returns: Tensor


def generate(pipeline: DesignModel, contexts: Tensor, constraints: Sequence[Constraint] = (), count: int = 16,
             settings: SamplingSettings | None = None, seed: int = 0,
             objectives: Sequence[Objective] = BY_UTILITY, pressed: Sequence[Sequence[Constraint]] = ((),),
             execute: bool = True, network: Scenario[Any] | None = None) -> Candidates:
    """Generate, verify and rank `count` designs for each context (B, C).

    Args:
        pipeline: the model.
        contexts: (B, C).
        constraints: that every design has to meet.
        count: K.
        settings: how to generate.
        seed: of the generator.
        objectives: what is wanted most. A label among them is also what the model is asked for; see `wishes`.
        pressed: further bounds that designs are projected on, without which they are verified; the candidates take
            turns.
        execute: whether plans are followed step by step; where only designs count, that takes half of the time.
        network: the one that designs are for, where parts of the model's have failed.
    """
    settings = settings or SamplingSettings()
    generator = torch.Generator(pipeline.device).manual_seed(seed)
    sampling = sampling_of(settings, pipeline.sampling)
    wished, chosen = wishes(pipeline.conditions, objectives, constraints, count, settings.unconditioned_fraction,
                            len(pressed))
    returns, margins = cycled(settings.constrained_target_returns, count), cycled(settings.margins, count)
    if not constraints and any(objective.is_utility for objective in objectives):
        returns = torch.where(chosen.any(dim=1), returns, cycled(settings.target_returns, count))
    parts = []
    for part in torch.split(contexts, max(1, ROWS // count)):
        bound = candidate_masks(binding(pipeline, part, constraints, sampling, generator), count, settings)
        masks = torch.cat([bound.unflatten(0, (len(part), count)), chosen.expand(len(part), -1, -1)], dim=2)
        fields = []
        for number, further in enumerate(pressed[:count]):
            turn = slice(number, None, len(pressed))
            asked = returns[turn].repeat(len(part)), margins[turn].repeat(len(part))
            conditions = pipeline.conditions.request(asked[0].to(pipeline.device), [*constraints, *wished],
                                                     masks[:, turn].flatten(0, 1), asked[1])
            repeated = part.repeat_interleave(len(returns[turn]), dim=0)
            plans = planned(pipeline, repeated, [*constraints, *further], conditions, sampling, generator)
            if network is not None:
                plans = _in_network(network, repeated, plans, [*constraints, *further])
            fields.append(_fields(verify(pipeline, repeated, plans, constraints, execute), asked[0], len(part)))
        parts.append(ranked(_joined(fields, dim=1), objectives))
    merged = _joined(parts, dim=0)
    labels = {name.removeprefix("label:"): merged.pop(name) for name in list(merged) if name.startswith("label:")}
    return Candidates(labels=labels, **merged)


def _fields(verified: VerificationResult, returns: Tensor, contexts: int) -> dict[str, Tensor]:
    """Return figures of verified designs (B * K, ...) by name, each (B, K, ...); returns asked for are (B * K,)."""
    values = {**vars(verified), **{f"label:{name}": value for name, value in verified.labels.items()},
              "target_returns": returns}
    return {name: value.unflatten(0, (contexts, -1)) for name, value in values.items() if isinstance(value, Tensor)}


def _joined(parts: Sequence[Mapping[str, Tensor]], dim: int) -> dict[str, Tensor]:
    """Return the fields of several parts one after the other."""
    return {name: torch.cat([part[name] for part in parts], dim=dim) for name in parts[0]}


@torch.no_grad()
def planned(pipeline: DesignModel, contexts: Tensor, constraints: Sequence[Constraint], conditions: ConditionInput,
            sampling: Sampling, generator: torch.Generator) -> Plans:
    """Return plans for contexts (B, C) that are conditioned on more than they are projected on."""
    checked = pipeline.scenario.check_contexts(contexts).to(pipeline.device)
    return pipeline.strategy.generate(pipeline, checked, constraints, conditions, sampling, generator, project=True)


def _in_network(network: Scenario[Any], contexts: Tensor, plans: Plans, constraints: Sequence[Constraint]) -> Plans:
    """Return plans whose states leave out what has failed, and whose designs are projected once more without it."""
    designs = network.project(contexts, plans.designs, constraints)
    passed = network.admissible(plans.states[:, :-1].flatten(0, 1)).unflatten(0, plans.states[:, :-1].shape[:2])
    return Plans(torch.cat([passed, designs[:, None]], dim=1), network.project(contexts, plans.raw_designs), designs,
                 designs)


def constraint_satisfaction(answers: Iterable[Candidates]) -> dict[str, float]:
    """Return the shares of all designs of a batch of answers that satisfy every constraint of their request.

    "raw": as generated; "returned": after projection, as ranked. NaN where there is no design.
    """
    satisfied = [torch.stack([answer.raw_feasible, answer.feasible]).flatten(1) for answer in answers]
    raw, returned = torch.cat([torch.zeros(2, 0), *satisfied], dim=1).double().mean(dim=1).tolist()
    return {"raw": raw, "returned": returned}


def sampling_of(settings: SamplingSettings, usual: Sampling) -> Sampling:
    """Return how to denoise by settings; as a model usually does in what they do not say.

    Where they do not name a scheduler, one put into the pipeline is heeded.
    """
    unsaid = {"scheduler"} - settings.model_fields_set
    return replace(usual, **settings.model_dump(exclude=CYCLED | unsaid, exclude_none=True))


def binding(pipeline: DesignModel, contexts: Tensor, constraints: Sequence[Constraint], sampling: Sampling,
            generator: torch.Generator) -> Tensor:
    """Return which constraints to condition on in each context, (B, number of constraints) bool.

    Those that an unconstrained draft breaks: conditioned on where it is slack, a threshold would pin its label to a
    value nobody asked for.
    """
    if not constraints:
        return torch.zeros(len(contexts), 0, dtype=torch.bool)
    returns = torch.full((len(contexts),), TARGET_RETURN)
    draft = pipeline(contexts, returns, sampling=sampling, generator=generator)
    labels = pipeline.scenario.outcome(contexts.cpu(), draft.final.cpu())[1]
    return torch.stack([~constraint.holds(labels[constraint.label]) for constraint in constraints], dim=1)


def candidate_masks(condition_mask: Tensor, count: int, settings: SamplingSettings) -> Tensor:
    """Return the condition masks of `count` candidates of each context, (B * count, Q), from the contexts' (B, Q)."""
    masks = condition_mask[:, None].repeat(1, count, 1)
    masks[:, :int(settings.unconditioned_fraction * count)] = False
    return masks.flatten(0, 1)


def cycled(values: Sequence[Any], count: int) -> Tensor:
    """Return `count` values (count,): those of a sequence over and over."""
    return torch.tensor(values).repeat(-(-count // len(values)))[:count]


def ranked(fields: dict[str, Tensor], objectives: Sequence[Objective] = BY_UTILITY) -> dict[str, Tensor]:
    """Sort every field (B, K, ...) by feasibility, then by what is wanted, the best first; see `preference`."""
    labels = {name.removeprefix("label:"): value for name, value in fields.items() if name.startswith("label:")}
    keys = fields["feasible"], *preference(objectives, fields["utility"], labels, fields["feasible"])
    order = torch.arange(keys[0].shape[1], device=keys[0].device).expand(keys[0].shape)
    for key in reversed(keys):
        order = order.gather(1, key.gather(1, order).double().argsort(dim=1, descending=True, stable=True))

    def sort(value: Tensor) -> Tensor:
        index = order.reshape(*order.shape, *[1] * (value.ndim - 2)).expand_as(value)
        return value.gather(1, index)

    return {name: sort(value) for name, value in fields.items()}
