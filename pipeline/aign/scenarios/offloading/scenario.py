"""Computation offloading to several servers: the problem of GDSG (Liang et al. 2024, arXiv 2412.08296).

Axes: B networks, N users, M servers, K links a user may have, C context values, X = N (K + 1) design values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.core import (
    Act,
    Certificate,
    Constraint,
    DesignDistance,
    DesignScenario,
    Feasibility,
    Feature,
    Heuristic,
)
from aign.scenarios.core.variation import perturbed
from aign.scenarios.offloading import demonstrations, drawing, features, labels, learning, mending, presets, rules
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.links import Layout
from aign.scenarios.offloading.methods import METHODS
from aign.scenarios.offloading.parameters import OffloadingParameters
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.proofs import Proofs
from aign.scenarios.offloading.semantics import Semantics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

class Offloading(DesignScenario[OffloadingParameters]):
    """Choose for each of N users whether it computes its task itself or on which of M servers.

    Servers are shared by those who offload to them; given who does, each server's shares are the cheapest, in closed
    form. A user's links are numbered from its strongest; it has at most K of them, 5 (published access) or 8 (dense).

    | | |
    |---|---|
    | context: users | task size (N) [Mbit], 2 to 11; local speed (N) [GHz], 1 to 10; weight of delay (N), 0 to 1 |
    | context: links | gain (N M, user by user), 0 to 1; 0 where a server is out of reach |
    | with mobility | distance (N M) [m], time until a user leaves coverage (N M) [s] |
    | state, design | a score of each option (N (K + 1), user by user): 1 for the option taken, 0 for others |
    | options | 0 local, k the server of the k-th strongest link |
    | observation | the state; each user's task (5 N); five values of each link (5 N K); the greedy design; t/T |
    | action | N (K + 1) values in [-1, 1], added to the scores: the largest decides |
    | reward | gain in utility |
    | start | all local; or options at random |
    | end | after T = 8 steps |

    Observed of a link: what it would save alone, what beside users who choose greedily (both as part of the local
    cost), how much more is wanted of its server than would pay, the upload time in deadlines, and the number of its
    server, 0 where there is none.

    **Equations.** A task of s bits takes c = 3000 s cycles. Rate r = 80 MHz log2(1 + SINR). A user with weight alpha
    (beta = 1 - alpha) costs alpha c/f + beta kappa f^2 s locally, or (alpha + 0.3 beta) s/r + w/x on a share x of a
    server of 33.6 GHz, w = (alpha + 0.15 beta) c/F. Shares are in proportion to sqrt(w). Utility: minus the sum of
    costs.

    **Labels.** cost; late_users [user]; on_time (share of users); max_delay [s]; energy [J]; server_load (of the
    busiest, in what it computes by the deadline); offloaded (share of users); with mobility lost_tasks.

    **Parameters.** servers M (7), users N (24); access ("published", "dense"); energy ("published", "cycles");
    interference ("published", "active"); deadline (2 s); guarantee (least shares for those who can be on time);
    mobility.

    **Certificate.** The optimum, by a set-partitioning program over all sets of users worth serving together (HiGHS),
    with column generation where they are many. Limits late_users<=, on_time>=, max_delay<=, server_load<=, energy<=,
    cost<= and both sides of offloaded are part of it; other constraints are only checked on its design.

    **Rules.** all_local, all_offload (to the strongest link), greedy (the zero of the normalised return), best_response
    (selfish users), flow (the heuristic by which Liang et al. label their data), flip_and_move, local_search with swaps
    and ejections from 1 start, local_search_4, local_search_16, local_search_64, iterated_local_search.

    **Source.** Liang et al. 2024 (GDSG): equations, constants, law of contexts. Ours: dense access, energy by cycles,
    active interference, least shares, mobility (path loss exponent 3 from 10 m, mean stay 10 s), and gains of at least
    0.01, without which the cost of a bad design has no finite mean.
    """

    name: ClassVar[str] = "offloading"
    summary: ClassVar[str] = "Which users compute on which of several servers, and which themselves"
    purposes = ("offload tasks", "offload computation", "computation offloading", "task offloading", "edge computing",
                "decide who offloads where", "who offloads where")
    Parameters: ClassVar[Any] = OffloadingParameters
    published: ClassVar[str] = (
        "Liang et al. 2024 print the cost of their heuristic over the optimum at 3, 3, 4 and 4 servers with 6, 8, 10 "
        "and 12 users (1.22, 1.17, 1.20, 1.17), and over a better solution from 7 servers on (1.14 to 1.18). Their "
        "instances are not published; these are drawn by the same law, and the heuristic is written anew after its "
        "description and the steps and constants of the authors' public script.")
    horizon, step_size = 8, 1.0
    resource_feature = features.SERVER
    integer_labels = labels.WHOLE

    def __init__(self, parameters: OffloadingParameters) -> None:
        super().__init__(parameters)
        users, servers, dense = parameters.users, parameters.servers, parameters.access == "dense"
        self.layout = Layout(users, servers, drawing.DENSE[1] if dense else drawing.MOST_REACH, parameters.mobility)
        self.semantics = Semantics(parameters.energy, parameters.interference, parameters.deadline,
                                   parameters.guarantee)
        self.labels = (*labels.LABELS, labels.LOST) if parameters.mobility else labels.LABELS
        self.agents, self.action_size = users, users * (self.layout.links + 1)
        pairs = users * servers
        moving = (Feature("distance", "m", 0, 1000, pairs), Feature("departure", "s", 0, 3600, pairs))
        self.context_features = (Feature("size", "Mbit", *drawing.SIZES, users),
                                 Feature("speed", "GHz", *drawing.SPEEDS, users),
                                 Feature("weight", "1", 0, 1, users, "of delay; the rest is that of energy"),
                                 Feature("gain", "1", 0, 1, pairs, "amplitude; 0 out of reach"),
                                 *(moving if parameters.mobility else ()))
        self.state_features = (Feature("option", "1", 0, 1, self.action_size, "local, then links by falling gain"),)
        self.observation_features = (*self.state_features, *features.fixed_features(users, self.layout.links),
                                     Feature("time", "1", 0, 1, 1, "t/T"))
        self.heuristics: Mapping[str, Heuristic] = {name: partial(self._by_rule, method)
                                                    for name, method in METHODS.items()}
        self.presets = {"even": presets.even(self.layout), "crowded": presets.crowded(self.layout)}
        self._proofs = Proofs(self)

    def _by_rule(self, rule: Callable[[Network], Tensor], contexts: Tensor) -> Tensor:
        return self.layout.design(self.layout.options(contexts), rule(self.network(contexts)))

    def network(self, contexts: Tensor) -> Network:
        """Return contexts (B, C) in the quantities that decide."""
        return self.layout.network(self.semantics, contexts)

    def server(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the server (B, N) at which designs (B, X) compute each task, from 1; 0 locally."""
        return self.layout.server(self.layout.options(contexts), designs)

    # --- contexts --------------------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw networks by the published law; see `drawing`."""
        layout = self.layout
        drawn = drawing.contexts(count, layout.users, layout.servers, self.parameters.access == "dense",
                                 layout.mobility, generator)
        return self.canonical_order(drawn)[0]

    def check_contexts(self, contexts: Tensor) -> Tensor:
        """Return contexts as float32 (B, C) after checking size, finiteness, bounds and how many servers users reach.

        Raises:
            ContextError: naming the first value, or user, at fault.
        """
        contexts = super().check_contexts(contexts)
        reach = (self.layout.split(contexts)[3] > 0).sum(2)
        if bool((reach > self.layout.links).any()):
            row, user = map(int, (reach > self.layout.links).nonzero()[0])
            raise ContextError(f"Context {row}: user {user} reaches {int(reach[row, user])} servers (gain above 0); "
                               f"allowed: at most {self.layout.links} with access {self.parameters.access}. Set the "
                               "weakest gains to 0.")
        return contexts

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Number users by falling size of their task; see `Scenario.canonical_order`."""
        return self.layout.renumbered(contexts)

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return that all compute locally; with a generator options drawn uniformly."""
        shape = (len(contexts), self.action_size)
        if generator is None:
            return self.admissible(torch.zeros(shape, device=contexts.device))
        return self.options_of(contexts, torch.rand(shape, generator=generator).to(contexts.device))

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the designs that scores (B, X) stand for, among the links there are."""
        return self.options_of(contexts, observed)

    def options_of(self, contexts: Tensor, scores: Tensor) -> Tensor:
        """Return the designs (B, X) of the largest scores (B, X) among the links there are."""
        options = self.layout.options(contexts)
        return self.layout.design(options, self.layout.server(options, scores))

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Add actions (B, A), clipped to [-1, 1], to the scores; the largest among a user's links decides."""
        following = self.options_of(contexts, states + self.step_size * actions.clamp(-1.0, 1.0))
        return following, self.utility(contexts, following) - self.utility(contexts, states)

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return tasks, links and the greedy choice; see `features`."""
        return features.fixed_observation(self.network(contexts), self.layout.options(contexts))

    # --- what each user sees: one shared policy serves any number of users -----------------------------------------
    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return (B, N, 2 K + 8): task, what each option saves now, the present one, time; see `learning`."""
        options = self.layout.options(contexts)
        return learning.observations(self.network(contexts), options, self.layout.server(options, states),
                                          time / self.horizon)

    learners_reward = ("a difference reward for each user, which is not in the dataset: what its own move gained while "
                       "all others moved as they did, compressed by a logarithm")

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return what each user's move gained, all others moving as they did (B, N) (Wolpert and Tumer 2001)."""
        options = self.layout.options(contexts)
        before, after = (self.layout.server(options, each) for each in (states, next_states))
        return learning.rewards(self.network(contexts), before, after)

    # --- demonstrations ----------------------------------------------------------------------------------------------
    def vary_designs(self, contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
        """Return designs (B, X) that a demonstrator aims at; see `demonstrations`."""
        options, network = self.layout.options(contexts), self.network(contexts)
        other = perturbed(self, contexts, generator)

        def elsewhere(rows: Tensor) -> Tensor:
            return self.server(other[rows], self.certify(other[rows]).design)

        varied = demonstrations.varied(network, self.layout.server(options, certified), elsewhere, generator)
        return self.layout.design(options, varied)

    def approach(self, designs: Tensor, first_states: Tensor, generator: torch.Generator) -> Act:
        """Return a policy in which each user takes its option at a step of its own, drawn uniformly."""
        options = self.layout.links + 1
        turn = torch.randint(0, self.horizon, (len(designs), self.layout.users), generator=generator)
        turn = turn.repeat_interleave(options, dim=1)

        def act(contexts: Tensor, states: Tensor, time: int) -> Tensor:
            return self.action_towards(states, torch.where(turn <= time, designs, states))
        return act

    def move_sizes(self, relative: Sequence[float]) -> list[float]:
        """Return the one change of a score that matters: one that makes its option the largest."""
        return [mending.ABOVE_ALL]

    @property
    def distance(self) -> DesignDistance:
        """How many users do otherwise."""
        return DesignDistance(1.0, torch.full((self.action_size,), 0.5, dtype=torch.float64), "user")

    # --- designs ---------------------------------------------------------------------------------------------------
    def admissible(self, designs: Tensor) -> Tensor:
        """Return 1 for each user's option with the largest score, the first of equals, and 0 for others."""
        scores = designs.unflatten(1, (self.layout.users, self.layout.links + 1))
        return torch.nn.functional.one_hot(scores.argmax(2), scores.shape[2]).to(designs.dtype).flatten(1)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return minus the total cost (B,); an option without a link counts as local."""
        return -self.network(contexts).cost(self.server(contexts, designs))

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels; see `labels`."""
        network = self.network(contexts)
        values = labels.measure(network, network.serve(self.server(contexts, designs)))
        return {label.name: values[label.name] for label in self.labels}

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each user's server (0: local), its share, delay, and what it saves against computing locally."""
        network = self.network(contexts)
        served = network.serve(self.server(contexts, designs))
        return {"server [1]": served.server.double(), "share [1]": served.share, "delay [s]": served.delay,
                "saving [1]": network.local_cost - served.cost}

    def entity_names(self, count: int) -> list[str]:
        """Return "user 1", "user 2", ...; of scores of options, that of the user who has the option."""
        each = max(1, count // self.layout.users)
        return [f"user {number // each + 1}" for number in range(count)]

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility of the greedy rule: against computing everything locally any design would score 0.99."""
        network = self.network(contexts)
        return -network.cost(rules.greedy(network))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum of each context, by an integer program over sets of users; see `proofs`."""
        return self._proofs.certify(contexts, constraints)

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return what the certificate proves; where it ignores a constraint, a search for a witness besides."""
        if Limits.of(constraints, self.layout.users).ignored:
            return super().feasible(contexts, constraints)
        proven = self.certify(contexts, constraints)
        return Feasibility(proven.feasible, proven.proven_infeasible, proven.design)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return the options of the largest scores; where they break a request, users take those of the certified
        design, one after the other, until it is met. What the certificate ignores a local search meets, if at all.
        """
        return mending.mended(self, contexts, self.options_of(contexts, designs), constraints)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw who computes where with what share, delays against the deadline, and the way there."""
        from aign.scenarios.offloading.picture import draw
        contexts = context[None].cpu().expand(len(path), -1)
        return draw(self.network(contexts[:1]), self.server(contexts, path.cpu()), self.utility(contexts, path.cpu()),
                    self.certify(contexts[:1]), title)
