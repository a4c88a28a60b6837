"""What an agent needs to answer one request: to be trained again, on a utility that constraints broken take away from.

Axes: B networks, N users.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from aign.agents.learners import explore
from aign.agents.libraries import planned_steps
from aign.agents.rollout import rollout
from aign.agents.settings import CollectSettings, Kind, SourceSettings
from aign.scenarios.core.constraints import Constraint, violation
from aign.scenarios.power_allocation.scenario import PowerAllocation, PowerAllocationParameters
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.schema import SPLITS
from studies.request_sets import StudyRequest
from studies.settings import RetrainingSettings


class Penalised(PowerAllocation):
    """Power allocation whose utility falls with every constraint broken: U - penalty * sum of relative violations."""

    def __init__(self, parameters: PowerAllocationParameters, constraints: Sequence[Constraint],
                 penalty: float) -> None:
        super().__init__(parameters)
        self.constraints, self.penalty = tuple(constraints), penalty

    def fine(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return what designs (B, N) lose, (B,): the penalty times their violations, relative to the thresholds."""
        return self.penalty * violation(self.constraints, self.measure(contexts, designs), len(designs))

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) less the fine."""
        return super().utility(contexts, designs) - self.fine(contexts, designs)

    def training_utility(self, contexts: Tensor, powers: Tensor) -> Tensor:
        """Return what difference rewards are computed from, less the fine."""
        return super().training_utility(contexts, powers) - self.fine(contexts, powers)


def retrain(kind: Kind, parameters: PowerAllocationParameters, request: StudyRequest, settings: RetrainingSettings,
            seed: int) -> tuple[Tensor, dict[str, float]]:
    """Train an agent in the request's own network and return the design (N,) it ends at, before any projection, and
    what that took: `training_seconds`, `environment_steps`.
    """
    scenario = Penalised(parameters, request.constraints, settings.penalty)
    collect = CollectSettings(sac=settings.sac, ppo=settings.ppo, held_out_share=0.001,
                              sources=SourceSettings(snapshots=0))
    began = time.perf_counter()
    learned = explore(kind, scenario, only_context(scenario, request), collect, seed, lambda episodes: None,
                      lambda done, planned: None)
    context = request.context[None]
    final = rollout(scenario, context, learned.policy.in_scenario(scenario), scenario.initial_state(context)).final
    seconds = time.perf_counter() - began
    return scenario.design_of(final)[0], {"training_seconds": seconds,
                                          "environment_steps": planned_steps(kind, collect, scenario.horizon)}


def only_context(scenario: PowerAllocation, request: StudyRequest) -> ContextPool:
    """Return a pool whose every split holds nothing but the request's network."""
    context = request.context[None]
    reference = scenario.reference_utility(context).double()
    optimum = torch.tensor([request.free], dtype=torch.float64)
    return ContextPool({split: Contexts(torch.tensor([request.context_id]), context, reference, optimum, split)
                        for split in SPLITS})
