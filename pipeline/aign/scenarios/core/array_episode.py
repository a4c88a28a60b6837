"""Episodes with NumPy arrays at their surface: what stands behind both kinds of Gymnasium environments.

Axes: B networks, C context values, D observation values, A action values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray
from torch import Tensor

from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.episode import Episode
from aign.scenarios.core.registry import create
from aign.scenarios.core.reset_options import context_option, state_option
from aign.scenarios.core.scenario import Scenario

Floats = NDArray[np.float32]
Values = NDArray[np.float64]
RENDER_MODES = ("rgb_array",)


class ArrayEpisode:
    """The current episode of B networks of one scenario.

    Args:
        scenario: a scenario, or the name of one, with its parameters.
        render_mode: None or "rgb_array"; the states of an episode, which are many, are kept for pictures only.
        parameters: of a scenario given by name.

    Raises:
        ParameterError: an unknown scenario, parameter or render mode, or a value out of range.
    """

    def __init__(self, scenario: Scenario[Any] | str, render_mode: str | None, parameters: dict[str, Any]) -> None:
        if isinstance(scenario, str):
            scenario = create(scenario, **parameters)
        elif parameters:
            raise ParameterError(f"Parameters {', '.join(parameters)} were given with a scenario that is built already."
                                 " Give the scenario's name instead, or build it with them.")
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ParameterError(unknown_name("render mode", render_mode, RENDER_MODES))
        self.scenario, self._draws = scenario, render_mode is not None
        self._episode: Episode | None = None
        self._path: list[Tensor] = []

    @property
    def ended(self) -> bool:
        """Whether all steps of the episode were taken."""
        return self._episode is not None and self._episode.ended

    def current(self, method: str) -> Episode:
        """Return the episode under way.

        Raises:
            ResetNeeded: there is none; `method` cannot be called yet.
        """
        if self._episode is None:
            raise ResetNeeded(f"No episode is under way: call reset() before {method}().")
        return self._episode

    def start(self, generators: Sequence[np.random.Generator], options: dict[str, Any] | None = None) -> Floats:
        """Begin an episode of B = len(generators) networks, from whose generators contexts are drawn; see
        `ScenarioVectorEnv.reset` for the options. Returns the first observations (B, D).
        """
        contexts = context_option(self.scenario, options, len(generators))
        if contexts is None:
            contexts = torch.cat([self.scenario.draw_contexts(1, torch.Generator().manual_seed(int(
                generator.integers(2**63)))) for generator in generators])
        self._episode = Episode(self.scenario, contexts, state_option(self.scenario, options, contexts))
        self._path = [self._episode.states] if self._draws else []
        return self.observation()

    def advance(self, actions: NDArray[Any]) -> Values:
        """Apply actions (B, A), or numbers of choices (B,), and return the rewards (B,).

        Raises:
            ResetNeeded: no episode is under way.
            ParameterError: actions of the wrong shape, not finite, or no choice.
        """
        episode = self.current("step")
        if episode.ended:
            raise ResetNeeded("The episode has ended: call reset() before step().")
        rewards = episode.advance(actions_of(self.scenario, actions, len(episode.contexts)))
        if self._draws:
            self._path.append(episode.states)
        return cast(Values, rewards.double().numpy())

    def observation(self) -> Floats:
        """Return what is observed now, (B, D), a new array each time."""
        return cast(Floats, self.current("observation").observation().float().numpy().copy())

    def information(self) -> dict[str, NDArray[Any]]:
        """Return `utility` and each label of the current designs, float64 (B,), and `context`, float32 (B, C)."""
        episode = self.current("information")
        utility, labels = episode.outcome()
        numbers = {name: value.double().numpy().copy() for name, value in {**labels, "utility": utility}.items()}
        return {**numbers, "context": episode.contexts.numpy().copy()}

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return the picture of one network's path so far, (height, width, 3).

        Raises:
            ResetNeeded: there is nothing to draw yet.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        episode = self.current("render")
        states = torch.stack([state[index] for state in self._path])
        canvas: Any = FigureCanvasAgg(self.scenario.picture(episode.contexts[index], states))
        canvas.draw()
        return np.array(canvas.buffer_rgba(), dtype=np.uint8)[:, :, :3]


def actions_of(scenario: Scenario[Any], values: NDArray[Any], count: int) -> Tensor:
    """Return what was given to `step` as actions (B, A) of B = count networks; a choice as 1, the others 0.

    Raises:
        ParameterError: values of the wrong shape, not finite, or no choice.
    """
    values = np.asarray(values)
    shape: tuple[int, ...] = (count,)
    if scenario.choices is None:
        values, shape = values.astype(np.float32), (count, scenario.action_size)
        wrong = "a value that is not a number, or infinite" if not np.isfinite(values).all() else None
        allowed = "of finite numbers, those outside -1..1 being clipped."
    else:
        whole = np.issubdtype(values.dtype, np.integer)
        wrong = str(values.tolist()) if not whole or ((values < 0) | (values >= scenario.choices)).any() else None
        allowed = f"of whole numbers from 0 to {scenario.choices - 1}."
    if values.shape != shape:
        wrong = f"shape {values.shape}"
    if wrong is not None:
        raise ParameterError(f"Actions of scenario {scenario.name}: given {wrong}; allowed: shape {shape} {allowed}")
    if scenario.choices is not None:
        return torch.nn.functional.one_hot(torch.from_numpy(values.astype(np.int64)), scenario.choices).float()
    return torch.from_numpy(values)
