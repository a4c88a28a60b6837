"""A network of successive decisions, small enough to know everything about: call each number as it comes up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core import Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label
from aign.scenarios.core.sequential import SequentialScenario


class CallsParameters(ScenarioParameters):
    steps: int = 6
    numbers: int = 4
    pointing: bool = False
    """Decisions are two values, of which the first points at the number; else the number itself is chosen."""


class Calls(SequentialScenario[CallsParameters]):
    """Context: T whole numbers in [0, J - 1]. Observed: the one that is up, 0 at the end. A hit pays 1, a miss -1/2.

    Best: call each number. Reference: always call 0.
    """

    name: ClassVar[str] = "calls"
    summary: ClassVar[str] = "call each number as it comes up"
    Parameters: ClassVar[Any] = CallsParameters
    totals = ("utility", "hits")
    labels = (Label("hits", "1", "higher", "Numbers called rightly."),)

    def __init__(self, parameters: CallsParameters) -> None:
        super().__init__(parameters)
        self.horizon, self.numbers = parameters.steps, parameters.numbers
        self.choices = None if parameters.pointing else parameters.numbers
        self.action_size = 2 if parameters.pointing else parameters.numbers
        self.context_features = (Feature("number", "1", 0.0, self.numbers - 1.0, self.horizon),)
        self.state_features = (Feature("up", "1", 0.0, self.numbers - 1.0),)
        self.observation_features = (*self.state_features, Feature("most", "1", 0.0, 100.0), Feature("time", "1", 0, 1))
        self.rules = {"zero": lambda contexts, states: self.calling(torch.zeros(len(states))),
                      "up": lambda contexts, states: self.calling(states[:, 0])}
        self.presets = {}

    def calling(self, numbers: Tensor) -> Tensor:
        """Return the action (B, A) that calls numbers (B,)."""
        if self.choices is not None:
            return torch.nn.functional.one_hot(numbers.long(), self.numbers).float()
        first = 2.0 * numbers / (self.numbers - 1) - 1.0
        return torch.stack([first, torch.full_like(first, 0.25)], dim=1).float()

    def called(self, decisions: Tensor) -> Tensor:
        """Return the numbers (...) that decisions (..., W) call."""
        if self.choices is not None:
            return decisions[..., 0]
        return ((decisions[..., 0] + 1.0) / 2.0 * (self.numbers - 1)).round()

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(self.numbers, (count, self.horizon), generator=generator).float()

    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        return contexts[:, :1].clone(), contexts.new_zeros(len(contexts), 2)

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hit = self.called(decision) == contexts.gather(1, time[:, None])[:, 0]
        reward = torch.where(hit, 1.0, -0.5).double()
        padded = torch.nn.functional.pad(contexts, (0, 1))
        gained = torch.stack([reward, hit], dim=1).to(totals.dtype)
        return padded.gather(1, time[:, None] + 1), totals + gained, reward

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return totals[:, 0].double(), {"hits": totals[:, 1].double()}

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        return contexts.amax(1, keepdim=True)

    def reference_utility(self, contexts: Tensor) -> Tensor:
        return self.outcome(contexts, self.rollout(self.rules["zero"], contexts))[0]

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        best = torch.full((len(contexts),), float(self.horizon), dtype=torch.float64)
        feasible = torch.ones(len(contexts), dtype=torch.bool)
        return Certificate(best, self.design_of_rule(self.rules["up"], contexts), feasible, CertificateKind.EXHAUSTIVE,
                           "All hits.")

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        return Figure()
