"""A diffuser as a policy where decisions follow each other: plan ahead, take the first action, look, plan again.

Model-predictive control with a generative model (Janner et al. 2022, section 4; Ajay et al. 2023, algorithm 1): the
plan says which states shall follow, the inverse-dynamics head which action leads to the first of them.

Axes: B episodes, C context values, S observed state values, Z of them with what is hidden, T steps, L planned states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.diffusion.pipeline import DesignPipeline, Sampling
from aign.errors import ParameterError
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.sequential import SequentialScenario


@dataclass(frozen=True, eq=False)
class Followed:
    """What happened in a batch of episodes.

    Attributes:
        final: (B, Z) last states, from which designs and outcomes are read.
        path: (B, T+1, S) what was observed, float32.
    """

    final: Tensor
    path: Tensor


@torch.no_grad()
def follow(pipeline: DesignPipeline, contexts: Tensor, returns: Tensor, constraints: Sequence[Constraint] = (),
           shown: Tensor | None = None, sampling: Sampling | None = None, generator: torch.Generator | None = None,
           margins: Tensor | None = None, on_step: Callable[[int], None] | None = None) -> Followed:
    """Act in whole episodes, one a row; each decision rests on what is observed then, and on nothing later.

    Contexts (B, C) are known to the simulator; the model sees of them what is observed. `on_step` is told how many
    steps were taken. Everything else is as in `DesignPipeline.__call__`, and the same at each step.

    Raises:
        ContextError: a context the scenario does not have.
        ParameterError: an unknown scheduler or a wrong number of steps; or decisions do not follow each other here.
    """
    if not isinstance(pipeline.scenario, SequentialScenario):
        raise ParameterError(f"In {pipeline.scenario.name} a plan ends in the design; call the pipeline itself.")
    scenario, stride = pipeline.scenario, pipeline.config.design["stride"]
    harmless = (sampling or Sampling()).harmless
    contexts = scenario.check_contexts(contexts).to(pipeline.device)
    states = scenario.initial_state(contexts)
    passed = [states[:, :scenario.state_size].float()]
    for time in range(scenario.horizon):
        plan = pipeline.plan(contexts, passed[-1], returns, constraints, shown, sampling, generator, margins)
        following = plan[:, 0] + (plan[:, 1] - plan[:, 0]) / stride
        allowed = scenario.action_mask(contexts, passed[-1]) if harmless else None
        states, _ = scenario.step(contexts, states, pipeline.act(contexts, passed[-1], following, allowed))
        passed.append(states[:, :scenario.state_size].float())
        if on_step is not None:
            on_step(time + 1)
    return Followed(states, torch.stack(passed, dim=1))
