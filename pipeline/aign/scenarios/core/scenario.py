"""What every network must be able to say of itself.

Batched first: each method takes and returns tensors with a leading batch axis, so that thousands of networks are
simulated at once, on whatever device the tensors lie.

Axes: B networks, C context values, S state values, D observation values, A action values, X design values,
N decision makers, F values a decision maker observes. T is the horizon: an episode has T actions and T+1 states.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from aign.errors import ContextError, ParameterError
from aign.scenarios.core.certificate import Certificate, Feasibility
from aign.scenarios.core.constraints import Constraint, Label, satisfied

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Heuristic = Callable[[Tensor], Tensor]


class ScenarioParameters(BaseModel):
    """Base of every scenario's parameters: typed, bounded, no unknown names, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Generation = Literal["whole-plan", "receding-horizon"]
"""How a generator arrives at a design: one plan ends in it, or an episode is decided step by step and planned anew."""


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


ParametersT = TypeVar("ParametersT", bound=ScenarioParameters)


@dataclass(frozen=True, slots=True)
class Feature:
    """A named run of `size` values with one unit and common bounds."""

    name: str
    unit: str
    low: float
    high: float
    size: int = 1
    description: str = ""


class Scenario(ABC, Generic[ParametersT]):
    """A family of networks as a Markov decision process with labels, certificates and pictures.

    An observation is laid out as [state (S) | what stays fixed in the episode | t/T (1)]; the first S values are what
    the diffuser generates.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    published: ClassVar[str] = ""
    """What the paper printed for this network, and why ours is comparable with it or not; Markdown, for reports."""
    Parameters: ClassVar[Any]
    """The pydantic class of this scenario's parameters."""
    generation: ClassVar[Generation] = "whole-plan"
    """How a generator arrives at a design of this network."""
    designs_transfer: ClassVar[bool] = True
    """Whether a design of one context means something in another, so that recorded ones can be tried there."""
    runs_foreign_code: ClassVar[bool] = False
    """Whether building it runs code that its parameters name, such as another package's environment."""

    horizon: int
    context_features: tuple[Feature, ...]
    state_features: tuple[Feature, ...]
    observation_features: tuple[Feature, ...]
    action_size: int
    choices: int | None = None
    """None where action values lie in [-1, 1]; else an agent takes one of so many choices, and an action holds a score
    of each, of which the largest decides."""
    labels: tuple[Label, ...]
    heuristics: Mapping[str, Heuristic]
    """Baselines by name: context (B, C) -> design (B, X)."""
    presets: Mapping[str, Tensor]
    """Named contexts, each (C,)."""
    integer_labels: frozenset[str] = frozenset()
    """Labels that only take whole values."""
    integer_actions: bool = False
    """Whether a step changes values by whole numbers only."""
    agents: int = 1
    """Decision makers N that share one policy; each handles action_size / N action values."""
    learners_reward: str = "the reward in the dataset"
    """What `agent_rewards` gives, in words: reports say it beside the figures of agents that learn from it."""

    def __init__(self, parameters: ParametersT) -> None:
        self.parameters = parameters

    @classmethod
    def create(cls, **values: Any) -> Scenario[Any]:
        """Build the scenario from plain parameter values.

        Raises:
            ParameterError: an unknown or out-of-range parameter.
        """
        return cls(cls.checked(**values))

    @classmethod
    def checked(cls, **values: Any) -> Any:
        """Return plain parameter values as the scenario's `Parameters`.

        Raises:
            ParameterError: an unknown or out-of-range parameter.
        """
        try:
            return cls.Parameters(**values)
        except ValidationError as error:
            lines = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (given {problem['input']!r})"
                              for problem in error.errors())
            allowed = ", ".join(cls.Parameters.model_fields)
            raise ParameterError(f"Scenario {cls.name}: {lines}. Parameters: {allowed}.") from None

    @property
    def context_size(self) -> int:
        """C, the number of context values."""
        return sum(feature.size for feature in self.context_features)

    @property
    def state_size(self) -> int:
        """S, the number of evolving values at the head of an observation."""
        return sum(feature.size for feature in self.state_features)

    @property
    def observation_size(self) -> int:
        """D, the number of observation values."""
        return sum(feature.size for feature in self.observation_features)

    @property
    def fixed_features(self) -> tuple[Feature, ...]:
        """The features of an observation that stay fixed in an episode: between the state and the time."""
        return self.observation_features[len(self.state_features):-1]

    def spec(self) -> dict[str, Any]:
        """Return name and parameters as JSON values; `registry.create(**spec)` builds the same scenario again."""
        return {"name": self.name, **self.parameters.model_dump(mode="json")}

    # --- what nature decides -------------------------------------------------------------------------------------
    @abstractmethod
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, C) float32 contexts on the CPU, in canonical order."""

    def check_contexts(self, contexts: Tensor) -> Tensor:
        """Return contexts as float32 (B, C) after checking size, finiteness and bounds.

        Raises:
            ContextError: naming the first value at fault, with what is allowed.
        """
        contexts = torch.as_tensor(contexts, dtype=torch.float32)
        contexts = contexts[None] if contexts.ndim == 1 else contexts
        if contexts.ndim != 2 or contexts.shape[1] != self.context_size:
            parts = ", ".join(f"{f.size} x {f.name} [{f.unit}]" for f in self.context_features)
            raise ContextError(f"Scenario {self.name} needs {self.context_size} context values ({parts}), "
                               f"given {contexts.shape[-1]}.")
        start = 0
        for feature in self.context_features:
            values = contexts[:, start:start + feature.size]
            wrong = ~(torch.isfinite(values) & (values >= feature.low) & (values <= feature.high))
            if bool(wrong.any()):
                row, column = map(int, wrong.nonzero()[0])
                raise ContextError(f"Context {row}: {feature.name}[{column}] = {float(values[row, column]):g} "
                                   f"{feature.unit}; allowed: a finite number from {feature.low:g} to "
                                   f"{feature.high:g}.")
            start += feature.size
        return contexts

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Renumber exchangeable parts of a network (users, say) in a canonical way.

        Returns:
            contexts in canonical order (B, C), and the index (B, X) with
            canonical_design = design.gather(1, index); scattering by it restores the given order.
        """
        index = torch.arange(self.state_size, device=contexts.device).expand(len(contexts), -1)
        return contexts, index

    def perturbed_contexts(self, contexts: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """Return contexts (B, C) of networks that are possible and differ from the given ones by chance.

        By default every value is moved by itself and kept within its bounds: one that cannot be negative by noise on
        its logarithm, any other in units of its spread over the batch. Override it where values depend on each other:
        what it returns passes `check_contexts`, and each part of the network stays in its place.

        Args:
            contexts: (B, C), on the CPU.
            scale: (B, 1) standard deviation of the noise.
            generator: of the noise.
        """
        noise = scale * torch.randn(contexts.shape, generator=generator)
        sizes = [feature.size for feature in self.context_features]
        parts = zip(self.context_features, contexts.split(sizes, dim=1), noise.split(sizes, dim=1), strict=True)
        return torch.cat([(values * change.exp() if feature.low >= 0 else
                           values + change * values.std(unbiased=False)).clamp(feature.low, feature.high)
                          for feature, values, change in parts], dim=1)

    # --- dynamics ------------------------------------------------------------------------------------------------
    @abstractmethod
    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the usual first state (B, S), or with a generator a random one, for exploration."""

    def resumed(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the first states (B, Z) of which the observed part (B, S) is known; by default nothing is hidden."""
        return observed

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the nearest first states that episodes can begin in, (B, S) as observed; by default any can be one."""
        return observed

    @abstractmethod
    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Apply actions (B, A), as `applied` reads them; return the next states (B, S) and rewards (B,)."""

    def applied(self, actions: Tensor) -> Tensor:
        """Return actions (B, A) as they take effect, float32: clipped to [-1, 1], or 1 for the choice with the largest
        score (the first of equals) and 0 for the others.
        """
        if self.choices is None:
            return actions.clamp(-1.0, 1.0).float()
        return torch.nn.functional.one_hot(actions.argmax(dim=1), self.choices).float()

    @abstractmethod
    def observe(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return what an agent sees after `time` steps, float32 (B, D)."""

    @abstractmethod
    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return the part of an observation that stays fixed in an episode, float32 (B, D - S - 1), of order 1."""

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return what each decision maker sees, float32 (B, N, F); by default one that sees everything."""
        return self.observe(contexts, states, time)[:, None, :]

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return what each decision maker is trained on, float32 (B, N); by default the reward itself."""
        return rewards[:, None].float()

    # --- designs -------------------------------------------------------------------------------------------------
    @abstractmethod
    def design_of(self, states: Tensor) -> Tensor:
        """Read the design (B, X) off states (B, S)."""

    def design_from_episode(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return the designs (E, X) that recorded episodes arrived at, from observations (E, T+1, D) and actions
        (E, T, A); by default what the last state shows.
        """
        return self.design_of(observations[:, -1, :self.state_size])

    def recorded_utility(self, contexts: Tensor, last: Tensor) -> Tensor | None:
        """Return the utility (E,), float64, of episodes whose last observed state is (E, S); None where that does not
        show it.
        """
        return self.utility(contexts, self.design_of(last))

    def path_of(self, context: Tensor, design: Tensor, planned: Tensor) -> Tensor:
        """Return the states (T+1, Z) on the way to a design (X,) in one context (C,), planned as (T+1, S)."""
        return planned

    @property
    def distance(self) -> DesignDistance:
        """How designs are compared: by default the sum of differences, in the unit of the state."""
        spans = [torch.full((feature.size,), feature.high - feature.low) for feature in self.state_features]
        return DesignDistance(1.0, torch.cat(spans).double(), self.state_features[0].unit)

    def action_mask(self, contexts: Tensor, observed: Tensor) -> Tensor | None:
        """Return which choices (B, J) do no harm at once, as far as what is observed (B, S) tells; None: nothing known.

        What a projection is to a design: a generator takes no other choice while there is one.
        """
        return None

    @abstractmethod
    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the action (B, A) that brings states (B, S) as near as one step can to designs (B, X)."""

    @abstractmethod
    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) of designs (B, X), float64."""

    @abstractmethod
    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return every label's value, each float64 (B,)."""

    def outcome(self, contexts: Tensor, states: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,), float64, of episodes that ended in these states."""
        design = self.design_of(states)
        return self.utility(contexts, design), self.measure(contexts, design)

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return what each part of the network (user, channel, link) gives or gets, by name and unit, each (B, parts).

        For explanations, the benefit last. By default the design values themselves.
        """
        parts = designs.double().split([feature.size for feature in self.state_features], dim=1)
        return {f"{one.name} [{one.unit}]": part for one, part in zip(self.state_features, parts, strict=True)}

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

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return, for each context (B, C), whether a design is known to meet the constraints, or proven not to exist.

        By default the certificate's word, then a search for a witness among heuristic, certified and random designs,
        projected.
        """
        certificate = self.certify(contexts, constraints)
        generator = torch.Generator().manual_seed(0)
        starts = [certificate.design, self.certify(contexts).design,
                  *(rule(contexts) for rule in self.heuristics.values()),
                  *(self.design_of(self.initial_state(contexts, generator)) for _ in range(4))]
        known, witness = certificate.feasible.clone(), certificate.design.clone()
        for start in starts:
            design = self.project(contexts, start, constraints).to(witness.dtype)
            new = satisfied(constraints, self.measure(contexts, design), len(design)) & ~known
            witness, known = torch.where(new[:, None], design, witness), known | new
        return Feasibility(known, certificate.proven_infeasible & ~known, witness)

    @abstractmethod
    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw one design: context (C,), path of states (T+1, S)."""

    def label(self, name: str) -> Label:
        """Return the label of that name; KeyError where there is none."""
        return {label.name: label for label in self.labels}[name]


class DesignScenario(Scenario[ParametersT]):
    """A static design problem whose state holds the design: an action changes it, the reward is the gain in utility.

    x_{t+1} = admissible(x_t + step_size * a_t) and r_t = U(x_{t+1}) - U(x_t), undiscounted, so the return telescopes
    to U(x_T) - U(x_0): it *is* the quality of the final design. A scenario states its physics; dynamics live here.
    """

    step_size: float
    """Largest change of a design value in one step."""

    @abstractmethod
    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest design within bounds (and on the grid, where there is one)."""

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the nearest admissible designs: an episode can begin in each of them."""
        return self.admissible(observed)

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Apply actions (B, A), clipped to [-1, 1]; see the class for the equations."""
        change = self.step_size * actions.clamp(-1.0, 1.0)
        following = self.admissible(states + (change.round() if self.integer_actions else change))
        return following, self.utility(contexts, following) - self.utility(contexts, states)

    def observe(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return [state in its own unit | fixed part | t/T], float32 (B, D)."""
        clock = torch.full((len(states), 1), time / self.horizon, device=states.device)
        return torch.cat([states.float(), self.fixed_observation(contexts), clock], dim=1)

    def design_of(self, states: Tensor) -> Tensor:
        """Return the state itself: it is the design."""
        return states

    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the clipped difference, in units of the largest step; float32 (B, A)."""
        return ((designs - states) / self.step_size).clamp(-1.0, 1.0).float()


def finite_or_none(value: float) -> float | None:
    """Return the value, or None where it is NaN or infinite, for JSON."""
    return value if math.isfinite(value) else None
