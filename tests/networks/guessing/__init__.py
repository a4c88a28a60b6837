"""Guess the sign of a value that nature keeps or turns at each step: what comes is chance, and its odds are known."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import one_hot

from aign.scenarios.core import Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label, satisfied
from aign.scenarios.core.forecasting import Forecasting
from aign.scenarios.core.sequential import SequentialScenario

STAY, STEPS = 0.8, 12


class Guessing(SequentialScenario[ScenarioParameters], Forecasting):
    """State [value, 1 or -1 | last guess]; a right guess of the next value is worth 1."""

    name, summary, generation = "guessing", "Guess what nature does next", "forecasts"
    Parameters, action_size, choices, horizon = ScenarioParameters, 2, 2, STEPS
    totals, exogenous = ("right",), ("value",)
    labels = (Label("right", "1", "higher", "Right guesses."),)
    context_features = (Feature("value", "1", -1, 1, STEPS + 1),)
    state_features = (Feature("value", "1", -2, 2), Feature("guess", "1", -1, 1))
    observation_features = (*state_features, Feature("time", "1", 0, 1))

    def __init__(self, parameters: ScenarioParameters) -> None:
        super().__init__(parameters)
        self.rules = {"same": lambda contexts, states: one_hot((states[:, 0] > 0).long(), 2).float(),
                      "other": lambda contexts, states: one_hot((states[:, 0] < 0).long(), 2).float()}

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        first = 2.0 * torch.randint(2, (count, 1), generator=generator) - 1
        kept = torch.where(torch.rand(count, STEPS, generator=generator) < STAY, 1.0, -1.0)
        return torch.cat([first, first * kept.cumprod(1)], dim=1)

    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        nothing = torch.zeros_like(contexts[:, :1])
        return torch.cat([contexts[:, :1], nothing], dim=1), nothing

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value, guess = contexts.gather(1, time[:, None] + 1), 2.0 * decision - 1.0
        right = (value == guess).double()
        return torch.cat([value, guess], dim=1), totals + right, right[:, 0]

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return totals[:, 0].double(), {"right": totals[:, 0].double()}

    def judges(self, constraints: Sequence[Constraint]) -> bool:
        return not constraints

    def judge(self, contexts: Tensor, states: Tensor, futures: Tensor, constraints: Sequence[Constraint]) -> Tensor:
        positive = (futures[:, :, 0, 0] > 0).double().mean(1)
        return torch.stack([1.0 - positive, positive], dim=1)

    def reference_utility(self, contexts: Tensor) -> Tensor:
        return torch.full((len(contexts),), 0.5 * STEPS, dtype=torch.float64)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        design = (contexts[:, 1:] > 0).float()
        feasible = satisfied(constraints, self.measure(contexts, design), len(contexts))
        return Certificate(torch.full((len(contexts),), float(STEPS), dtype=torch.float64), design, feasible,
                           CertificateKind.EXHAUSTIVE, "Nobody guesses right more often than each time.")

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        figure = Figure()
        figure.subplots().plot(self.design_of(path)[-1])
        return figure
