"""Agents that learn in a scenario, recorded in all of their training.

Axes: B networks, N decision makers, A action values of a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from aign.agents.adapter import RANDOM_STARTS, SharedPolicyVecEnv, as_actions
from aign.agents.fit import check_fit
from aign.agents.libraries import Model, build, extract_policy, gradient_steps, planned_steps
from aign.agents.recording import label
from aign.agents.rollout import rollout, starting_states
from aign.agents.scoring import TrainingResult, score
from aign.agents.settings import CollectSettings, Kind
from aign.scenarios.core.episode import Rollout
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator, derived_seed
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.schema import Episodes

BATCH = 2_048
"""Episodes recorded at once."""
SCORED_CONTEXTS = 64
"""Validation contexts behind each point of the learning curve."""

OnEpisodes = Callable[[Episodes], None]
OnProgress = Callable[[int, int], None]


def explore(kind: Kind, scenario: Scenario[Any], pool: ContextPool, collect: CollectSettings, seed: int,
            on_episodes: OnEpisodes, on_progress: OnProgress) -> TrainingResult:
    """Train an agent on the pool's training contexts and record what it does.

    Recorded with behaviour `kind`: every training episode; at `sources.snapshots` evenly spaced moments the current
    stochastic policy on fresh training contexts; at the end the stochastic policy on validation and on test contexts,
    `held_out_share` of the training episodes each, half of them from random starts, as in training.

    Args:
        kind: "sac" (soft actor-critic), "ppo" (proximal policy optimisation), "d2sac" (soft actor-critic by a
            denoising chain), and where one of several actions is chosen "ddqn" (double deep Q-learning) and "ucb"
            (upper confidence bounds).
        scenario: where to act.
        pool: contexts of all three splits.
        collect: sizes and hyper-parameters.
        seed: of everything random, in [0, 2^31).
        on_episodes: is handed each batch of recorded episodes.
        on_progress: is told the environment steps taken and planned.

    Raises:
        ParameterError: an unknown kind, or one that does not fit the scenario's actions.
    """
    check_fit(kind, scenario)
    return _Exploration(kind, scenario, pool, collect, seed, on_episodes, on_progress).run()


class _Exploration:
    """One agent's training with its recordings."""

    def __init__(self, kind: Kind, scenario: Scenario[Any], pool: ContextPool, collect: CollectSettings, seed: int,
                 on_episodes: OnEpisodes, on_progress: OnProgress) -> None:
        self.kind, self.scenario, self.pool, self.collect, self.seed = kind, scenario, pool, collect, seed
        self.on_episodes, self.on_progress = on_episodes, on_progress
        networks = collect.of(kind).networks
        # Each agent gets its own environment stream, so that two of one seed do not see the same episodes.
        self.environment = SharedPolicyVecEnv(scenario, pool["train"], networks, derived_seed(seed, kind),
                                              self.finished)
        self.model: Model = build(kind, collect, self.environment, seed)
        self.total = planned_steps(kind, collect, scenario.horizon)
        self.train_episodes = 0
        self.curve: list[dict[str, float]] = []

    def run(self) -> TrainingResult:
        """Learn, record, and return what was learned."""
        snapshots = self.collect.sources.snapshots
        marks = [self.total * (index + 1) // snapshots for index in range(snapshots)]
        self.on_progress(0, self.total)
        recorder = _AtMarks(marks[:-1], self.environment, self.snapshot)
        self.model.learn(self.total * self.scenario.agents, recorder, log_interval=self.total + 1)
        if marks:
            self.snapshot()
        else:
            self.score()
        held_out = math.ceil(self.collect.held_out_share * self.train_episodes)
        for split in ("validation", "test"):
            self.record(self.pool[split], held_out, split)
        return TrainingResult(extract_policy(self.model), self.curve)

    def finished(self, episodes: Rollout, contexts: Contexts) -> None:
        """Record training episodes as they end."""
        self.emit(episodes, contexts)
        self.on_progress(self.environment.environment_steps, self.total)

    def snapshot(self) -> None:
        """Add a point to the learning curve and record the current stochastic policy on training contexts."""
        self.score()
        self.record(self.pool["train"], self.collect.sources.snapshot_episodes, f"snapshot {len(self.curve)}")

    def score(self) -> None:
        """Add a point to the learning curve."""
        policy = extract_policy(self.model)
        contexts = self.pool["validation"]
        few = contexts.take(torch.arange(min(SCORED_CONTEXTS, len(contexts))))
        self.curve.append({
            "environment_steps": self.environment.environment_steps,
            "gradient_steps": gradient_steps(self.model),
            **score(self.scenario, few, policy.in_scenario(self.scenario)),
        })

    def record(self, contexts: Contexts, episodes: int, purpose: str) -> None:
        """Record `episodes` episodes of the current stochastic policy."""
        generator = derived_generator(self.seed, self.kind, purpose)
        # The library samples from the global stream; forking it keeps learning independent of what is recorded.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self.seed, self.kind, purpose, "actions"))
            for drawn in _batches(contexts.sample(episodes, generator)):
                states = starting_states(self.scenario, drawn.values, RANDOM_STARTS, generator)
                self.emit(rollout(self.scenario, drawn.values, self.act, states), drawn)

    def emit(self, episodes: Rollout, contexts: Contexts) -> None:
        """Label episodes and hand them over."""
        self.train_episodes += len(episodes) if contexts.split == "train" else 0
        self.on_episodes(label(self.scenario, contexts, episodes, self.kind, self.environment.environment_steps,
                               agent_seed=self.seed, env_seed=self.seed))

    def act(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return actions (B, A) sampled from the current policy."""
        observations = self.scenario.agent_observations(contexts, states, time).flatten(0, 1)
        actions, _ = self.model.predict(observations.numpy(), deterministic=False)
        return as_actions(self.scenario, actions)


class _AtMarks(BaseCallback):
    """Calls `action` at the first moment between updates when each mark (in environment steps) is reached."""

    def __init__(self, marks: list[int], environment: SharedPolicyVecEnv, action: Callable[[], None]) -> None:
        super().__init__()
        self._marks, self._environment, self._action = list(marks), environment, action

    def _on_rollout_start(self) -> None:
        while self._marks and self._environment.environment_steps >= self._marks[0]:
            self._marks.pop(0)
            self._action()

    def _on_step(self) -> bool:
        return True


def _batches(contexts: Contexts) -> Iterator[Contexts]:
    for start in range(0, len(contexts), BATCH):
        yield contexts.take(torch.arange(start, min(start + BATCH, len(contexts))))
