"""The environment that every network is: contexts that nature draws, states, actions, observations.

Axes: B networks, C context values, S observed state values, Z all state values, D observation values, A action values.
T is the horizon: an episode has T actions and T+1 states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.core.features import Feature, bounds, feature_at, listing, total_size
from aign.scenarios.core.parameters import Parameterised, ParametersT


class Dynamics(Parameterised[ParametersT], ABC):
    """A family of networks as a Markov decision process.

    An observation is laid out as [state (S) | what stays fixed in the episode | t/T (1)]; the first S values are what
    the diffuser generates.
    """

    horizon: int
    context_features: tuple[Feature, ...]
    state_features: tuple[Feature, ...]
    observation_features: tuple[Feature, ...]
    action_size: int
    choices: int | None = None
    """None where action values lie in [-1, 1]; else an agent takes one of so many choices, and an action holds a score
    of each, of which the largest decides."""
    resource_feature: str | None = None
    """The fixed feature, if any, that numbers the resources which a decision maker may use in common with others, from
    1 (0: none). A set network lets those who may use the same one see each other."""
    integer_actions: bool = False
    """Whether an action changes a design by whole numbers."""

    @property
    def context_size(self) -> int:
        """C, the number of context values."""
        return total_size(self.context_features)

    @property
    def state_size(self) -> int:
        """S, the number of evolving values at the head of an observation."""
        return total_size(self.state_features)

    @property
    def design_size(self) -> int:
        """X, the number of values of a design."""
        return self.state_size

    @property
    def observation_size(self) -> int:
        """D, the number of observation values."""
        return total_size(self.observation_features)

    @property
    def fixed_features(self) -> tuple[Feature, ...]:
        """The features of an observation that stay fixed in an episode: between the state and the time."""
        return self.observation_features[len(self.state_features):-1]

    # --- contexts ------------------------------------------------------------------------------------------------
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
            raise ContextError(f"Scenario {self.name} needs {self.context_size} context values "
                               f"({listing(self.context_features)}), given {contexts.shape[-1]}.")
        low, high = (side.to(contexts.device) for side in bounds(self.context_features))
        wrong = ~(torch.isfinite(contexts) & (contexts >= low) & (contexts <= high))
        if bool(wrong.any()):
            row, column = map(int, wrong.nonzero()[0])
            feature, place = feature_at(self.context_features, column)
            raise ContextError(f"Context {row}: {feature.name}[{place}] = {float(contexts[row, column]):g} "
                               f"{feature.unit}; allowed: a finite number from {feature.low:g} to {feature.high:g}.")
        return contexts

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Renumber exchangeable parts of a network (users, say) in a canonical way.

        Returns:
            contexts in canonical order (B, C), and the index (B, X) with
            canonical_design = design.gather(1, index); scattering by it restores the given order.
        """
        index = torch.arange(self.design_size, device=contexts.device).expand(len(contexts), -1)
        return contexts, index

    # --- the environment -----------------------------------------------------------------------------------------
    @abstractmethod
    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the usual first state (B, Z), or with a generator a random one, for exploration."""

    def complete_state(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the first states (B, Z) of which the observed part is (B, S); by default there is no other part."""
        return observed

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the nearest first states that episodes can begin in, (B, S) as observed; by default any can be one."""
        return observed

    @abstractmethod
    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Apply actions (B, A), read as by `effective_actions`; return the next states (B, Z) and rewards (B,)."""

    def effective_actions(self, actions: Tensor) -> Tensor:
        """Return actions (B, A) as they take effect, float32: clipped to [-1, 1], or 1 for the choice with the largest
        score (the first of equals) and 0 for the others.
        """
        if self.choices is None:
            return actions.clamp(-1.0, 1.0).float()
        return torch.nn.functional.one_hot(actions.argmax(dim=1), self.choices).float()

    def observe(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return what is observed after `time` steps, float32 (B, D): [state (S) | fixed part | t/T]."""
        clock = torch.full((len(states), 1), time / self.horizon, device=states.device)
        return torch.cat([states[:, :self.state_size].float(), self.fixed_observation(contexts), clock], dim=1)

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return the part of an observation that stays fixed in an episode, float32 (B, D - S - 1), of order 1; by
        default nothing (B, 0).
        """
        return contexts.new_zeros(len(contexts), 0)

    def action_mask(self, contexts: Tensor, observed: Tensor) -> Tensor | None:
        """Return which choices (B, J) do no harm at once, as far as what is observed (B, S) tells; None: nothing known.

        What a projection is to a design: a generator takes no other choice while there is one.
        """
        return None
