"""Networks whose design is changed step by step: powers, prices, capacities.

Axes: B networks, C context values, A action values, X design values (the state).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from aign.scenarios.core.exploration import Act
from aign.scenarios.core.parameters import ParametersT
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.variation import vary


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

    def design_of(self, states: Tensor) -> Tensor:
        """Return the state itself: it is the design."""
        return states

    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the clipped difference, in units of the largest step; float32 (B, A)."""
        return ((designs - states) / self.step_size).clamp(-1.0, 1.0).float()

    def with_lost(self, lost: Tensor) -> Self | None:
        """Return this network without some design values, (X,) bool, which stay at their least, where it can plan and
        certify so; None where it cannot. See `failed_parts`.
        """
        return None

    # --- demonstrations ------------------------------------------------------------------------------------------
    def vary_designs(self, contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
        """Return designs (B, X) that a demonstrator aims at; see `variation`."""
        return vary(self, contexts, certified, generator)

    def approach(self, designs: Tensor, first_states: Tensor, generator: torch.Generator) -> Act:
        """Return a policy that leads to designs (B, X) along waypoints x_0 + (t / arrival)^bend (design - x_0).

        Arrival (uniform between half the horizon and its end) and bend (log-uniform in [1/2, 2]) differ between
        networks, so that paths to one design differ. Whoever would be late otherwise goes straight.
        """
        arrival = self.horizon * (0.5 + 0.5 * torch.rand(len(first_states), 1, generator=generator))
        bend = 4.0 ** (torch.rand(len(first_states), 1, generator=generator) - 0.5)

        def act(contexts: Tensor, states: Tensor, time: int) -> Tensor:
            progress = ((time + 1) / arrival).clamp(max=1.0) ** bend
            steps_needed = ((designs - states).abs() / self.step_size).amax(1, keepdim=True)
            late = steps_needed > self.horizon - time - 1
            waypoint = torch.where(late, designs, first_states + progress * (designs - first_states))
            return self.action_towards(states, waypoint)
        return act

    def move_sizes(self, relative: Sequence[float]) -> list[float]:
        """Return sizes of a change of one design value, relative to `step_size`; whole ones where actions are."""
        sizes = [self.step_size * size for size in relative]
        return [max(1.0, round(size)) for size in sizes] if self.integer_actions else sizes

    @property
    def action_levels(self) -> int | None:
        """The largest change in one step, where changes are whole numbers; else None."""
        return round(self.step_size) if self.integer_actions else None
