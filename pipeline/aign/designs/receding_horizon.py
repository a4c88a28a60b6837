"""Designs where decisions follow each other: whole episodes that the diffuser decides step by step, and their outcome.

One episode is what the model does online: each decision rests on what was observed by then. To simulate several with
other noise and keep the best is hindsight, for the simulator knew what would come.

Axes: B episodes, C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from aign.designs.verification import Verified
from aign.diffusion.pipeline import DesignPipeline, Sampling
from aign.diffusion.receding_horizon import follow
from aign.scenarios.core.constraints import Constraint, satisfied


def run(pipeline: DesignPipeline, contexts: Tensor, returns: Tensor, constraints: Sequence[Constraint] = (),
        shown: Tensor | None = None, sampling: Sampling | None = None, generator: torch.Generator | None = None,
        margins: Tensor | None = None, on_step: Callable[[int], None] | None = None) -> Verified:
    """Let the model act in contexts (B, C) and measure each whole episode; arguments as in `follow`.

    Nothing is projected: a constraint on a whole episode has no closed form, so what was generated is the design.
    """
    done = follow(pipeline, contexts, returns, constraints, shown, sampling, generator, margins, on_step)
    scenario, final = pipeline.scenario, done.final.cpu()
    utility, labels = scenario.outcome(contexts.cpu(), final)
    feasible = satisfied(constraints, labels, len(final))
    return Verified(scenario.design_of(final), utility, labels, feasible, feasible, done.path.cpu(),
                    torch.ones_like(feasible))
