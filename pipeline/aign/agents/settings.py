"""Every number of the agents that explore, with bounds and reasons. Light to import: no torch here."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import Field, field_validator

from aign.settings import MOST, Count, Positive, Rate, Settings

Kind = Literal["sac", "ppo", "d2sac", "ddqn", "ucb"]
"""Agents that learn by acting. The first two are the usual ones."""
LEARNERS: tuple[Kind, ...] = ("sac", "ppo")
"""Which of them explore where nothing else is said."""
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
AtLeastTwo = Annotated[int, Field(ge=2, le=MOST)]
Width = Annotated[int, Field(ge=1, le=16_384)]
"""Units of a hidden layer."""


class ReplaySettings(Settings):
    """What agents share that learn from a buffer of past transitions."""

    environment_steps: Positive = 15_360
    """Steps of whole networks, rounded up to full episodes of all networks."""
    networks: Positive = 16
    """Networks simulated side by side."""
    learning_rate: Rate = 1e-3
    """Start of a linear decay to zero."""
    batch_size: Positive = 512
    buffer_size: Positive = 50_000
    """Recent transitions only: older ones show rewards among decision makers who have since learned."""
    updates_per_step: Positive = 4
    """Gradient steps after each step of all networks."""
    tau: Rate = 0.01
    """Polyak factor of the target networks."""
    learning_starts: Count = 3_000
    """Transitions of single decision makers taken at random before learning."""
    hidden: tuple[Width, ...] = (64, 64)
    discount: Annotated[float, Field(ge=0, le=1)] = 0.0
    """0 makes it a contextual bandit: greedy improvement, which is enough where the reward is the gain in utility."""
    return_steps: Annotated[int, Field(ge=1, le=100, exclude_if=lambda steps: steps == 1)] = 1
    """Rewards added up before the critics take over; more than 1 where rewards come late. 1 goes unsaid in files."""


class SACSettings(ReplaySettings):
    """Soft actor-critic with one policy shared by all decision makers (Haarnoja et al. 2018; Stable-Baselines3)."""

    target_entropy: Annotated[float, Field(ge=-1_000, le=1_000)] = -1.0
    """For each action value of a decision maker."""
    entropy_coefficient: str = "auto_0.1"
    """A number, or auto: learned, from 1 or from the number after auto_."""
    choice_entropy: Annotated[float, Field(gt=0, lt=1, exclude_if=lambda share: share == 0.3)] = 0.3
    """Where one of J actions is chosen: target entropy as a share of ln J; Christodoulou's 0.98 is nearly chance."""

    @field_validator("entropy_coefficient")
    @classmethod
    def is_a_coefficient(cls, text: str) -> str:
        """Refuse what Stable-Baselines3 cannot read."""
        number = text.removeprefix("auto_")
        if text != "auto" and not (NUMBER.fullmatch(number) and (number == text or float(number) > 0)):
            raise ValueError("it should be auto, auto_ and a positive number such as auto_0.1, or a number such as 0.2")
        return text


class PPOSettings(Settings):
    """Proximal policy optimisation, shared policy (Schulman et al. 2017; Stable-Baselines3)."""

    environment_steps: Positive = 51_200
    networks: Positive = 64
    learning_rate: Rate = 1e-3
    rollout_steps: AtLeastTwo = 16
    batch_size: AtLeastTwo = 2_048
    epochs: Positive = 5
    gae_lambda: Annotated[float, Field(ge=0, le=1)] = 1.0
    log_std_init: Annotated[float, Field(ge=-20, le=2)] = -0.5
    entropy_coefficient: Annotated[float, Field(ge=0)] = 0.0
    hidden: tuple[Width, ...] = (64, 64)
    discount: Annotated[float, Field(ge=0, le=1)] = 0.0


class D2SACSettings(SACSettings):
    """Soft actor-critic whose actor is a chain of denoising steps (D2SAC, GADM), as `sac` in all else: a fair test.

    The papers' own values: 5 steps, batch 512, tau 0.005, entropy coefficient 0.05, and where tasks are assigned
    discount 0.95 and returns of 3 steps.
    """

    denoising_steps: Annotated[int, Field(ge=1, le=100)] = 5
    embedding: Annotated[int, Field(ge=2, le=1_024, multiple_of=2)] = 16
    """Values of the sinusoids that tell the network the denoising step."""


class DDQNSettings(ReplaySettings):
    """Double deep Q-learning (van Hasselt et al. 2016), for one of J actions, by epsilon-greedy choice.

    Its target network is moved once after each step of all networks.
    """

    tau: Rate = 0.02
    exploration_fraction: Rate = 0.5
    """Share of training over which chance actions fall from always to the final share."""
    final_exploration: Annotated[float, Field(ge=0, le=1)] = 0.05
    return_steps: Annotated[int, Field(ge=1, le=100)] = 1
    """As elsewhere, but always said in files."""


