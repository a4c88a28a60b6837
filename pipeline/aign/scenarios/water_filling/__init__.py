"""Water-filling: share a power budget among orthogonal channels. The smallest whole network; copy it for your own.

Utility: sum_i log2(1 + g_i p_i), p >= 0, sum p <= budget (Cover and Thomas, Elements of Information Theory, 9.4).
"""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from aign.scenarios.core import DesignScenario, Feature, ScenarioParameters
from aign.scenarios.core.capped_simplex import nearest_within
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label, Side, satisfied, tightest


class WaterFillingParameters(ScenarioParameters):
    """Channels C; power budget [W]; gain over noise [1/W] that parts the weaker half of the channels from the rest."""
    channels: int = Field(10, ge=2, le=100)
    budget: float = Field(3.0, ge=1e-3, le=1e3)
    gain: float = Field(1.0, ge=1e-3, le=1e3)


class WaterFilling(DesignScenario[WaterFillingParameters]):
    """Observation [powers (C) | gains / gain (C) | t/T]; an action changes each power by up to a quarter budget."""
    name, summary = "water-filling", "Share a power budget among orthogonal channels for the largest sum rate"
    purposes = ("fill water", "share power among channels")
    solved: tuple[Side, ...] = (("total_power", "<="), ("max_power", "<="))  # what has an exact solution
    Parameters, horizon = WaterFillingParameters, 8  # four steps reach any design from zero
    watts = (("mW", 1e-3), ("kW", 1e3), ("watt", 1.0), ("milliwatt", 1e-3), ("kilowatt", 1e3))
    labels = (Label("total_power", "W", "lower", "Sum of powers.", ("total power", "sum of powers", "sum power",
                    "in total", "total", "altogether", "overall", "overall power", "power", "spend", "green"), watts),
              Label("max_power", "W", "lower", "Largest power.", ("largest power", "highest power", "maximum power",
                    "peak power", "power of each channel", "channel<=", "each channel<=", "power"), watts),
              Label("active_channels", "1", "higher", "Channels with over one per cent of an equal share.",
                    ("active channels", "channels active", "channels in use", "channels", "active")))

    def __init__(self, parameters: WaterFillingParameters) -> None:
        super().__init__(parameters)
        size, self.budget, self.gain = parameters.channels, parameters.budget, parameters.gain
        self.action_size, self.step_size = size, self.budget / 4
        self.context_features = (Feature("gain", "1/W", 1e-3 * self.gain, 2 * self.gain, size),)
        self.state_features = (Feature("power", "W", 0, self.budget, size),)
        self.observation_features = (*self.state_features, Feature("gain", "1", 0, 2, size), Feature("time", "1", 0, 1))
        self.heuristics = {"equal_power": lambda g: self.admissible(torch.full_like(g, self.budget)),
                           "best_channel": lambda g: self.admissible(self.budget * (g == g.amax(1, True)).float())}
        self.presets = {"ladder": self.gain * torch.linspace(1.9, 0.1, size)}

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw half of the gains from U(1, 2) and half from U(0, 1), in units of the parameter `gain`."""
        draws = torch.rand(count, self.action_size, generator=generator).clamp(0.002, 0.998)
        return self.canonical_order(self.gain * (draws + (torch.arange(self.action_size) < self.action_size // 2)))[0]

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Number channels by falling gain."""
        return contexts.sort(dim=1, descending=True, stable=True)

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return no power, or random powers."""
        share = torch.zeros(contexts.shape) if generator is None else torch.rand(contexts.shape, generator=generator)
        return self.admissible(self.step_size * share.to(contexts.device))

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return the gains in units of the parameter `gain`."""
        return (contexts / self.gain).float().clamp(0, 2)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the sum rate [bit/s/Hz]."""
        return torch.log2(1 + contexts.double() * designs.double()).sum(1)

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return the labels."""
        p, active = designs.double(), designs > 0.01 * self.budget / self.action_size
        return {"total_power": p.sum(1), "max_power": p.amax(1), "active_channels": active.sum(1).double()}

    def entity_names(self, count: int) -> list[str]:
        """Return "channel 1", "channel 2", ..."""
        return [f"channel {number + 1}" for number in range(count)]

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the better of equal power and all power on the best channel."""
        return torch.stack([self.utility(contexts, rule(contexts)) for rule in self.heuristics.values()]).amax(0)

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest powers within the budget."""
        return nearest_within(designs, self.budget, self.budget)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return the nearest powers within the budget and the upper limits of total and single power."""
        return nearest_within(designs, *(tightest(constraints, side, self.budget) for side in self.solved))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum: turn the ground upside down, lift it until the limits bind, project."""
        optimum = self.project(contexts, self.budget + 1e3 / self.gain - 1 / contexts.double(), constraints)
        design = self.project(contexts, optimum.float(), constraints)
        feasible = satisfied(constraints, self.measure(contexts, design), len(design))
        exact = all(constraint.side in self.solved for constraint in constraints)
        kind = CertificateKind.UPPER_BOUND if exact else CertificateKind.BEST_KNOWN
        return Certificate(self.utility(contexts, optimum).where(feasible, torch.nan), design, feasible, kind,
                           "Exact under power limits (Karush-Kuhn-Tucker); other constraints are only checked on it.")

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the powers (light) upon the ground 1/g (dark)."""
        figure, ground = Figure(layout="constrained"), 1 / context.cpu()
        figure.gca().stackplot(range(len(ground)), ground, path[-1].cpu(), step="mid", colors=["#1f2a44", "#7a9cc6"])
        figure.gca().set(title=title, xlabel="channel", ylabel="ground 1/g and power [W]", ylim=(0, 3 / self.gain))
        return figure
