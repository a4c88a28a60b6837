"""Sequential networks: assign each arriving task, serve each slot.

The design is no last state but the whole sequence of decisions. A state therefore carries, behind the part that is
observed and that the diffuser generates, what has added up so far and every decision taken: nothing is hidden from the
simulator, and an episode's outcome can be read off its last state or gained anew by replaying its decisions.

A network gives `totals`, `rules`, `start`, `decide` and `result`; everything else of an episode is done here.

Axes: B networks, C context values, S observed state values, K totals, T steps (the horizon), W values of a decision,
X = T W design values, Z = S + K + 1 + X state values, A action values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Feasibility
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.episode import Episode
from aign.scenarios.core.exploration import Act, Heuristic, slipping
from aign.scenarios.core.parameters import ParametersT
from aign.scenarios.core.scenario import DesignDistance, Generation, Scenario
from aign.scenarios.core.variation import replace

OPEN = -2.0
"""Stands in the design where no decision has been taken yet."""
Rule = Callable[[Tensor, Tensor], Tensor]
"""A policy that does not ask the time: contexts (B, C), states (B, Z) -> actions (B, A)."""


class SequentialScenario(Scenario[ParametersT]):
    """An episode of `horizon` decisions; a state is [observed (S) | totals (K) | steps taken (1) | decisions (X)].

    A decision is the number of a choice (W = 1), or where `choices` is None the action itself (W = A), in [-1, 1]. The
    sequence of decisions is the design. Rewards add up to the utility.
    """

    generation: ClassVar[Generation] = "receding-horizon"
    designs_transfer = False
    totals: tuple[str, ...]
    """Names of the K sums and extremes that an episode adds up."""
    rules: Mapping[str, Rule]
    """Baselines that decide step by step, by name."""
    _kept_of: Tensor | None = None
    _kept: dict[int, tuple[Tensor, dict[str, Tensor]]]

    @property
    def decision_size(self) -> int:
        """W, the number of values of a decision."""
        return self.action_size if self.choices is None else 1

    @property
    def design_size(self) -> int:
        """X, the number of values of all decisions."""
        return self.horizon * self.decision_size

    @abstractmethod
    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is observed at first (B, S) and the first totals (B, K)."""

    @abstractmethod
    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Carry out one decision in each network.

        Args:
            contexts: (B, C).
            observed: (B, S).
            totals: (B, K).
            time: (B,) int64, steps taken before; may differ from network to network.
            past: (B, T, W) decisions taken before, `OPEN` from `time` on.
            decision: (B, W).

        Returns:
            what is observed next (B, S), the new totals (B, K), and rewards (B,) float64.
        """

    @abstractmethod
    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,), float64, of episodes with these totals (B, K)."""

    # --- episodes ------------------------------------------------------------------------------------------------
    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the first state (B, Z); there is one only, so a generator changes nothing."""
        return self.complete_state(contexts, self.start(contexts)[0])

    def complete_state(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the first states (B, Z) around what is observed (B, S)."""
        decisions = observed.new_full((len(observed), 1 + self.design_size), OPEN)
        decisions[:, 0] = 0.0
        return torch.cat([observed, self.start(contexts)[1], decisions], dim=1)

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return what is observed at first (B, S), whatever was asked for: a context has one first state."""
        return self.start(contexts)[0].to(observed.dtype)

    def parts(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return observed (B, S), totals (B, K), steps taken (B,) int64 and decisions (B, T, W) of states (B, Z)."""
        sizes = [self.state_size, len(self.totals), 1, self.design_size]
        observed, totals, time, decisions = states.split(sizes, dim=1)
        return observed, totals, time[:, 0].long(), decisions.unflatten(1, (self.horizon, self.decision_size))

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Apply actions (B, A), read as by `effective_actions`; the decision taken is kept in the state."""
        observed, totals, time, past = self.parts(states)
        decision = self._decisions(self.effective_actions(actions))
        observed, totals, rewards = self.decide(contexts, observed, totals, time, past, decision)
        decisions = past.scatter(1, time[:, None, None].expand(-1, 1, self.decision_size),
                                 decision[:, None].to(past.dtype))
        following = torch.cat([observed, totals, (time + 1.0)[:, None].to(observed.dtype), decisions.flatten(1)], dim=1)
        return following, rewards

    def outcome(self, contexts: Tensor, states: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels of episodes that ended in these states, read off their totals."""
        return self.result(contexts, self.parts(states)[1])

    def design_of(self, states: Tensor) -> Tensor:
        """Return the decisions so far (B, X), `OPEN` where none was taken."""
        return states[:, -self.design_size:]

    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the action (B, A) that takes the next decision of the designs (B, X)."""
        time = self.parts(states)[2].clamp_max(self.horizon - 1)
        decisions = designs.unflatten(1, (self.horizon, self.decision_size))
        following = decisions.gather(1, time[:, None, None].expand(-1, 1, self.decision_size))[:, 0].float()
        if self.choices is None:
            return torch.clamp(following, -1.0, 1.0)
        place = following.long().clamp(0, self.choices - 1)
        return torch.zeros(len(place), self.choices, device=place.device).scatter(1, place, 1.0)

    def rollout(self, rule: Rule, contexts: Tensor) -> Tensor:
        """Return the states (B, Z) in which episodes end in which a rule decides."""
        return Episode(self, contexts).run(lambda contexts, states, time: rule(contexts, states)).states

    def replay(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the states (B, Z) in which episodes end that take the decisions of designs (B, X)."""
        return self.rollout(lambda _, states: self.action_towards(states, designs), contexts)

    def path_of(self, context: Tensor, design: Tensor, planned: Tensor) -> Tensor:
        """Return the states (T+1, Z) that an episode in one context (C,) goes through by one design (X,).

        What was planned shows neither totals nor decisions, so the design is replayed: the path is what `picture`
        draws, and `outcome` of its last state is that of the design.
        """
        episode = Episode(self, context[None])
        states = [episode.states]
        while not episode.ended:
            episode.advance(self.action_towards(episode.states, design[None]))
            states.append(episode.states)
        return torch.cat(states)

    # --- designs -------------------------------------------------------------------------------------------------
    def design_from_episode(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return the decisions (B, X) that the actions (B, T, A), one-hot where chosen, took."""
        return self._decisions(actions).flatten(1)

    def _decisions(self, actions: Tensor) -> Tensor:
        """Return the decisions (..., W) that effective actions (..., A) stand for."""
        return actions if self.choices is None else actions.argmax(dim=-1, keepdim=True).float()

    def recorded_utility(self, contexts: Tensor, last: Tensor) -> None:
        """Return None: it has added up over the episode."""

    @property
    def distance(self) -> DesignDistance:
        """How many choices differ, or the sum of differences of actions."""
        norm = 1.0 if self.choices is None else 0.0
        spans = torch.full((self.design_size,), 1.0 + norm).double()
        return DesignDistance(norm, spans, "1" if self.choices is None else "decisions")

    def design_of_rule(self, rule: Rule, contexts: Tensor) -> Tensor:
        """Return the designs (B, X) that a rule arrives at."""
        return self.design_of(self.rollout(rule, contexts))

    @property
    def heuristics(self) -> Mapping[str, Heuristic]:  # type: ignore[override]  # here the rules are what is given
        """The rules as heuristics: context (B, C) -> decisions (B, X)."""
        return {name: partial(self.design_of_rule, rule) for name, rule in self.rules.items()}

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) of designs (B, X), float64, by replaying them."""
        return self.outcome(contexts, self.replay(contexts, designs))[0]

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return every label's value, each float64 (B,), by replaying the designs."""
        return self.outcome(contexts, self.replay(contexts, designs))[1]

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest decisions that can be taken (B, X)."""
        return designs.clamp(-1.0, 1.0) if self.choices is None else designs.round().clamp(0, self.choices - 1)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return decisions that can be taken (B, X); constraints on a whole episode have no projection."""
        return self.admissible(designs)

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return the certificate's word, then whether episodes of the rules meet the constraints; see `Scenario`.

        Constraints do not change an episode, so what the last contexts gave is kept: a search for the best value of a
        label asks many times.
        """
        certificate = self.certify(contexts, constraints)
        known, witness = certificate.feasible.clone(), certificate.design.clone()
        for trial in range(self._trials):
            if bool((known | certificate.proven_infeasible).all()):
                break
            design, labels = self._tried(contexts, trial)
            new = satisfied(constraints, labels, len(design)) & ~known
            witness, known = torch.where(new[:, None], design.to(witness.dtype), witness), known | new
        return Feasibility(known, certificate.proven_infeasible & ~known, witness)

    @property
    def _trials(self) -> int:
        """The certified design, each rule's, and that which always takes the first choice."""
        return 2 + len(self.rules)

    def _tried(self, contexts: Tensor, trial: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the designs (B, X) of one of the trials and their labels, each (B,)."""
        before = self._kept_of
        if before is None or before.device != contexts.device or not torch.equal(before, contexts):
            self._kept_of, self._kept = contexts.clone(), {}
        if trial not in self._kept:
            designs: list[Callable[[], Tensor]] = [
                lambda: self.certify(contexts).design,
                *(partial(self.design_of_rule, rule, contexts) for rule in self.rules.values()),
                lambda: contexts.new_full((len(contexts), self.design_size), OPEN)]
            design = self.admissible(designs[trial]())
            self._kept[trial] = design, self.measure(contexts, design)
        return self._kept[trial]

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return nothing: a decision belongs to its moment, not to a part of the network."""
        return {}

    # --- demonstrations ------------------------------------------------------------------------------------------
    def vary_designs(self, contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
        """Return the certified decisions (B, X), some of them replaced; see `variation`."""
        return replace(certified, self.choices, generator)

    def follow_heuristic(self, name: str, contexts: Tensor, generator: torch.Generator) -> Act:
        """Return a policy that decides by a rule, and now and then at random."""
        rule = self.rules[name]
        return slipping(lambda contexts, states: self.effective_actions(rule(contexts, states)), len(contexts),
                        generator)
