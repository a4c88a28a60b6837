"""What a generator is told about sampling, and what it returns. Light to import: no diffusers here.

Axes: B plans, S observed state values, Z state values with what is hidden, X design values, T horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to denoise.

    Attributes:
        scheduler: any name in `schedulers.SUPPORTED`; None: the one that was put in as `pipeline.scheduler`, where one
            was, else DDIM.
        steps: denoising steps.
        guidance: weight of classifier-free guidance on the labels asked for; 1 is the plain conditional model. The
            return is never amplified: that asks for designs no data supports.
        temperature: standard deviation of the initial noise.
        compositional_guidance: guide by each label alone and add the changes (Ajay et al. 2023, eq. 9): n labels,
            n + 1 passes.
        projected_steps: how many of the last steps project the design on the constraints; 0 leaves it to the end.
        mask_actions: keep to the choices that `Scenario.action_mask` allows, while there are any.
        futures: where the scenario forecasts what nature decides: futures by which each decision is made; 0 decides
            by plans, as elsewhere.
    """

    scheduler: str | None = None
    steps: int = 10
    guidance: float = 2.0
    temperature: float = 0.7
    compositional_guidance: bool = True
    projected_steps: int = 0
    mask_actions: bool = True
    futures: int = 64


@dataclass(frozen=True, eq=False)
class Plans:
    """What the generator proposes, entities in the order given.

    Attributes:
        states: (B, T+1, S) planned states in raw units, the first of them given; with a receding horizon those
            observed in the episode, float32.
        raw_designs: (B, X) as generated, only made admissible.
        designs: (B, X) after the projection on the request's constraints; the same tensor where nothing was projected.
        final: (B, Z) the states that hold the designs, from which `Scenario.outcome` reads utility and labels.
    """

    states: Tensor
    raw_designs: Tensor
    designs: Tensor
    final: Tensor
