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


def silent(*arguments):
    """A label that gives no number, or a rule that gives no action."""
    return "nothing"


class Faulty(gymnasium.Env):
    """A queue of three numbers with one fault: what `place` names returns or raises something else, from step 2 on.

    Places: reset, observation, reward, terminated, truncated, label, info, step, close. `held` stands in each info.
    """

    def __init__(self, place="", returned=None, raised=None, held=None):
        self.place, self.returned, self.raised, self.held = place, returned, raised, held
        self.observation_space = spaces.Box(-50, 50, (3,), np.float32)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def fault(self, place, value):
        if place != self.place or (place not in ("reset", "close") and self.time < 2):
            return value
        if self.raised is not None:
            raise self.raised
        return self.returned

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.time = self.np_random.uniform(-1, 1, 3).astype(np.float32), 0
        return self.fault("reset", (self.state.copy(), {"load": 1.0}))

    def step(self, action):
        self.state[:2] += action
        self.time += 1
        info = self.fault("info", {"load": self.fault("label", float(self.time)), "held": self.held})
        parts = (self.fault("observation", self.state.copy()), self.fault("reward", -float(np.abs(self.state).sum())),
                 self.fault("terminated", False), self.fault("truncated", False), info)
        return self.fault("step", parts)

    def close(self):
        self.fault("close", None)


class SameBuffers(Faulty):
    """Hands out its own state and one mapping for all infos, and changes the action it is handed."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.info = {"loads": self.state}
        return self.state, self.info

    def step(self, action):
        self.state[2] += 1
        self.time += 1
        action *= 0
        return self.state, -float(np.abs(self.state).sum()), False, False, self.info


class GlobalRandom(Faulty):
    """Seeds the generator that all of the process share."""

    def reset(self, *, seed=None, options=None):
        random.seed(seed)
        return super().reset(seed=seed)

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, reward + random.random(), *rest


class Late(Faulty):
    """Draws from elsewhere than the seed, but only from step `self.held` on."""

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, reward + (random.random() if self.time >= self.held else 0.0), *rest


class Rare(Faulty):
    """Fails at the second step, but only for seeds from 100 on."""

    def reset(self, *, seed=None, options=None):
        self.raised = RuntimeError("overload") if seed >= 100 else None
        self.place = "reward" if seed >= 100 else ""
        return super().reset(seed=seed)


for world in (Faulty, SameBuffers, GlobalRandom, Late, Rare):
    name = f"toy/{world.__name__}-v0"
    if name not in gymnasium.registry:
        gymnasium.register(name, entry_point=world, max_episode_steps=8)


def moved(record):
    """A label: how far everything moved in the last step."""
    return float(np.abs(record.observations[-1] - record.observations[-2]).sum())


def raised(record):
    """A label that fails at the third step."""
    return {1: 1.0, 2: 2.0}[len(record.actions)]


def asked(record):
    """A label: the first value of the last action."""
    return record.actions[-1][0]


def info_moved(record):
    """A label: how far the loads of `info` moved in the last step."""
    return float(np.abs(record.infos[-1]["loads"] - record.infos[-2]["loads"]).sum())


def drawn(record):
    """A label that comes out anew each time."""
    return random.random()


def refuses(observation, space):
    """A rule that fails."""
    raise LookupError("no such cell")


def short(observation, space):
    """A rule that gives too few values."""
    return [0.5]


def unknown(observation, space):
    """A rule that gives no number."""
    return np.full(space.shape, np.nan)


def beyond(observation, space):
    """A rule that asks for more than there is."""
    return np.full(space.shape, 99)
