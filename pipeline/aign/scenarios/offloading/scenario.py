"""Computation offloading to several servers: the problem of GDSG (Liang et al. 2024, arXiv 2412.08296).

Axes: B networks, N users, M servers, K links a user may have, C context values, X = N (K + 1) design values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.core import DesignDistance, DesignScenario, Feature, Heuristic, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind, Feasibility
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.exploration import Act
from aign.scenarios.core.local_search import LocalSearch
from aign.scenarios.core.variation import perturbed
from aign.scenarios.offloading import certificate, demonstrations, drawing, features, labels, rules, search
from aign.scenarios.offloading.changes import moves
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.links import Layout
from aign.scenarios.offloading.physics import Network, Semantics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABOVE_ALL = 2.0
"""A change of a score that makes any option the largest."""
ROUNDS = 60
"""Rounds of local search, at most, until a request is met."""
AT_ONCE = 256
"""Designs mended at once: bounds memory."""
REMEMBERED = 50_000
"""Certified assignments remembered, the oldest forgotten."""
RULES: Mapping[str, Callable[[Network], Tensor]] = {
    "all_local": rules.all_local, "all_offload": rules.all_offload, "greedy": rules.greedy,
    "best_response": rules.best_response, "flow": rules.flow, "flip_and_move": search.flip_and_move,
    "local_search": search.local_search,
    **{f"local_search_{starts}": partial(search.local_search, starts=starts) for starts in (4, 16, 64)},
    "iterated_local_search": search.iterated_local_search}


class OffloadingParameters(ScenarioParameters):
    """Parameters of an offloading variant."""

    servers: Annotated[int, Field(ge=1, le=features.MOST_SERVERS)] = 7
    """Servers M."""
    users: Annotated[int, Field(ge=2, le=200)] = 24
    """Users N."""
    access: Literal["published", "dense"] = "published"
    """Servers in reach of a user: 1 to 4, mostly 2, as published; or 4 to 8."""
    energy: Literal["published", "cycles"] = "published"
    """Local energy: kappa f^2 times bits, as published, or times cycles, as is usual."""
    interference: Literal["published", "active"] = "published"
    """What disturbs a user who sends: as published all links of the server, idle ones and its own too; or only others
    who send to it."""
    deadline: Annotated[float, Field(gt=0, le=3600)] = 2.0
    """Seconds after which a task is late."""
    guarantee: bool = False
    """Whether a server gives each user who can be on time there at least the share it needs for that; a server whose
    users need more than all of it admits nobody."""
    mobility: bool = False
    """Whether users are at a distance from servers and leave their coverage: a task that has not ended by then is lost,
    and computed locally."""


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
    | observation | the state; each user's task (5 N); four values of each link (4 N K); the greedy design; t/T |
    | action | N (K + 1) values in [-1, 1], added to the scores: the largest decides |
    | reward | gain in utility |
    | start | all local; or options at random |
    | end | after T = 8 steps |

    Observed of a link: what it would save alone, what beside users who choose greedily (both as part of the local
    cost), how much more is wanted of its server than would pay, and the upload time in deadlines.

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
        self.heuristics: Mapping[str, Heuristic] = {name: partial(self._by_rule, rule) for name, rule in RULES.items()}
        self.presets = {"even": self._even()}
        self._remembered: dict[tuple[bytes, Limits], certificate.Assignment] = {}

    def _by_rule(self, rule: Callable[[Network], Tensor], contexts: Tensor) -> Tensor:
        return self.layout.design(self.layout.options(contexts), rule(self.network(contexts)))

    def _even(self) -> Tensor:
        """Return users alike, each in reach of two neighbouring servers, better of the first."""
        users, servers = self.layout.users, self.layout.servers
        gain = torch.zeros(users, servers)
        user = torch.arange(users)
        gain[user, (user + 1) % servers] = 0.5
        gain[user, user % servers] = 0.8
        parts = [torch.full((users,), value) for value in (drawing.SIZE, drawing.SPEED, 0.5)]
        moving = [torch.full((users * servers,), value) for value in (50.0, 10.0)] if self.layout.mobility else []
        return torch.cat([*parts, gain.flatten(), *moving])

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
        layout, options = self.layout, self.layout.links + 1
        order = contexts[:, :layout.users].argsort(dim=1, descending=True, stable=True)
        widths = [1, 1, 1] + [layout.servers] * (3 if layout.mobility else 1)
        parts = contexts.split([layout.users * width for width in widths], dim=1)
        moved = [part.gather(1, _spread(order, width)) for part, width in zip(parts, widths, strict=True)]
        return torch.cat(moved, 1), _spread(order, options)

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return that all compute locally; with a generator options drawn uniformly."""
        shape = (len(contexts), self.action_size)
        if generator is None:
            return self.admissible(torch.zeros(shape, device=contexts.device))
        return self._options_of(contexts, torch.rand(shape, generator=generator).to(contexts.device))

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the designs that scores (B, X) stand for, among the links there are."""
        return self._options_of(contexts, observed)

    def _options_of(self, contexts: Tensor, scores: Tensor) -> Tensor:
        options = self.layout.options(contexts)
        return self.layout.design(options, self.layout.server(options, scores))

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Add actions (B, A), clipped to [-1, 1], to the scores; the largest among a user's links decides."""
        following = self._options_of(contexts, states + self.step_size * actions.clamp(-1.0, 1.0))
        return following, self.utility(contexts, following) - self.utility(contexts, states)

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return tasks, links and the greedy choice; see `features`."""
        return features.fixed_observation(self.network(contexts), self.layout.options(contexts))

    # --- what each user sees: one shared policy serves any number of users -----------------------------------------
    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return (B, N, 2 K + 8): task, what each option saves now, the present one, time; see `features`."""
        options = self.layout.options(contexts)
        return features.user_observations(self.network(contexts), options, self.layout.server(options, states),
                                          time / self.horizon)

    learners_reward = ("a difference reward for each user, which is not in the dataset: what its own move gained while "
                       "all others moved as they did, compressed by a logarithm")

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return what each user's move gained, all others moving as they did (B, N) (Wolpert and Tumer 2001)."""
        options = self.layout.options(contexts)
        before, after = (self.layout.server(options, each) for each in (states, next_states))
        gain = moves(self.network(contexts), after).gather(2, before[:, :, None])[:, :, 0]
        return (gain.sign() * gain.abs().log1p()).clamp(-10, 10).float()

    # --- demonstrations ----------------------------------------------------------------------------------------------
    def vary_designs(self, contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
        """Return designs (B, X) that a demonstrator aims at; see `demonstrations`."""
        other = perturbed(self, contexts, generator)
        options, network = self.layout.options(contexts), self.network(contexts)
        foreign = self.server(other, self.certify(other).design)
        varied = demonstrations.varied(network, self.layout.server(options, certified), foreign, generator)
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
        return [ABOVE_ALL]

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
        """Return the optimum of each context, by an integer program over sets of users; see `certificate`."""
        limits = Limits.of(constraints, self.layout.users)
        known = [self._assignment(context, limits) for context in contexts.cpu().split(1)]
        bound = torch.tensor([assignment.bound for assignment in known], dtype=torch.float64)
        server = torch.stack([torch.zeros(self.layout.users, dtype=torch.long) if assignment.server is None else
                              assignment.server for assignment in known])
        design = self.layout.design(self.layout.options(contexts), server.to(contexts.device))
        values = self.measure(contexts, design)
        there = torch.tensor([assignment.server is not None for assignment in known], device=contexts.device)
        feasible = there & satisfied(constraints, values, len(design))
        bound = bound.to(contexts.device)
        cheap = satisfied([each for each in constraints if each.side == ("cost", "<=")], {"cost": bound}, len(design))
        impossible = bound.isposinf() | ~cheap
        ignored = f" It ignores {', '.join(map(str, limits.ignored))}, checked on its design." if limits.ignored else ""
        return Certificate((-bound).where(bound.isfinite() & ~impossible, torch.nan), design, feasible,
                           CertificateKind.UPPER_BOUND,
                           "The optimum of a set-partitioning program over all sets of users worth serving together, "
                           "solved by branch and bound to gap 0; where too many remain, the bound of its relaxation."
                           + ignored,
                           impossible=impossible)

    def _assignment(self, context: Tensor, limits: Limits) -> certificate.Assignment:
        key = (context.float().numpy().tobytes(), replace(limits, ignored=()))
        if key not in self._remembered:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = certificate.best(self.network(context), limits)
        return self._remembered[key]

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
        chosen = self._options_of(contexts, designs)
        broken = (~satisfied(constraints, self.measure(contexts, chosen), len(chosen))).nonzero()[:, 0]
        if not len(broken):
            return chosen
        if Limits.of(constraints, self.layout.users).ignored:
            repair = LocalSearch(self, constraints, self.move_sizes(()))
            chosen[broken] = self._options_of(contexts[broken], repair.run(contexts[broken], chosen[broken], ROUNDS))
            return chosen
        for rows in broken.split(AT_ONCE):
            chosen[rows] = self._towards_certified(contexts[rows], chosen[rows], constraints)
        return chosen

    def _towards_certified(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint]) -> Tensor:
        """Return designs (B, X) whose first users, as few as are enough, do as in the certified one; see `project`."""
        users, different = self.layout.users, contexts.unique(dim=0, return_inverse=True)
        proven = self.certify(different[0], constraints)
        goal, known = proven.design[different[1]], proven.feasible[different[1]]
        first = torch.ones(users, users, dtype=torch.bool, device=designs.device).tril()
        first = first.repeat_interleave(self.layout.links + 1, dim=1)
        tried = torch.where(first, goal[:, None].to(designs.dtype), designs[:, None])
        labels_tried = self.measure(contexts.repeat_interleave(users, dim=0), tried.flatten(0, 1))
        meets = satisfied(constraints, labels_tried, len(designs) * users).reshape(-1, users)
        mended = tried[torch.arange(len(designs), device=designs.device), meets.int().argmax(1)]
        return mended.where(known[:, None], designs)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw who computes where with what share, delays against the deadline, and the way there."""
        from aign.scenarios.offloading.picture import draw
        contexts = context[None].cpu().expand(len(path), -1)
        return draw(self.network(contexts[:1]), self.server(contexts, path.cpu()), self.utility(contexts, path.cpu()),
                    self.certify(contexts[:1]), title)


def _spread(order: Tensor, width: int) -> Tensor:
    """Return the places (B, N width) of values that come in runs of `width` for each of N users in an order (B, N)."""
    places = width * order[:, :, None] + torch.arange(width, device=order.device)
    return places.flatten(1)
