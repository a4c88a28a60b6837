"""Small environments as strangers write them, registered when imported; `worlds` names them."""

import random

import gymnasium
import numpy as np
from gymnasium import spaces


class Corridor(gymnasium.Env):
    """Walk left, stay, or walk right; the floor slips. Ends at 6. Its observation is a mapping."""

    def __init__(self, length=6, config=None):
        self.length, self.config = length, config
        self.action_space = spaces.Discrete(3, start=5)
        self.observation_space = spaces.Dict({"even": spaces.Discrete(2), "place": spaces.Box(-20, 20, (1,))})

    def look(self):
        return {"even": int(self.place % 2 == 0), "place": np.array([self.place], np.float32)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(3))
        return self.look(), {}

    def step(self, action):
        move = int(action) - 6
        slip = int(self.np_random.random() < 0.2)
        self.place += move - slip
        info = {"slip": slip, "deep": {"place": self.place, "speed limit": 3.5}, "word": "none"}
        return self.look(), 1.25 * move + 0.1 * self.place, self.place >= self.length, False, info


class Switches(gymnasium.Env):
    """Two switches of 2 and 3 positions; the right ones are the first observation. Nothing is bounded."""

    def __init__(self, noise=None):
        self.noise = noise
        self.action_space = spaces.MultiDiscrete([2, 3], start=[0, 1])
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.right = np.array([self.np_random.integers(2), 1 + self.np_random.integers(3)])
        return self.right.astype(np.float32), {}

    def step(self, action):
        reward = float((np.asarray(action) == self.right).sum())
        if self.noise == "global":
            reward += random.random()
        if self.noise == "lost":
            reward = float("nan")
        return self.right.astype(np.float32), reward, False, False, {"hits": reward}


class Stubborn(gymnasium.Env):
    """Takes its seed from the options alone."""

    def __init__(self, config=None):
        self.generator = np.random.default_rng((config or {}).get("seed", 0))
        self.config = config
        self.action_space = spaces.Box(np.array([0, -10], np.float32), np.array([1, 30], np.float32))
        self.observation_space = spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        self.target = self.generator.uniform(-1, 1)
        return np.array([self.target], np.float32), {}

    def step(self, action):
        return np.array([self.target], np.float32), -abs(self.target - float(action[0])), False, False, {}


class Reader(Corridor):
    """Shows text."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Sequence(spaces.Discrete(3))


class Boundless(Corridor):
    """Takes any number as an action."""

    def __init__(self):
        super().__init__()
        self.action_space = spaces.Box(-np.inf, np.inf, (1,))


for world, limit in ((Corridor, 5), (Switches, None), (Stubborn, 4), (Reader, 4), (Boundless, 4)):
    name = f"toy/{world.__name__}-v0"
    if name not in gymnasium.registry:
        kwargs = {"config": {"kept": 1}} if world is Stubborn else {}
        gymnasium.register(name, entry_point=world, max_episode_steps=limit, kwargs=kwargs)


def first(observation, space):
    """A rule: the second switch right, the first as it is shown."""
    return np.asarray(observation, np.int64)


def lean(record):
    """A label: how often the walker went right so far."""
    return sum(int(action) == 7 for action in record.actions)


def silent(record):
    """A label that gives no number."""
    return "nothing"
