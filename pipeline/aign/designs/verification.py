"""The digital twin's word: each proposed design is simulated, measured, and checked at zero tolerance.

Axes: B plans, C context values, S state values, X design values, T horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.pipeline import DesignPipeline, Plans
from aign.scenarios.core.constraints import Constraint, satisfied


@dataclass(frozen=True)
class Verified:
    """What the simulator found, on the CPU.

    Attributes:
        designs: (B, X).
        utility: (B,) float64.
        labels: label name -> (B,) float64.
        feasible: (B,) bool, every constraint holds.
        raw_feasible: (B,) bool, every constraint held before any projection.
        paths: (B, T+1, S) states the simulator went through under the inverse-dynamics head's actions; what was
            observed of them where decisions follow each other.
        reached: (B,) bool, the executed path ends exactly at the design.
    """

    designs: Tensor
    utility: Tensor
    labels: Mapping[str, Tensor]
    feasible: Tensor
    raw_feasible: Tensor
    paths: Tensor
    reached: Tensor


def verify(pipeline: DesignPipeline, contexts: Tensor, plans: Plans, constraints: Sequence[Constraint]) -> Verified:
    """Simulate plans for contexts (B, C), in the order of users given."""
    scenario = pipeline.scenario
    paths = execute(pipeline, contexts, plans).cpu()
    contexts, designs, raw = contexts.cpu(), plans.designs.cpu(), plans.raw_designs.cpu()
    labels = scenario.measure(contexts, designs)
    return Verified(designs, scenario.utility(contexts, designs), labels,
                    satisfied(constraints, labels, len(designs)),
                    satisfied(constraints, scenario.measure(contexts, raw), len(designs)), paths,
                    (scenario.design_of(paths[:, -1]) == designs).all(dim=1))


def execute(pipeline: DesignPipeline, contexts: Tensor, plans: Plans) -> Tensor:
    """Follow the plans in the simulator, closed loop: at each step the head is asked for the action that leads from
    where the network really is to the plan's next state. Returns the states passed, (B, T+1, S).
    """
    scenario = pipeline.scenario
    ordered, index = scenario.canonical_order(contexts.to(pipeline.device))
    planned = plans.states.gather(2, index[:, None].expand(plans.states.shape))
    state = planned[:, 0]
    passed = [state]
    for time in range(1, planned.shape[1]):
        state, _ = scenario.step(ordered, state, pipeline.act(ordered, state, planned[:, time]))
        passed.append(state)
    path = torch.stack(passed, dim=1)
    back = index.argsort(dim=1)
    return path.gather(2, back[:, None].expand(path.shape))
