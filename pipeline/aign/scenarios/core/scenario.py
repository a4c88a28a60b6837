"""What every network must be able to say of itself: an environment, and the design problem that it poses.

A network derives from `DesignScenario` (a design that is changed step by step) or `SequentialScenario` (a sequence of
decisions), which implement most of what is abstract here. Optional parts are apart: what learners observe
(`LearnerView`), how demonstrations are made (`Exploration`), how the network is shown (`Presentation`) and spoken of
(`Speech`).

Batched first: each method takes and returns tensors with a leading batch axis, so that thousands of networks are
simulated at once, on whatever device the tensors lie.

Axes: B networks, C context values, S observed state values, Z all state values, D observation values, A action values,
X design values. T is the horizon: an episode has T actions and T+1 states.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Certificate, Feasibility
from aign.scenarios.core.constraints import Constraint, Label, satisfied
from aign.scenarios.core.exploration import Exploration, Heuristic
from aign.scenarios.core.learner_view import LearnerView
from aign.scenarios.core.parameters import ParametersT
from aign.scenarios.core.presentation import Presentation
from aign.scenarios.core.speech import Speech

Generation = Literal["whole-plan", "receding-horizon", "forecasts"]
"""How a generator arrives at a design: one plan ends in it, or an episode is decided step by step, planned anew or
judged over forecasts (see `Forecasting`)."""


@dataclass(frozen=True, slots=True)
class DesignDistance:
    """How designs (B, X) are compared: |x - y|_p, in a unit.

    Attributes:
        norm: p; 1: sum of differences, 0: how many values differ, where they are choices.
        spans: (X,) float64, range of each design value in the unit of the distance.
        unit: of a difference.
    """

    norm: float
    spans: Tensor
    unit: str


class Scenario(LearnerView[ParametersT], Exploration, Presentation, Speech[ParametersT]):
    """A family of networks: an environment (`Dynamics`) and a design problem with labels and certificates."""

    summary: ClassVar[str]
    generation: ClassVar[Generation] = "whole-plan"
    """How a generator arrives at a design of this network."""
    certified_together: ClassVar[int] = 512
    """Contexts to hand to one call of `certify`: bounds memory, and how often progress can be told."""
    designs_transfer: ClassVar[bool] = True
    """Whether a design of one context means something in another, so that recorded ones can be tried there."""
    runs_foreign_code: ClassVar[bool] = False
    """Whether building it runs code that its parameters name, such as another package's environment."""

    on_certified: Callable[[int, int], None] = staticmethod(lambda done, total: None)
    """Is told, while `certify` runs, how many contexts of how many are done; by networks where each takes long."""
    labels: tuple[Label, ...]
    integer_labels: frozenset[str] = frozenset()
    """Labels that only take whole values."""
    heuristics: Mapping[str, Heuristic]
    """Baselines by name: context (B, C) -> design (B, X)."""

    def label(self, name: str) -> Label:
        """Return the label of that name; KeyError where there is none."""
        return {label.name: label for label in self.labels}[name]

    # --- the design problem --------------------------------------------------------------------------------------
    @abstractmethod
    def design_of(self, states: Tensor) -> Tensor:
        """Read the design (B, X) off states (B, Z)."""

    @abstractmethod
    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the action (B, A) that brings states (B, Z) as near as one step can to designs (B, X)."""

    @abstractmethod
    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) of designs (B, X), float64."""

    @abstractmethod
    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return every label's value, each float64 (B,)."""

    @abstractmethod
    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility (B,) of the best cheap heuristic: the zero of the normalised return."""

    @abstractmethod
    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return a certified optimum or bound for every context, among designs that meet the constraints."""

    @abstractmethod
    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return admissible designs (B, X) near the given ones that meet the constraints.

        Exactly for constraints with a closed form; the others wherever a search finds a design that meets them, and are
        verified anyway. Where no design meets the constraints, an admissible design near to that is returned.
        """

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest designs (B, X) within bounds, whatever the context; by default any design is."""
        return designs

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return, for each context (B, C), whether a design is known to meet the constraints, or proven not to exist.

        By default the certificate's word, then a search for a witness among heuristic, certified and random designs,
        projected.
        """
        certificate = self.certify(contexts, constraints)
        generator = torch.Generator().manual_seed(0)
        starts: list[Callable[[], Tensor]] = [
            lambda: certificate.design, lambda: self.certify(contexts).design,
            *(partial(rule, contexts) for rule in self.heuristics.values()),
            *[lambda: self.design_of(self.initial_state(contexts, generator))] * 4]
        known, witness = certificate.feasible.clone(), certificate.design.clone()
        for start in starts:
            if bool((known | certificate.proven_infeasible).all()):
                break
            design = self.project(contexts, start(), constraints).to(witness.dtype)
            new = satisfied(constraints, self.measure(contexts, design), len(design)) & ~known
            witness, known = torch.where(new[:, None], design, witness), known | new
        return Feasibility(known, certificate.proven_infeasible & ~known, witness)

    @property
    def distance(self) -> DesignDistance:
        """How designs are compared: by default the sum of differences, in the unit of the state."""
        spans = [torch.full((feature.size,), feature.high - feature.low) for feature in self.state_features]
        return DesignDistance(1.0, torch.cat(spans).double(), self.state_features[0].unit)

    # --- episodes ------------------------------------------------------------------------------------------------
    def outcome(self, contexts: Tensor, states: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,), float64, of episodes that ended in these states (B, Z)."""
        design = self.design_of(states)
        return self.utility(contexts, design), self.measure(contexts, design)

    def design_from_episode(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return the designs (B, X) that recorded episodes arrived at, from observations (B, T+1, D) and actions
        (B, T, A); by default what the last state shows.
        """
        return self.design_of(observations[:, -1, :self.state_size])

    def recorded_utility(self, contexts: Tensor, last: Tensor) -> Tensor | None:
        """Return the utility (B,), float64, of episodes whose last observed state is (B, S); None where that does not
        show it.
        """
        return self.utility(contexts, self.design_of(last))

    def path_of(self, context: Tensor, design: Tensor, planned: Tensor) -> Tensor:
        """Return the states (T+1, Z) on the way to a design (X,) in one context (C,), planned as (T+1, S)."""
        return planned


def finite_or_none(value: float) -> float | None:
    """Return the value, or None where it is NaN or infinite, for JSON."""
    return value if math.isfinite(value) else None
