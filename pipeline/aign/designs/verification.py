"""The digital twin's verdict: each proposed design is simulated, measured, and checked at zero tolerance.

Axes: B plans, C context values, S state values, X design values, T horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.model import DesignModel
from aign.diffusion.plans import Plans
from aign.scenarios.core.constraints import Constraint, satisfied


@dataclass(frozen=True)
class VerificationResult:
    """What the simulator says, on the CPU.

    Attributes:
        designs: (B, X).
        utility: (B,) float64.
        labels: label name -> (B,) float64.
        feasible: (B,) bool, every constraint holds.
        raw_feasible: (B,) bool, every constraint held before any projection.
        paths: (B, T+1, S) states passed when the plan was executed, as far as they are observed; none (B, 0, S) where
            it was not.
        reached: (B,) bool, the executed path ends exactly at the design.
    """

    designs: Tensor
    utility: Tensor
    labels: Mapping[str, Tensor]
    feasible: Tensor
    raw_feasible: Tensor
    paths: Tensor
    reached: Tensor


def verify(pipeline: DesignModel, contexts: Tensor, plans: Plans,
           constraints: Sequence[Constraint], execute: bool = True) -> VerificationResult:
    """Execute and simulate plans for contexts (B, C), entities in the order given; designs alone are simulated where
    plans are not to be executed.
    """
    scenario, count = pipeline.scenario, len(contexts)
    paths, reached = plans.states[:, :0], torch.zeros(count, dtype=torch.bool)
    if execute:
        paths, reached = pipeline.strategy.execute(pipeline, contexts, plans)
    contexts, designs = contexts.cpu(), plans.designs.cpu()
    utility, labels = scenario.outcome(contexts, plans.final.cpu())
    feasible = raw_feasible = satisfied(constraints, labels, count)
    if plans.raw_designs is not plans.designs:
        raw_feasible = satisfied(constraints, scenario.measure(contexts, plans.raw_designs.cpu()), count)
    return VerificationResult(designs, utility, labels, feasible, raw_feasible, paths.cpu(), reached.cpu())
