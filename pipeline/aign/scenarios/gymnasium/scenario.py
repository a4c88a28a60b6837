"""Any Gymnasium environment as a scenario.

Axes: B networks, C context values, S observed values, K totals, T steps, W values of a decision, X = T W design values,
N decision makers, A action values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from pydantic import Field, JsonValue, StringConstraints, field_validator
from torch import Tensor

from aign.errors import ContextError, ParameterError
from aign.scenarios.core import Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, Label
from aign.scenarios.core.sequential import Rule, SequentialScenario
from aign.scenarios.gymnasium import rules, trial
from aign.scenarios.gymnasium.best_known import Outcome, Simulator, best_known
from aign.scenarios.gymnasium.environment import spaces_of
from aign.scenarios.gymnasium.episodes import BASE_TOTALS, ENDED, RETURN, STEPS, Episodes
from aign.scenarios.gymnasium.labels import FUNCTION, LabelParameters
from aign.scenarios.gymnasium.making import Maker, module_of_id
from aign.scenarios.gymnasium.picture import draw
from aign.scenarios.gymnasium.spaces import actions_of
from aign.trust import NamesCode

SEEDS = 1 << 24
"""Seeds are whole numbers below this: float32 holds each of them exactly."""
DURATION = Label("duration", "steps", "higher", "Steps until the environment ended the episode.",
                 ("duration", "last", "long"), (("step", 1.0),))
"""The label where the user names none."""
RESERVED = frozenset({
    *BASE_TOTALS, DURATION.name, "episode_id", "observations", "actions", "rewards", "utility", "return_raw",
    "return_normalised", "length", "terminated", "truncated", "behaviour", "agent_step", "agent_seed", "env_seed",
    "context_id", "context", "split", "source"})
"""Names that labels cannot have: those of our own totals, and of the other columns of a dataset."""
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Path = Annotated[str, StringConstraints(pattern=FUNCTION)]


class GymnasiumParameters(ScenarioParameters):
    """Environment, by its id; module that registers it, imported first; options of `gymnasium.make`, merged into those
    registered; seed_option, the dotted place in the options where the seed goes, for environments that ignore the seed
    given to reset; horizon (the registered limit where not said; it replaces that limit); agents, decision makers that
    share one policy, each with an equal run of the observation and of the action values; labels; rules, further
    baselines; optimum, an upper bound on the return where one is known; rollouts of each kind in the search for the
    best known decisions; repeats of chance whose mean is the reference.
    """

    environment: Annotated[str, NamesCode(module_of_id)] = Field("Pendulum-v1", min_length=1, max_length=200)
    module: Annotated[str, NamesCode()] = Field("", pattern=r"^(\w+(\.\w+)*)?$")
    options: Annotated[dict[str, JsonValue], NamesCode()] = Field(default_factory=dict)
    """Every text in them counts as the name of code: what an environment imports by it is the environment's affair."""
    seed_option: str = ""
    horizon: int | None = Field(None, ge=1, le=10_000)
    agents: int = Field(1, ge=1, le=1_000)
    labels: dict[LabelName, LabelParameters] = Field(default_factory=dict)
    rules: Annotated[dict[LabelName, Path], NamesCode()] = Field(default_factory=dict)
    optimum: float | None = None
    rollouts: int = Field(4, ge=1, le=10_000)
    repeats: int = Field(4, ge=1, le=1_000)

    @field_validator("labels", "rules")
    @classmethod
    def in_order(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Order by name: the order in which a file lists them may not decide the columns of a dataset."""
        return dict(sorted(values.items()))


class GymnasiumScenario(SequentialScenario[GymnasiumParameters]):
    """Any Gymnasium environment by its id, its episodes told apart by their seed.

    An environment that someone else wrote becomes a scenario: datasets, agents, generator and reports work with it as
    with any other. Nothing is known of its inside, so its code runs for every step, and a context is only a seed. The
    design is the whole sequence of decisions.

    | | |
    |---|---|
    | context | the seed, a whole number below 2^24; nothing else of an episode is known beforehand |
    | state | what the environment returns, flattened and within bounds (S); behind it, not generated: totals, steps |
    | | taken, all decisions |
    | observation | the S values, then t/T |
    | action | `Discrete`: a score of each choice, the largest decides; `Box` with bounds: values in [-1, 1], |
    | | stretched over the bounds; `MultiDiscrete`, `MultiBinary`: scores of each part's alternatives, stored as 1 for |
    | | the largest and -1 for the others |
    | reward | the environment's |
    | start | a new environment, reset with the seed |
    | end | after T steps; where the environment ends earlier, everything stays as it is, with rewards 0 |
    | design | the decisions of the episode; utility: the sum of rewards |

    **Bounds** of observed values are those of the environment's space; where it has none they are measured in 16
    episodes of uniform actions and widened by half of the range on each side, and values beyond them are clipped. A
    value outside the environment's own space is an error, like everything else it does against Gymnasium's interface.

    **Labels.** As the parameters say: a number in a step's info, or what a named function makes of the episode so far;
    without any, duration [steps].

    **Parameters.** environment, module (imported first), options (of `gymnasium.make`), seed_option, horizon T, agents,
    labels, rules, optimum (an upper bound on the return, where one is known), rollouts (4), repeats (4).

    **Certificate.** Best known: a search over rules, random actions and random changes; nothing is proven. With the
    parameter optimum an upper bound, which is taken on trust.

    **Rules.** random (mean of several: the zero of the normalised return), constant, and functions the parameters name.

    **Source.** Towers et al., Gymnasium: a standard interface for reinforcement learning environments, 2024.
    """

    name, summary = "gymnasium", "Any Gymnasium environment by its id, with labels from its info"
    runs_foreign_code = True
    Parameters = GymnasiumParameters

    def __init__(self, parameters: GymnasiumParameters) -> None:
        super().__init__(parameters)
        maker = Maker(parameters.environment, parameters.module, json.dumps(parameters.options, sort_keys=True),
                      parameters.seed_option)
        self.horizon = _horizon(parameters, maker)
        self.action_space = spaces_of(maker).action
        self.actions = actions_of(self.action_space, parameters.environment)
        self.action_size, self.choices = self.actions.size, self.actions.choices
        self._low, self._high = (torch.tensor(side) for side in trial.bounds(maker, self.horizon))
        self.state_features = features(self._low, self._high)
        self.observation_features = (*self.state_features, Feature("time", "1", 0, 1))
        self.context_features = (Feature("seed", "1", 0, SEEDS - 1, description="Seed of the environment."),)
        self.presets = {"seed-0": torch.zeros(1)}
        self.agents = _agents(parameters, len(self._low), self.actions.size, self.choices)
        self.labels = _labels(parameters)
        self.integer_labels = frozenset() if parameters.labels else frozenset({DURATION.name})
        self.totals = (*BASE_TOTALS, *parameters.labels)
        policies = self._policies()
        self.rules = {name: self._rule(policy) for name, policy in policies.items()}
        self._simulator = Simulator(
            tuple(policies.values()), self.action_size, self.choices,
            lambda policy, contexts: self._outcome(contexts, self.rollout(self._rule(policy), contexts)),
            lambda designs, contexts: self._outcome(contexts, self.replay(contexts, designs)))
        self._episodes = Episodes(maker, self.actions, parameters.labels, self.horizon)
        trial.check_reproducible(maker, self.horizon, tuple(parameters.labels.items()))

    def _policies(self) -> dict[str, rules.Policy]:
        policies = {"random": rules.chance(self.action_size), "constant": rules.constant(self.action_size)}
        for name, path in self.parameters.rules.items():
            if name in policies:
                raise ParameterError(f"rules: {name!r} exists already; choose another name.")
            policies[name] = rules.named(path, name, self.action_space, self.actions)
        return policies

    def _rule(self, policy: rules.Policy) -> Rule:
        def rule(contexts: Tensor, states: Tensor) -> Tensor:
            observed, _, time, _ = self.parts(states)
            return policy(contexts, time, observed)
        return rule

    def _outcome(self, contexts: Tensor, states: Tensor) -> Outcome:
        return self.design_of(states), *self.outcome(contexts, states)

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw seeds, all equally likely."""
        return torch.randint(SEEDS, (count, 1), generator=generator).float()

    def check_contexts(self, contexts: Tensor) -> Tensor:
        """Return contexts as float32 (B, 1) after checking that they are seeds.

        Raises:
            ContextError: of the wrong size, out of bounds, or no whole number.
        """
        checked = super().check_contexts(contexts)
        if bool((checked != checked.round()).any()):
            raise ContextError(f"A seed is a whole number from 0 to {SEEDS - 1}; given {checked.flatten().tolist()}.")
        return checked

    def perturbed_contexts(self, contexts: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """Return other seeds, drawn anew: neighbouring seeds have nothing in common."""
        return self.draw_contexts(len(contexts), generator)

    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Return what new environments show, and the first totals."""
        nothing = np.empty((0, self.decision_size), np.float32)
        moments = [self._episodes.after(int(seed), nothing) for seed in contexts[:, 0].tolist()]
        totals = [moment.totals for moment in moments]
        return self._clipped([moment.observed for moment in moments], contexts), _stacked(totals, contexts.double())

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Step the environments on; where one has ended, nothing changes and nothing is earned."""
        moves = torch.cat([past, decision[:, None]], dim=1).float().cpu().numpy()
        moves[range(len(moves)), time.cpu().numpy()] = moves[:, -1]
        rows = (totals[:, ENDED] == 0).nonzero()[:, 0].tolist()
        seeds, steps = contexts[:, 0].tolist(), (time + 1).tolist()
        moments = [self._episodes.after(int(seeds[row]), moves[row, :steps[row]]) for row in rows]
        observed, totals = observed.clone(), totals.clone()
        rewards = torch.zeros(len(observed), dtype=torch.float64, device=observed.device)
        if rows:
            observed[rows] = self._clipped([moment.observed for moment in moments], observed)
            totals[rows] = _stacked([moment.totals for moment in moments], totals)
            rewards[rows] = torch.tensor([moment.reward for moment in moments], dtype=torch.float64).to(rewards)
        return observed, totals, rewards

    def _clipped(self, observed: list[Any], like: Tensor) -> Tensor:
        """Return observations (B, S) within the bounds."""
        return _stacked(observed, like).clamp(self._low.to(like.device), self._high.to(like.device))

    def effective_actions(self, actions: Tensor) -> Tensor:
        """Return actions (B, A) as they take effect: clipped, or what the scores decide."""
        clipped = super().effective_actions(actions)
        return clipped if self.choices is not None else self.actions.applied(clipped)

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of rewards and the labels."""
        values = totals.double()
        labels = {name: values[:, len(BASE_TOTALS) + place] for place, name in enumerate(self.parameters.labels)}
        return values[:, RETURN], labels or {DURATION.name: values[:, STEPS]}

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return nothing (B, 0): a seed says nothing that could be learned from."""
        return contexts.new_empty(len(contexts), 0)

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return what each decision maker sees (B, N, F): all; or its own run, the mean of all runs, and the time."""
        observations = self.observe(contexts, states, time)
        if self.agents == 1:
            return observations[:, None]
        runs = observations[:, :-1].unflatten(1, (self.agents, -1))
        common = torch.cat([runs.mean(1), observations[:, -1:]], dim=1)
        return torch.cat([runs, common[:, None].expand(-1, self.agents, -1)], dim=2)

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return the reward, the same for each decision maker, float32 (B, N)."""
        return rewards[:, None].float().expand(-1, self.agents)

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the mean return of a few episodes by chance."""
        several = [self._simulator.simulate(rules.chance(self.action_size, repeat), contexts)[1]
                   for repeat in range(self.parameters.repeats)]
        return torch.stack(several).mean(0)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the best decisions a search finds; the bound the user has stated, where one is."""
        design, utility, broken = best_known(self._simulator, contexts, constraints, self.parameters.rollouts)
        feasible, optimum = broken == 0, self.parameters.optimum
        search = f"the best of every rule, {self.parameters.rollouts} random and as many changed sequences of decisions"
        if optimum is None:
            return Certificate(utility.where(feasible, torch.nan), design, feasible,
                               CertificateKind.BEST_KNOWN,
                               f"No bound is known; the best known design is {search}.")
        return Certificate(torch.full_like(utility, optimum), design, feasible,
                           CertificateKind.UPPER_BOUND,
                           f"The bound is stated in the parameters and not proven here; the design is {search}.",
                           impossible=torch.zeros_like(feasible))

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw what is observed, decided and earned, step by step."""
        observed, totals, time, decisions = self.parts(path)
        taken = decisions[-1, :int(time[-1])]
        return draw(observed, taken, totals[:, RETURN], "choice" if self.choices else "action", title)


def features(low: Tensor, high: Tensor) -> tuple[Feature, ...]:
    """Return the observed values as features: neighbours with the same bounds are one."""
    firsts = [0, *(place for place in range(1, len(low))
                   if (low[place], high[place]) != (low[place - 1], high[place - 1]))]
    return tuple(Feature(f"observation_{first}", "1", float(low[first]), float(high[first]), after - first)
                 for first, after in zip(firsts, [*firsts[1:], len(low)], strict=True))


def _horizon(parameters: GymnasiumParameters, maker: Maker) -> int:
    horizon = parameters.horizon or maker.spec().max_episode_steps
    if horizon is None:
        raise ParameterError(f"horizon: {parameters.environment} is registered without a limit of steps; give one.")
    return horizon


def _agents(parameters: GymnasiumParameters, observed: int, actions: int, choices: int | None) -> int:
    count = parameters.agents
    if count > 1 and (choices is not None or observed % count or actions % count):
        raise ParameterError(f"agents: given {count}, but {observed} observed values and {actions} action values "
                             f"{'of one choice ' if choices else ''}cannot be cut into as many equal runs.")
    return count


def _labels(parameters: GymnasiumParameters) -> tuple[Label, ...]:
    for name in parameters.labels:
        if name in RESERVED:
            raise ParameterError(f"labels: {name!r} is the name of another column; choose another name.")
    return tuple(Label(name, label.unit, label.better, label.description or
                       f"{label.how} of {label.info or label.function}, as the environment reports it.")
                 for name, label in parameters.labels.items()) or (DURATION,)


def _stacked(values: list[Any], like: Tensor) -> Tensor:
    """Return vectors as a tensor (B, values) of the type and on the device of another."""
    return torch.from_numpy(np.array(values).reshape(len(values), -1)).to(like)
