"""Discrete batch-constrained deep Q-learning: the offline agent the AIGN paper compares with.

Fujimoto, Conti, Ghavamzadeh and Pineau 2019, "Benchmarking Batch Deep Reinforcement Learning Algorithms"
(arXiv 1910.01708). The joint choice of N decision makers with n actions each has n^N actions, 9^80 in the largest case
study. It is therefore factored: every decision maker chooses on its own, by one network that all share, as the agents
that explore do. Rewards are theirs too, computed from logged states (see `transitions`).

Axes: B networks, N decision makers, M transitions of single ones, F values one observes, n actions of the grid.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aign.agents.policy import Policy, hidden_layers
from aign.agents.scoring import TrainingResult, score
from aign.agents.settings import BCQSettings
from aign.agents.transitions import Transitions, grid, transitions
from aign.scenarios.core.adam import Adam
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator, derived_seed
from aign.trajectories.contexts import Contexts
from aign.trajectories.reader import TrajectoryStore


class BCQPolicy(Policy):
    """One trunk, two heads: the value of each action, and how likely the data's behaviour is to take it.

    Args:
        features: F.
        levels: steps each way; there are n = 2 levels + 1 actions, evenly spaced in [-1, 1].
        hidden: widths of the trunk's layers, each followed by SiLU.
        threshold: an action is allowed where its probability exceeds this share of the most likely action's.
    """

    KIND, KEYS = "batch-constrained policy", {"features", "levels", "hidden", "threshold"}

    def __init__(self, features: int, levels: int, hidden: Sequence[int], threshold: float) -> None:
        super().__init__()
        self.shape = {"features": features, "levels": levels, "hidden": list(hidden), "threshold": threshold}
        self.levels, self.threshold = levels, threshold
        width, actions = (features, *hidden)[-1], 2 * levels + 1
        self.trunk = nn.Sequential(*hidden_layers(features, hidden))
        self.value = nn.Linear(width, actions)
        self.imitation = nn.Linear(width, actions)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and imitation logits, each (..., n), for observations (..., F)."""
        features = self.trunk(observations)
        return self.value(features), self.imitation(features)

    def choose(self, values: Tensor, logits: Tensor) -> Tensor:
        """Return the index (...) of the most valuable action (..., n) among those the data could have taken."""
        share = logits - logits.amax(dim=-1, keepdim=True)
        return values.masked_fill(share <= math.log(self.threshold), -math.inf).argmax(dim=-1)

    @torch.no_grad()
    def act(self, scenario: Scenario[Any], contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return the deterministic actions (B, A) of whole networks."""
        choice = self.choose(*self(scenario.agent_observations(contexts, states, time)))
        return (choice - self.levels) / self.levels


@dataclass(frozen=True, eq=False)
class Loss:
    """Parts of the loss of a batch, each a scalar.

    Attributes:
        temporal_difference: Huber loss of the values of the actions taken.
        imitation: cross entropy of the actions taken.
        certainty: mean squared logarithm of the imitated probabilities. The authors' code squares the logits before
            they are normalised; the library d3rlpy, with which ours is checked, after.
    """

    temporal_difference: Tensor
    imitation: Tensor
    certainty: Tensor

    def total(self, penalty: float) -> Tensor:
        """Return the sum that is minimised."""
        return self.temporal_difference + self.imitation + penalty * self.certainty


def loss(network: BCQPolicy, target: BCQPolicy, batch: Transitions, discount: float) -> Loss:
    """Return the loss of a batch against the bootstrapped values of the target network."""
    values, logits = network(batch.observations)
    chosen = values.gather(1, batch.choices[:, None])[:, 0]
    logarithms = nn.functional.log_softmax(logits, dim=1)
    return Loss(nn.functional.smooth_l1_loss(chosen, bootstrapped(network, target, batch, discount)),
                nn.functional.nll_loss(logarithms, batch.choices), logarithms.square().mean())


@torch.no_grad()
def bootstrapped(network: BCQPolicy, target: BCQPolicy, batch: Transitions, discount: float) -> Tensor:
    """Return r + discount * Q_target(s', a') (M,), a' allowed and best by the network being trained (double Q)."""
    if discount == 0:
        return batch.rewards
    following = network.choose(*network(batch.next_observations))
    values: Tensor = target(batch.next_observations)[0].gather(1, following[:, None])[:, 0]
    return batch.rewards + discount * (1 - batch.ends) * values


class Learner:
    """Gradient steps on a fixed set of transitions.

    Attributes:
        network: what is learned.
        target: its slowly following copy, by which values are bootstrapped.
    """

    def __init__(self, data: Transitions, levels: int, settings: BCQSettings, seed: int) -> None:
        self.data, self.settings = data, settings
        # New layers draw their first weights from the global stream, which others may be using.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "bcq", "weights"))
            self.network = BCQPolicy(data.observations.shape[1], levels, settings.hidden, settings.threshold)
        self.target = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = Adam(self.network.parameters())
        self.generator = derived_generator(seed, "bcq", "batches")
        self.steps = 0

    def step(self) -> None:
        """Take one gradient step on a random batch and move the target network."""
        settings = self.settings
        rows = torch.randint(len(self.data), (settings.batch_size,), generator=self.generator)
        value = loss(self.network, self.target, self.data.take(rows), settings.discount)
        self.optimiser.forget()
        value.total(settings.penalty).backward()
        self.optimiser.descend(settings.learning_rate * (1 - self.steps / settings.gradient_steps))
        if settings.discount > 0:
            with torch.no_grad():
                torch._foreach_lerp_(list(self.target.parameters()), list(self.network.parameters()), settings.tau)
        self.steps += 1

    def policy(self) -> BCQPolicy:
        """Return a copy of the policy so far."""
        return copy.deepcopy(self.network).eval().requires_grad_(False)


def learn(store: TrajectoryStore, settings: BCQSettings, seed: int, rows: Tensor | None, held_out: Contexts,
          on_progress: Callable[[int, int], None]) -> TrainingResult:
    """Learn from a dataset, without acting.

    Args:
        store: the dataset.
        settings: hyper-parameters.
        seed: of everything random, in [0, 2^31).
        rows: (b,) episodes to learn from; those of the training split where None.
        held_out: contexts on which points of the curve are scored; they decide nothing.
        on_progress: is told the gradient steps taken and planned.

    Raises:
        ParameterError: no episodes, or a scenario whose decision makers handle several action values.
    """
    scenario, total = store.scenario, settings.gradient_steps
    levels = len(grid(scenario, settings.levels)) // 2
    data = transitions(store, store.rows("train") if rows is None else rows, settings.transitions, levels,
                       settings.discount > 0, derived_generator(seed, "bcq", "transitions"))
    learner = Learner(data, levels, settings, seed)
    marks = {max(1, total * (index + 1) // settings.curve_points) for index in range(settings.curve_points)}
    curve: list[dict[str, float]] = []
    on_progress(0, total)
    for step in range(1, total + 1):
        learner.step()
        if step in marks:
            curve.append({"gradient_steps": step, **score(scenario, held_out, learner.policy().in_scenario(scenario))})
        on_progress(step, total)
    return TrainingResult(learner.policy(), curve)
