"""Send each arriving task to the server of its kind: the least that decisions which follow each other can be."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from aign.scenarios.core import Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label, satisfied
from aign.scenarios.core.sequential import SequentialScenario

SERVERS = 4


class MatchingParameters(ScenarioParameters):
    """Tasks T of an episode."""

    tasks: int = Field(12, ge=1, le=1000)


class Matching(SequentialScenario[MatchingParameters]):
    """State [server of the last task, one-hot | kind of the task at hand, one-hot]; 1 for each task sent to its kind.

    The optimum is T: every task goes to its kind. A model that sees the kind can reach it without knowing the future.
    """

    name, summary, published = "matching", "Send each task to its kind", "The paper printed **12**."
    Parameters, choices, action_size = MatchingParameters, SERVERS, SERVERS
    totals, integer_labels = ("matched", "to_first"), frozenset({"matched", "to_first"})
    labels = (Label("matched", "1", "higher", "Tasks sent to their kind."),
              Label("to_first", "1", "lower", "Tasks sent to server 1."))

    def __init__(self, parameters: MatchingParameters) -> None:
        super().__init__(parameters)
        self.horizon, self.presets = parameters.tasks, {"ones": torch.ones(parameters.tasks)}
        self.context_features = (Feature("kind", "1", 0, SERVERS - 1, self.horizon),)
        self.state_features = (Feature("served", "1", 0, 1, SERVERS), Feature("kind", "1", 0, 1, SERVERS))
        self.observation_features = (*self.state_features, Feature("time", "1", 0, 1))
        self.rules = {"in_turn": lambda contexts, states: self._one_hot(self.parts(states)[2] % SERVERS),
                      "best": lambda contexts, states: self.parts(states)[0][:, SERVERS:]}

    def _one_hot(self, numbers: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(numbers.long(), SERVERS).float()

    def _kind(self, contexts: Tensor, time: Tensor) -> Tensor:
        return contexts.gather(1, time.clamp_max(self.horizon - 1)[:, None])[:, 0]

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(SERVERS, (count, self.horizon), generator=generator).float()

    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        nothing = contexts.new_zeros(len(contexts), SERVERS)
        return torch.cat([nothing, self._one_hot(contexts[:, 0])], dim=1), nothing[:, :2]

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        matched = (decision[:, 0] == self._kind(contexts, time)).float()
        following = torch.cat([self._one_hot(decision[:, 0]), self._one_hot(self._kind(contexts, time + 1))], dim=1)
        return following, totals + torch.stack([matched, (decision[:, 0] == 0).float()], 1), matched.double()

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return totals[:, 0].double(), {"matched": totals[:, 0].double(), "to_first": totals[:, 1].double()}

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        return contexts.new_zeros(len(contexts), 0)

    def reference_utility(self, contexts: Tensor) -> Tensor:
        return self.utility(contexts, self.heuristics["in_turn"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        utility = torch.full((len(contexts),), float(self.horizon), dtype=torch.float64)
        feasible = satisfied(constraints, self.measure(contexts, contexts), len(contexts))
        kind = CertificateKind.BEST_KNOWN if constraints else CertificateKind.EXHAUSTIVE
        return Certificate(utility, contexts, feasible, kind, "Each task alone decides its term.")

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        assert path.shape == (self.horizon + 1, 2 * SERVERS + 3 + self.horizon), "whole states, not observed ones"
        figure = Figure()
        figure.subplots().step(range(self.horizon), self.design_of(path)[-1])
        figure.suptitle(title)
        return figure
