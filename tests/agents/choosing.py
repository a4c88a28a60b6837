"""A network with choices, small enough to know everything about: each step, open one of J doors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core import Feature, Scenario, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label


class DoorsParameters(ScenarioParameters):
    doors: int = 4
    favourite: float = 0.0
    """Added to what the second door pays, whatever the context."""


class Doors(Scenario[DoorsParameters]):
    """Context: what each of J doors pays, in [0, 1]. State: the sum so far. A step pays what the chosen door does.

    Best: always the door that pays most; reference: what doors pay on average.
    """

    name: ClassVar[str] = "doors"
    summary: ClassVar[str] = "open the door that pays most"
    Parameters: ClassVar[Any] = DoorsParameters
    horizon = 4
    labels = (Label("total", "1", "higher", "What was paid."),)

    def __init__(self, parameters: DoorsParameters) -> None:
        super().__init__(parameters)
        self.choices = self.action_size = parameters.doors
        self.context_features = (Feature("pay", "1", 0.0, 1.0, parameters.doors),)
        self.state_features = (Feature("sum", "1", 0.0, 10.0),)
        self.observation_features = (*self.state_features, *self.context_features, Feature("time", "1", 0.0, 1.0))
        self.heuristics = {}
        self.presets = {}

    def pays(self, contexts: Tensor) -> Tensor:
        """What each door pays."""
        return contexts + self.parameters.favourite * torch.eye(self.parameters.doors)[1]

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, self.parameters.doors, generator=generator)

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.zeros(len(contexts), 1)

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        chosen = self.effective_actions(actions)
        assert ((chosen == 0) | (chosen == 1)).all()
        assert (chosen.sum(1) == 1).all()
        reward = (chosen * self.pays(contexts)).sum(1)
        return states + reward[:, None], reward.double()

    def observe(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        return torch.cat([states, contexts, torch.full((len(states), 1), time / self.horizon)], 1)

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        return contexts

    def design_of(self, states: Tensor) -> Tensor:
        return states

    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        return torch.zeros(len(states), self.action_size)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        return designs[:, 0].double()

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        return {"total": designs[:, 0].double()}

    def reference_utility(self, contexts: Tensor) -> Tensor:
        return self.horizon * self.pays(contexts).double().mean(1)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        best = self.horizon * self.pays(contexts).double().amax(1)
        return Certificate(best, best[:, None], torch.ones(len(contexts), dtype=torch.bool),
                           CertificateKind.EXHAUSTIVE, "")

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        return designs

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        return Figure()