class UCBSettings(Settings):
    """Upper confidence bounds UCB1 over J actions (Auer et al. 2002): counts and mean rewards, blind to the context."""

    environment_steps: Positive = 15_360
    networks: Positive = 16
    confidence: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Factor of the bonus sqrt(2 ln t / n); rewards are scaled to [0, 1] by their extremes so far. 1 is UCB1."""


AgentSettings = SACSettings | PPOSettings | DDQNSettings | UCBSettings


class BCQSettings(Settings):
    """Discrete batch-constrained deep Q-learning, offline, shared policy (Fujimoto et al. 2019, arXiv 1910.01708)."""

    gradient_steps: Positive = 6_000
    transitions: Positive = 2_000_000
    """Most transitions of single decision makers held in memory; whole networks' are drawn evenly from the data."""
    levels: Positive = 4
    """Steps each way where the scenario's are not whole: 2 levels + 1 actions; else its own whole steps count."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """An action is allowed where its imitated probability exceeds this share of the most likely action's."""
    penalty: Annotated[float, Field(ge=0)] = 0.01
    """Weight of the mean squared logarithm of imitated probabilities in the loss: keeps the imitation unsure."""
    learning_rate: Rate = 1e-3
    """Start of a linear decay to zero."""
    batch_size: Positive = 1_024
    tau: Rate = 0.01
    """Polyak factor of the target network."""
    hidden: tuple[Width, ...] = (64, 64)
    """Trunk shared by values and imitation."""
    discount: Annotated[float, Field(ge=0, le=1)] = 0.0
    """0 makes it a contextual bandit, as for the agents that learn online."""
    curve_points: Positive = 10
    """How often in training the policy is scored on held-out contexts."""


class SourceSettings(Settings):
    """How many episodes each source adds to the training split, beside those the learning agents make in training."""

    random: Count = 1_000
    heuristics: Count = 3_000
    """Shared equally among the scenario's heuristics; some steps are perturbed."""
    solver_guided: Count = 10_000
    """Demonstrations of optima of randomly perturbed problems: operation logs and expertise."""
    label_guided: Annotated[Count, Field(exclude_if=lambda count: count == 0)] = 0
    """Demonstrations of designs that trade utility for a few labels, at random weights, for models that shall answer
    requests whose constraints combine. Only where a design is changed step by step. 0 goes unsaid in files."""
    jobs: Annotated[int, Field(ge=1, le=10_000, exclude_if=lambda count: count == 1)] = 1
    """Jobs that each source above is split into, with random streams of their own: side by side on all processors, or
    machines, there are. Another number gives other episodes; the same gives the same anywhere. 1 goes unsaid in files.
    """
    snapshots: Annotated[int, Field(ge=0, le=10_000)] = 8
    """How often in training a learning agent's current policy is recorded on fresh contexts."""
    snapshot_episodes: Count = 250
    """Episodes a snapshot."""


class CollectSettings(Settings):
    """Stage collect: contexts, sources, sizes."""

    train_contexts: Positive = 6_000
    validation_contexts: Positive = 256
    test_contexts: Positive = 256
    sources: SourceSettings = SourceSettings()
    agents: Annotated[tuple[Kind, ...], Field(min_length=1)] = LEARNERS
    """Which agents learn, and are kept and compared; the ablation of stage train learns from the first one's episodes.

    Each acts as its own block says. Where one of J actions is chosen `sac` is its discrete form, the learner of `d2sac`
    with a perceptron for an actor; `ddqn` and `ucb` act there only.
    """
    sac: SACSettings = SACSettings()
    ppo: PPOSettings = PPOSettings()
    d2sac: D2SACSettings = D2SACSettings()
    ddqn: DDQNSettings = DDQNSettings()
    ucb: UCBSettings = UCBSettings()
    held_out_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Episodes each source adds to validation, and again to test, as a share of its training episodes."""
    shard_rows: Annotated[int, Field(ge=1, le=200_000)] = 8_192
    """Episodes a shard; a shard is one record batch and is kept under 128 MB."""

    @field_validator("agents")
    @classmethod
    def are_different(cls, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """Refuse an agent named twice."""
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"each agent can be named once; given {', '.join(kinds)}")
        return kinds

    def of(self, kind: Kind) -> AgentSettings:
        """Return the block of one kind of agent."""
        return cast(AgentSettings, getattr(self, kind))

    def provenance(self) -> dict[str, Any]:
        """Return the settings as a dataset states them: without agents that did not explore, whose names it lists."""
        idle = {kind for kind in get_args(Kind) if kind not in self.agents}
        return self.model_dump(mode="json", exclude={"agents", *idle})
