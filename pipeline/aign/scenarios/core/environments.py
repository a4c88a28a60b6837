"""Every scenario as a Gymnasium environment: one network, or many networks at once.

    aign.scenarios.core.environments.register_all()
    env = gymnasium.make("aign/water-filling-v0", channels=4)
    envs = gymnasium.make_vec("aign/water-filling-v0", num_envs=64, channels=4)

Axes: B networks, C context values, D observation values, A action values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from aign.errors import ParameterError
from aign.scenarios.core.array_episode import RENDER_MODES, ArrayEpisode, Floats, Values
from aign.scenarios.core.features import bounds
from aign.scenarios.core.registry import names
from aign.scenarios.core.scenario import Scenario

Flags = NDArray[np.bool_]
Info = dict[str, Any]


def environment_id(name: str) -> str:
    """Return the Gymnasium id of the scenario of that name."""
    return f"aign/{name}-v0"


def register_all() -> None:
    """Register every scenario with Gymnasium, for `make` and `make_vec`; ids that exist already are left alone."""
    for name in names():
        if environment_id(name) not in gymnasium.registry:
            gymnasium.register(environment_id(name), entry_point=f"{__name__}:ScenarioEnv",
                               vector_entry_point=f"{__name__}:ScenarioVectorEnv", kwargs={"scenario": name})


class ScenarioVectorEnv(VectorEnv[Floats, NDArray[Any], NDArray[Any]]):
    """B networks of one scenario, simulated as one batch.

    ## Action space
    `Box(-1, 1, (B, A), float32)`. What the values mean is in the scenario's docstring. Values outside are clipped.
    Where one of A choices is taken (`scenario.choices`): `MultiDiscrete([A] * B)`, the numbers of the choices.

    ## Observation space
    `Box(low, high, (B, D), float32)`, unit and bounds of each value by `scenario.observation_features`:

    | values | meaning |
    |---|---|
    | the first S | state: what evolves; in a design scenario it is the design |
    | the next D - S - 1 | what stays fixed in an episode, such as gains |
    | the last | time t/T, from 0 to 1 |

    ## Rewards
    float64 (B,). In a design scenario the gain in utility, so that the undiscounted return is the utility of the final
    design less that of the first.

    ## Starting state
    The scenario's usual first state, in a context drawn at random; `options` of `reset` can fix both.

    ## Episode end
    Termination after `scenario.horizon` steps; never truncation: the clock is observed, so the end is part of the
    process. All networks are in step. The `step` after the end ignores its actions and resets
    (`AutoresetMode.NEXT_STEP`): it returns first observations of new contexts, rewards 0 and terminations False.

    ## Information
    Of the current designs, at every reset and step: `utility` and each label by its name, float64 (B,), and `context`,
    float32 (B, C). As in all vector environments `_name` holds the mask, (B,) bool, of the networks that have `name`.

    ## Arguments
    `scenario` is a name, with its parameters as further arguments, or a scenario; `num_envs` is B, at least 1;
    `render_mode` is None or "rgb_array".

    Raises:
        ParameterError: an unknown scenario or parameter, or a value out of range.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": list(RENDER_MODES), "render_fps": 4, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, scenario: Scenario[Any] | str, num_envs: int = 1, render_mode: str | None = None,
                 **parameters: Any) -> None:
        if num_envs < 1:
            raise ParameterError(f"num_envs: given {num_envs}; at least 1 network is needed.")
        self._episode = ArrayEpisode(scenario, render_mode, parameters)
        self.scenario, self.num_envs, self.render_mode = self._episode.scenario, num_envs, render_mode
        self.single_observation_space = observation_space(self.scenario)
        self.single_action_space = action_space(self.scenario)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generators: list[np.random.Generator] = []

    def reset(self, *, seed: int | Sequence[int | None] | None = None,
              options: dict[str, Any] | None = None) -> tuple[Floats, Info]:
        """Start an episode of all networks.

        Args:
            seed: of the contexts. An integer s seeds network i with s + i, as `SyncVectorEnv` does, so that network i
                is the single environment of seed s + i; a sequence seeds each; None goes on drawing.
            options: "context", array (C,) for all networks or (B, C), fixes the contexts of this episode. Values are
                taken in the order given; a policy trained on drawn contexts expects `scenario.canonical_order`.
                "state", array (S,) or (B, S), fixes the first states: the first S values of the first observations.

        Raises:
            ContextError: a context of the wrong size or out of bounds.
            ParameterError: an unknown option, a state that no episode begins in, or a sequence of seeds of the wrong
                length.
        """
        seed = int(seed) if isinstance(seed, np.integer) else seed
        super().reset(seed=seed if isinstance(seed, int) else None)
        self._seed(seed)
        return self._episode.start(self._generators, options), self._info()

    def step(self, actions: NDArray[Any]) -> tuple[Floats, Values, Flags, Flags, Info]:
        """Apply actions (B, A), or choices (B,), to all networks, or start anew where the episode has ended.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
            ParameterError: actions of the wrong shape, not finite, or no choice.
        """
        if self._episode.ended:
            self._episode.start(self._generators)
            rewards = np.zeros(self.num_envs)
        else:
            rewards = self._episode.advance(actions)
        ended = np.full(self.num_envs, self._episode.ended)
        return self._episode.observation(), rewards, ended, np.zeros_like(ended), self._info()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return a picture of each network, (height, width, 3), or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._episode.picture(index) for index in range(self.num_envs))

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        seeds = [seed + index for index in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is None:
            seeds = [None] * self.num_envs
        if len(seeds) != self.num_envs:
            raise ParameterError(f"seed: {len(seeds)} seeds for {self.num_envs} networks. Give one integer, or a seed "
                                 "for each network.")
        self._generators = self._generators or [seeding.np_random()[0] for _ in seeds]
        self._generators = [current if seed is None else seeding.np_random(seed)[0]
                            for seed, current in zip(seeds, self._generators, strict=True)]

    def _info(self) -> Info:
        info: Info = {}
        for name, values in self._episode.information().items():
            info[name], info[f"_{name}"] = values, np.ones(self.num_envs, dtype=np.bool_)
        return info


class ScenarioEnv(gymnasium.Env[Floats, Any]):
    """One network of a scenario.

    Spaces, rewards, starting state, episode end and arguments are those of `ScenarioVectorEnv` without the batch axis:
    actions `Box(-1, 1, (A,), float32)` or `Discrete(A)`, observations `Box(low, high, (D,), float32)`, rewards float,
    infos with `utility` and each label as a float and `context` as float32 (C,). There is no automatic reset.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # type: ignore[misc]

    def __init__(self, scenario: Scenario[Any] | str, render_mode: str | None = None, **parameters: Any) -> None:
        self._episode = ArrayEpisode(scenario, render_mode, parameters)
        self.scenario, self.render_mode = self._episode.scenario, render_mode
        self.observation_space = observation_space(self.scenario)
        self.action_space = action_space(self.scenario)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, Info]:
        """Start an episode; of `options`, "context", array (C,), fixes its context and "state", array (S,), its first
        state: the first S values of the first observation.

        Raises:
            ContextError: a context of the wrong size or out of bounds.
            ParameterError: an unknown option, or a state that no episode in this context begins in.
        """
        super().reset(seed=seed)
        return self._episode.start([self.np_random], options)[0], self._info()

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, Info]:
        """Apply an action (A,), or the number of a choice.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset, or after the end of the episode.
            ParameterError: an action of the wrong shape, or not finite.
        """
        reward = float(self._episode.advance(np.asarray(action)[None])[0])
        return self._episode.observation()[0], reward, self._episode.ended, False, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """Return the picture of the design and the path to it, (height, width, 3), or None without a render mode."""
        return None if self.render_mode is None else self._episode.picture(0)

    def _info(self) -> Info:
        return {name: float(values[0]) if values.ndim == 1 else values[0]
                for name, values in self._episode.information().items()}


def observation_space(scenario: Scenario[Any]) -> Space[Floats]:
    """Return the space of one network's observations, (D,)."""
    low, high = bounds(scenario.observation_features)
    return cast("Space[Floats]", Box(low.numpy(), high.numpy(), dtype=np.float32))


def action_space(scenario: Scenario[Any]) -> Space[Any]:
    """Return the space of one network's actions, (A,) values or the number of a choice."""
    if scenario.choices is None:
        return Box(-1.0, 1.0, (scenario.action_size,), np.float32)
    return Discrete(scenario.choices)
