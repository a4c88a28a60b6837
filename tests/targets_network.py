"""A network small enough to know everything about: each of N users wants its level at a target of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core import DesignScenario, Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label


class TargetsParameters(ScenarioParameters):
    users: int = 3
    choices: int = 0
    """With choices > 0, targets are whole numbers below it, so that contexts repeat."""


class Targets(DesignScenario[TargetsParameters]):
    """U(x) = -|x - c|^2 on the grid 0..10, best x = round(c); users are numbered by falling target."""

    name: ClassVar[str] = "targets"
    summary: ClassVar[str] = "reach the targets"
    Parameters: ClassVar[Any] = TargetsParameters
    horizon = 4
    step_size = 4.0
    integer_actions = True
    labels = (Label("total", "1", "lower", "Sum of levels."), Label("peak", "1", "lower", "Highest level."))

    def __init__(self, parameters: TargetsParameters) -> None:
        super().__init__(parameters)
        self.action_size = self.agents = parameters.users
        self.context_features = (Feature("target", "1", 0.0, 10.0, parameters.users),)
        self.state_features = (Feature("level", "1", 0.0, 10.0, parameters.users),)
        self.observation_features = (*self.state_features, *self.context_features, Feature("time", "1", 0.0, 1.0))
        self.heuristics = {"middle": lambda c: torch.full_like(c, 5.0), "none": torch.zeros_like}
        self.presets = {}
        self.certified = 0

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        if self.parameters.choices:
            high = self.parameters.choices
            drawn = torch.randint(high, (count, self.parameters.users), generator=generator).float()
        else:
            drawn = 10 * torch.rand(count, self.parameters.users, generator=generator)
        return self.canonical_order(drawn)[0]

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        ordered, index = contexts.sort(dim=1, descending=True)
        return ordered, index

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if generator is None:
            return torch.zeros_like(contexts)
        return torch.randint(1, 11, contexts.shape, generator=generator).float()

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        return contexts / 10

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        return torch.stack([states / 5 - 1, contexts / 5 - 1], 2)

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        return ((states - contexts).abs() - (next_states - contexts).abs()).float()

    def admissible(self, designs: Tensor) -> Tensor:
        return designs.round().clamp(0, 10)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        return 100 - ((designs.double() - contexts.double()) ** 2).sum(1)

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        return {"total": designs.double().sum(1), "peak": designs.double().amax(1)}

    def reference_utility(self, contexts: Tensor) -> Tensor:
        return self.utility(contexts, self.heuristics["middle"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        assert not constraints, "agents may not look at constrained optima"
        assert torch.equal(contexts, self.canonical_order(contexts)[0]), "the certificate needs the canonical order"
        self.certified += len(contexts)
        design = contexts.round()
        return Certificate(self.utility(contexts, design), design, torch.ones(len(contexts), dtype=torch.bool),
                           CertificateKind.EXHAUSTIVE, "Each user alone decides its term.")

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        return self.admissible(designs)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        return Figure()
