"""A batch of networks in the middle of an episode, with NumPy arrays at its surface.

Axes: B networks, C context values, D observation values, A action values, S state values.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray
from torch import Tensor

from aign.errors import ParameterError
from aign.scenarios.core.scenario import Scenario

Floats = NDArray[np.float32]
Values = NDArray[np.float64]


class Simulation:
    """Networks that act in step: they start together, and end together after the scenario's horizon.

    Attributes:
        contexts: (B, C).
        state: the current states (B, S); None before the start.
        steps: taken in this episode.
        path: the states so far, each (B, S), as many as steps taken, and one; empty unless pictures are asked for,
            because an episode's states are many.
    """

    def __init__(self, scenario: Scenario[Any], draws: bool = False) -> None:
        """Take the scenario, and whether `picture` will be asked for."""
        self.scenario, self._draws = scenario, draws
        self.contexts = torch.empty(0, scenario.context_size)
        self.state: Tensor | None = None
        self.steps = 0
        self.path: list[Tensor] = []

    @property
    def ended(self) -> bool:
        """Whether all steps of the episode were taken."""
        return self.state is not None and self.steps >= self.scenario.horizon

    def start(self, contexts: Tensor, states: Tensor | None = None) -> None:
        """Begin an episode in these contexts (B, C) and first states (B, Z), by default the usual ones."""
        self.contexts, self.steps, self.path = contexts, 0, []
        self._arrive(self.scenario.initial_state(contexts) if states is None else states)

    def _arrive(self, state: Tensor) -> None:
        self.state = state
        if self._draws:
            self.path.append(state)

    def _current(self, method: str) -> Tensor:
        if self.state is None:
            raise ResetNeeded(f"No episode is under way: call reset() before {method}().")
        return self.state

    def advance(self, actions: NDArray[Any]) -> Values:
        """Apply actions (B, A), or numbers of choices (B,), and return the rewards (B,).

        Raises:
            ResetNeeded: no episode is under way.
            ParameterError: actions of the wrong shape, not finite, or no choice.
        """
        before = self._current("step")
        if self.ended:
            raise ResetNeeded("The episode has ended: call reset() before step().")
        values = self._values(actions) if self.scenario.choices is None else self._one_hot(actions)
        state, rewards = self.scenario.step(self.contexts, before, torch.tensor(values))
        self.steps += 1
        self._arrive(state)
        return cast(Values, rewards.double().numpy())

    def _values(self, actions: NDArray[Any]) -> Floats:
        shape = (len(self.contexts), self.scenario.action_size)
        values = np.asarray(actions, dtype=np.float32)
        if values.shape != shape or not np.isfinite(values).all():
            given = f"shape {values.shape}" if values.shape != shape else "a value that is not a number, or infinite"
            raise ParameterError(f"Actions of scenario {self.scenario.name}: given {given}; allowed: shape {shape} of "
                                 "finite numbers, those outside -1..1 being clipped.")
        return values

    def _one_hot(self, actions: NDArray[Any]) -> Floats:
        """Return the choices (B,) as actions (B, A): 1 for the choice, 0 for the others."""
        shape, size, numbers = (len(self.contexts),), self.scenario.action_size, np.asarray(actions)
        whole = np.issubdtype(numbers.dtype, np.integer)
        if numbers.shape != shape or not whole or ((numbers < 0) | (numbers >= size)).any():
            given = f"shape {numbers.shape}" if numbers.shape != shape else str(numbers.tolist())
            raise ParameterError(f"Actions of scenario {self.scenario.name}: given {given}; allowed: shape {shape} of "
                                 f"whole numbers from 0 to {size - 1}.")
        one_hot: Floats = np.eye(size, dtype=np.float32)[numbers]
        return one_hot

    def observation(self) -> Floats:
        """Return what is observed now, (B, D), a new array each time."""
        observed = self.scenario.observe(self.contexts, self._current("observation"), self.steps)
        return cast(Floats, observed.float().numpy().copy())

    def information(self) -> dict[str, NDArray[Any]]:
        """Return `utility` and each label of the current designs, float64 (B,), and `context`, float32 (B, C)."""
        utility, labels = self.scenario.outcome(self.contexts, self._current("information"))
        values = {**labels, "utility": utility}
        numbers = {name: value.double().numpy().copy() for name, value in values.items()}
        return {**numbers, "context": self.contexts.numpy().copy()}

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return the picture of one network's path so far, (height, width, 3).

        Raises:
            ResetNeeded: there is nothing to draw yet.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self._current("render")
        states = torch.stack([state[index] for state in self.path])
        canvas: Any = FigureCanvasAgg(self.scenario.picture(self.contexts[index], states))
        canvas.draw()
        return np.array(canvas.buffer_rgba(), dtype=np.uint8)[:, :, :3]
