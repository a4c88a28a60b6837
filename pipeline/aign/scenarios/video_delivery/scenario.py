"""Cache placement, routing and bitrates of a network for video, decided together.

Axes: B networks, N edge nodes, C classes of titles, K paths, X = 3 N C design values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from aign.scenarios.core import (
    Act,
    Certificate,
    Constraint,
    DesignDistance,
    DesignScenario,
    Feasibility,
    Feature,
    Heuristic,
    satisfied,
)
from aign.scenarios.core.local_search import LocalSearch
from aign.scenarios.core.mending import towards_certified
from aign.scenarios.core.topology import load
from aign.scenarios.video_delivery import demonstrations, features, labels, rules
from aign.scenarios.video_delivery.bitrates import lowered
from aign.scenarios.video_delivery.catalogue import TOP
from aign.scenarios.video_delivery.delivery import Choice, DeliveryNetwork
from aign.scenarios.video_delivery.limits import Limits
from aign.scenarios.video_delivery.parameters import VideoDeliveryParameters
from aign.scenarios.video_delivery.proofs import Proofs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PEAKS = (1.0, 4.0)
"""Range of the peak factor."""
SPREAD = (0.5, 1.5)
"""Factors on the demand that a node has in proportion to its traffic in SNDlib, uniform."""
ROUNDS = 60
"""Rounds of local search, at most."""
MOVES = (1.0, 2.0)
"""Changes of a decision that local search tries; a class whose cache value is raised by 2 comes before all others."""
FOREIGN = 0.3
"""Share of the demonstrations that aim at what is best in another context."""
WITHIN_CAPACITY = Constraint("max_load", "<=", 1.0)


class VideoDelivery(DesignScenario[VideoDeliveryParameters]):
    """Decide which classes of titles each of N edge nodes caches, and how its streams of each come to it.

    One node, the origin, holds all titles. A node's streams of a class follow one of its K shortest paths to the
    origin and are served by the first node on it that caches the class.

    | | |
    |---|---|
    | context | demand of each edge node at peak factor 1 (N) [thousand streams]; peak factor, 1 to 4 |
    | state, design | cached (N C), 0 or 1; path (N C), 0 (shortest) to K - 1; level (N C): 0 no stream, 1 to 3 for 3, |
    | | 5 and 15 Mbit/s; each node by node |
    | observation | the state; of each node demand, peak factor, distance to the origin, place, load of its shortest |
    | | path (6 N); caches and levels of the greedy design (2 N C); t/T |
    | action | 3 N C values in [-1, 1], node by node: each changes its decision by round(3 a) |
    | reward | gain in utility |
    | start | nothing cached, no streams; or random decisions |
    | end | after T = 8 steps |

    **Equations.** A thousand streams of b Mbit/s are worth 1 + ln(b / 3) credits and load each link on their way with b
    Gbit/s. Streams that cross a link loaded above its capacity are not delivered: worth nothing. Cost: link_price for
    each Gbit/s and 1000 km, storage_price for each title cached, at all bitrates. Utility: worth less cost, for each
    thousand streams asked for [credit]. Round trip: 0.01 ms/km and 0.5 ms a hop.

    **Labels.** hit_ratio; max_load (of the most loaded link, over capacity); mean_latency [ms]; served (share of
    demand); mean_bitrate [Mbit/s]; cost [credit].

    **Parameters.** topology (polska), origin (the node with most links), classes C (5), titles (10, of the first class;
    each holds twice as many as the one before), zipf (0.8), streams (2), capacity (50 Gbit/s), storage (100 titles),
    paths K (3), link_price, storage_price.

    **Certificate.** Upper bound by an integer program over caches, paths and bitrates (HiGHS, gap 0.1 %). Limits on
    hit_ratio, mean_latency, served and mean_bitrate, max_load<= and cost<= are part of it; max_load>= and cost>= are
    only checked on its design.

    **Rules.** On shortest paths, bitrates raised while that fits and pays: origin_only (no caches), popularity (each
    node caches the most popular titles; the zero of the normalised return), least_recently_used (what such caches come
    to hold of the requests that reach them), greedy (caches that save most traffic a title). local_search: from greedy,
    changes of one decision, of several, and of pairs.

    **Source.** The AIGN paper's use case 1 names the three decisions and prints no figures. Caches on paths to an
    origin: Ioannidis and Yeh (2017), "Jointly optimal routing and caching for arbitrary network topologies".
    Topologies: SNDlib (Orlowski et al. 2010). Catalogue, capacities and prices are proposals.
    """

    name: ClassVar[str] = "video-delivery"
    summary: ClassVar[str] = "What edge nodes cache, which way video streams take, and at which bitrate"
    purposes = ("deliver video", "distribute video", "place caches", "cache video")
    Parameters: ClassVar[Any] = VideoDeliveryParameters
    certified_together: ClassVar[int] = 8
    published: ClassVar[str] = (
        "The AIGN paper names cache placement, routing and bitrates for video as a use case and prints no figures for "
        "it; designs are measured against a proven bound.")
    horizon, step_size, integer_actions = 8, float(TOP), True
    labels = labels.LABELS
    learners_reward = "each node's own part of the reward: worth of its streams less its cost; the parts add up to it"

    def __init__(self, parameters: VideoDeliveryParameters) -> None:
        super().__init__(parameters)
        network = self.network = DeliveryNetwork(parameters, load(parameters.topology))
        nodes, kinds = network.size, network.size * network.classes
        self.agents, self.action_size = nodes, 3 * kinds
        self.part = torch.arange(nodes).repeat_interleave(network.classes).repeat(3)
        self.context_features = (Feature("demand", "thousand streams", 0, 1e6, nodes, "of a node at peak factor 1"),
                                 Feature("peak", "1", *PEAKS, 1, "factor on all demands"))
        self.state_features = (Feature("cached", "1", 0, 1, kinds, "whether a node caches a class"),
                               Feature("path", "1", 0, max(1, parameters.paths - 1), kinds, "0: the shortest"),
                               Feature("level", "1", 0, TOP, kinds, "of the bitrate; 0: no stream"))
        self.observation_features = (*self.state_features, *features.fixed_features(network),
                                     Feature("time", "1", 0, 1, 1, "t/T"))
        self.heuristics: Mapping[str, Heuristic] = {
            **{name: partial(rules.designed, network, placement) for name, placement in rules.PLACEMENTS.items()},
            "local_search": self._local_search}
        usual = torch.cat([self._usual_demand(), torch.ones(1)])
        self.presets = {"usual": usual, "peak": torch.cat([usual[:-1], torch.tensor(PEAKS[1:])])}
        self._proofs = Proofs(network, self.measure)

    def _usual_demand(self) -> Tensor:
        """Return demands (N,) in proportion to the traffic that nodes have in SNDlib [thousand streams]."""
        topology, traffic = self.network.topology, torch.zeros(self.network.topology.size)
        for end in topology.pairs.T:
            traffic.index_add_(0, torch.tensor(end), torch.tensor(topology.demand).float())
        edges = traffic[self.network.paths.edges]
        demand: Tensor = self.parameters.streams * edges / edges.mean()
        return demand

    def _local_search(self, contexts: Tensor) -> Tensor:
        start = rules.designed(self.network, rules.greedy, contexts)
        return LocalSearch(self, (), MOVES).run(contexts, start, 0, ROUNDS)

    # --- contexts and dynamics -------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the usual demands times U(0.5, 1.5) each, and a peak factor from U(1, 4)."""
        draws = torch.rand(count, self.agents + 1, generator=generator)
        demand: Tensor = self.presets["usual"][:-1] * (SPREAD[0] + (SPREAD[1] - SPREAD[0]) * draws[:, :-1])
        return torch.cat([demand, PEAKS[0] + (PEAKS[1] - PEAKS[0]) * draws[:, -1:]], 1)

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return no caches and no streams; with a generator random decisions."""
        shape = (len(contexts), self.action_size)
        share = torch.zeros(shape) if generator is None else torch.rand(shape, generator=generator)
        return self.admissible(share.to(contexts.device) * self.distance.spans.float().to(contexts.device))

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Apply actions (B, A), clipped to [-1, 1], node by node, each node's in the order of the state's features."""
        change: Tensor = (self.step_size * actions.clamp(-1.0, 1.0)).round().unflatten(1, (self.agents, 3, -1))
        following = self.admissible(states + change.transpose(1, 2).flatten(1))
        return following, self.utility(contexts, following) - self.utility(contexts, states)

    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the clipped difference, in units of the largest step, node by node; float32 (B, A)."""
        change: Tensor = super().action_towards(states, designs).unflatten(1, (3, self.agents, -1))
        return change.transpose(1, 2).flatten(1)

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return demands, places and the greedy design; see `features`."""
        return features.fixed_observation(self.network, contexts)

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return what each node's agent observes (B, N, F); see `features.node_observations`."""
        return features.node_observations(self.network, contexts, states, time / self.horizon)

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return the gain in each node's worth less cost (B, N); summed over nodes, the reward."""
        after, before = (self.network.node_utility(contexts, each) for each in (next_states, states))
        return (after - before).float()

    # --- demonstrations --------------------------------------------------------------------------------------------
    def vary_designs(self, contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
        """Return designs (B, X) that a demonstrator aims at; see `demonstrations`."""
        foreign = torch.rand(len(contexts), 1, generator=generator) < FOREIGN
        other = torch.randperm(len(contexts), generator=generator)
        aim = torch.where(foreign, certified[other], certified)
        choice = demonstrations.varied(self.network.split(aim), self.parameters.paths, generator)
        return self.project(contexts, choice.designs())

    def approach(self, designs: Tensor, first_states: Tensor, generator: torch.Generator) -> Act:
        """Return a policy in which each node takes its decisions at a step of its own, drawn uniformly."""
        turn = torch.randint(0, self.horizon, (len(designs), self.agents), generator=generator)[:, self.part]

        def act(contexts: Tensor, states: Tensor, time: int) -> Tensor:
            return self.action_towards(states, torch.where(turn <= time, designs, states))
        return act

    # --- designs ---------------------------------------------------------------------------------------------------
    @property
    def distance(self) -> DesignDistance:
        """How many decisions differ."""
        spans = [torch.full((feature.size,), feature.high) for feature in self.state_features]
        return DesignDistance(0.0, torch.cat(spans).double(), "decision")

    def admissible(self, designs: Tensor) -> Tensor:
        """Return whole decisions within bounds; of caches asked for more than they hold, the highest values first."""
        values = designs.unflatten(1, (3, self.agents, -1))
        cached = rules.fitting(self.network, values[:, 0].where(values[:, 0] > 0.5, 0.0))
        path, level = values[:, 1].round().clamp(0, self.parameters.paths - 1), values[:, 2].round().clamp(0, TOP)
        return torch.stack([cached.to(designs.dtype), path, level], 1).flatten(1)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return worth less cost for each thousand streams asked for (B,) [credit]."""
        return self.network.node_utility(contexts, designs).sum(1)

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels; see `labels`."""
        return labels.measure(self.network.simulate(contexts, designs), self.parameters.capacity)

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each node's titles cached, mean round trip and bitrate of its streams, and its part of the utility."""
        delivery = self.network.simulate(contexts, designs)
        share = delivery.streams / delivery.streams.sum(2, keepdim=True).clamp_min(1e-12)
        return {"cached [title]": (self.network.split(designs).cached * self.network.titles.to(designs.device)).sum(2)
                .double(), "round trip [ms]": (share * delivery.latency).sum(2),
                "bitrate [Mbit/s]": (share * delivery.rate * delivery.delivered).sum(2),
                "utility [credit]": self.network.node_utility(contexts, designs)}

    def entity_names(self, count: int) -> list[str]:
        """Return "node Gdansk", ...; of values that a node has several of, the node's name each time."""
        names = [self.network.topology.nodes[edge] for edge in self.network.paths.edges.tolist()]
        each = max(1, count // self.agents)
        return [f"node {names[number // each % self.agents]}" for number in range(count)]

    def context_names(self, feature: Feature) -> Sequence[str] | None:
        """Return that the peak factor is that of the whole network."""
        return ["network"] if feature.name == "peak" else None

    @property
    def proper_names(self) -> tuple[str, ...]:
        """The topology's name."""
        return (self.network.topology.name,)

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility of popularity caching."""
        return self.utility(contexts, self.heuristics["popularity"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return bound and design of an integer program for each context; see `proofs`."""
        return self._proofs.certify(contexts, constraints)

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return what the certificate proves; where it ignores a constraint, a search for a witness besides."""
        if Limits.of(constraints).ignored:
            return super().feasible(contexts, constraints)
        proven = self.certify(contexts, constraints)
        return Feasibility(proven.feasible, proven.proven_infeasible, proven.design)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return designs that overload no link, by lower bitrates; where they break a request, nodes decide as in the
        certified design, one after the other, until it is met. What the certificate ignores a local search meets, if
        at all.
        """
        fitted = self._lowered(contexts, self.admissible(designs))
        broken = (~satisfied(constraints, self.measure(contexts, fitted), len(fitted))).nonzero()[:, 0]
        if not len(broken):
            return fitted
        if Limits.of(constraints).ignored:
            searched = LocalSearch(self, constraints, MOVES).run(contexts[broken], fitted[broken], ROUNDS)
            fitted[broken] = self._lowered(contexts[broken], searched)
        else:
            wanted = (*constraints, WITHIN_CAPACITY)
            fitted[broken] = towards_certified(self, contexts[broken], fitted[broken], wanted, self.part)
        return fitted

    def _lowered(self, contexts: Tensor, designs: Tensor) -> Tensor:
        choice: Choice = lowered(self.network, contexts, self.network.split(designs))
        return choice.designs().to(designs.dtype)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw loads and caches on the map, streams by bitrate, and the way there."""
        from aign.scenarios.video_delivery.picture import draw
        contexts = context[None].cpu()
        utility = self.utility(contexts.expand(len(path), -1), path.cpu())
        return draw(self.network, contexts[0], path[-1].cpu(), utility, self.certify(contexts), title)
