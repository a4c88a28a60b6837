"""Follow a target that jumps at each step: decisions that follow each other with continuous actions, and optimum 0."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from aign.scenarios.core import Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label, satisfied
from aign.scenarios.core.sequential import SequentialScenario


class Tracking(SequentialScenario[ScenarioParameters]):
    """State [level | target]; the action is the next level; the reward minus its squared distance from the target."""

    name, summary = "tracking", "Follow a target"
    Parameters, action_size, horizon = ScenarioParameters, 1, 12
    totals = ("error",)
    labels = (Label("error", "1", "lower", "Sum of squared distances."),)
    presets: ClassVar = {}
    context_features = (Feature("target", "1", -1, 1, 12),)
    state_features = (Feature("level", "1", -1, 1), Feature("target", "1", -1, 1))
    observation_features = (*state_features, Feature("time", "1", 0, 1))

    def __init__(self, parameters: ScenarioParameters) -> None:
        super().__init__(parameters)
        self.rules = {"still": lambda contexts, states: torch.zeros(len(states), 1),
                      "late": lambda contexts, states: self.parts(states)[0][:, :1],
                      "best": lambda contexts, states: self.parts(states)[0][:, 1:]}

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.rand(count, 12, generator=generator) - 1

    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        nothing = torch.zeros_like(contexts[:, :1])
        return torch.cat([nothing, contexts[:, :1]], dim=1), nothing

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        error = (decision - contexts.gather(1, time[:, None]))**2
        following = contexts.gather(1, (time + 1).clamp_max(11)[:, None])
        return torch.cat([decision, following], dim=1), totals + error, -error[:, 0].double()

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return -totals[:, 0].double(), {"error": totals[:, 0].double()}

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        return contexts.new_zeros(len(contexts), 0)

    def reference_utility(self, contexts: Tensor) -> Tensor:
        return self.utility(contexts, self.heuristics["still"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        feasible = satisfied(constraints, self.measure(contexts, contexts), len(contexts))
        return Certificate(torch.zeros(len(contexts), dtype=torch.float64), contexts, feasible,
                           CertificateKind.EXHAUSTIVE, "No squared distance is below 0.")

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        figure = Figure()
        figure.subplots().plot(self.design_of(path)[-1])
        return figure
