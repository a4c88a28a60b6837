"""Two layers: IP links are lightpaths over fibres, and a fibre cut fails every lightpath on it.

Choose whole lightpaths z of a set of candidates and whole fibre pairs y: a fibre pair carries `channels` lightpaths,
lighting it has a price by its length, a lightpath one for its two router ports and one for each regeneration. Demands
are routed over the lightpaths and survive every single fibre cut (a shared-risk link group of the IP layer).

What a plan may be asked for, in any combination, all by `instance`:

    y1, IP            routed=True     all demands are routed while every fibre works
    y2, optical       pairs=, spare=  fibre pairs there are on a route; channels of each that stay free
    y3, reliability   survived=, share=  share of the fibre cuts to survive, the plan chooses which; share of each
                                      demand that must be carried then
    budget            Search(instance, Limits(budget=b)).run().within(b): True a plan costs no more, False proven that
                      none does, None open within the limits

    lightpaths = candidates(topology, paths=2)
    problem = instance(topology, demand, module, lightpaths, spare=2, survived=0.9)
    answer = Search(problem, Limits(gap=0.03)).run()
    modules, pairs = np.split(answer.plan, [len(lightpaths)])   # lightpaths (L,), fibre pairs (F,)
    answer.dropped   # numbers, among problem.failures, of the cuts that this plan need not survive

The papers publish no prices; those here are invented, stated, and parameters.

Axes: n nodes, F fibre routes, L candidate lightpaths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, islice, pairwise

import networkx
import numpy as np

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.single_layer import MOST, droppable
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Fibres, Flags, Floats, Instance


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of both layers, in one unit of cost.

    Attributes:
        port: of one end of a lightpath.
        regeneration: of one regenerator.
        reach: km of light without regeneration.
        fibre: of a lit fibre pair for each km.
        channels: lightpaths of a fibre pair.
    """

    port: float = 1.5
    regeneration: float = 1.0
    reach: float = 1500.0
    fibre: float = 0.01
    channels: int = 8

    def lightpath(self, length: float) -> float:
        """Return the price of a lightpath of `length` km."""
        return 2 * self.port + self.regeneration * float(np.ceil(length / self.reach) - 1)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Lightpaths that may be set up.

    Attributes:
        ends: (L, 2) nodes.
        over: (F, L) fibre routes each one runs over.
        length: (L,) km.
    """

    ends: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    over: Flags
    length: Floats

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def direct(self) -> Flags:
        """(L,) which run over one fibre route only."""
        alone: Flags = self.over.sum(0) == 1
        return alone

    def names(self, topology: Topology) -> list[str]:
        """Return what each lightpath joins and, where several do, over which fibre routes."""
        ends = ["-".join(topology.nodes[node] for node in pair) for pair in self.ends]
        return [name if alone else f"{name} over {', '.join(topology.link_name(int(route)) for route in routes)}"
                for name, alone, routes in zip(ends, self.direct, map(np.flatnonzero, self.over.T), strict=True)]


def candidates(topology: Topology, paths: int = 2, hops: int | None = None) -> Candidates:
    """Return the lightpaths over the shortest simple fibre paths of each pair of nodes, all direct ones among them.

    Args:
        topology: the fibre routes.
        paths: most paths of a pair; 0 leaves the direct ones only.
        hops: most fibre routes of a path; None for any number.

    Raises:
        ParameterError: no path, or no hop.
    """
    if paths < 0 or (hops is not None and hops < 1):
        raise ParameterError(f"Candidates of {topology.name}: given {paths} paths a pair of up to {hops} hops; "
                             "allowed: 0 or more paths, 1 or more hops.")
    graph = networkx.Graph()
    for route, (a, b) in enumerate(topology.ends.tolist()):
        graph.add_edge(a, b, route=route, length=float(topology.length[route]))
    chosen = {(route,): (int(a), int(b)) for route, (a, b) in enumerate(topology.ends)}
    for a, b in combinations(range(topology.size), 2):
        for nodes in islice(networkx.shortest_simple_paths(graph, a, b, weight="length"), paths):
            routes = tuple(sorted(graph[here][there]["route"] for here, there in pairwise(nodes)))
            if hops is None or len(routes) <= hops:
                chosen.setdefault(routes, (a, b))
    over = np.zeros((topology.links, len(chosen)), bool)
    for column, routes in enumerate(chosen):
        over[list(routes), column] = True
    return Candidates(np.array(list(chosen.values())), over, topology.length @ over / 100)


def instance(topology: Topology, demand: Floats, module: float, lightpaths: Candidates, prices: Prices | None = None,
             share: float = 1.0, pairs: float = 64.0, survived: float = 1.0, spare: int = 0,
             routed: bool = True) -> Instance:
    """Return the planning problem of both layers.

    Args:
        topology: the fibre routes.
        demand: (n, n) symmetric traffic.
        module: traffic a lightpath carries.
        lightpaths: that may be set up.
        prices: of both layers.
        share: of each demand that must survive a fibre cut. Cuts that leave no path are exempt.
        pairs: fibre pairs there are on each route.
        survived: share of the cuts, exempt ones not counted, that must be survived; the plan chooses which.
        spare: channels of each lit fibre pair that stay free.
        routed: whether all demands must be carried while every fibre works.

    Raises:
        ParameterError: a share outside 0 to 1, or no channel left.
    """
    prices = prices or Prices()
    if not (0 <= share <= 1 and 0 <= survived <= 1 and 0 <= spare < prices.channels):
        raise ParameterError(f"{topology.name}: given share {share:g}, survived {survived:g}, spare {spare}; allowed: "
                             f"shares from 0 to 1, and 0 to {prices.channels - 1} spare channels.")
    count, routes = len(lightpaths), topology.links
    cuts = Failures.of_groups([(route,) for route in range(routes)], routes, share)
    failures = Failures(lightpaths.over, np.full(routes, share), np.full(routes, -1),
                        tuple(f"fibre {topology.link_name(route)}" for route in range(routes)))
    fibres = Fibres(topology.ends, lightpaths.over, prices.channels - spare, prices.fibre * topology.length / 100,
                    np.full(routes, pairs), cuts)
    built = Instance(topology.size, lightpaths.ends, demand, module,
                     np.array([prices.lightpath(length) for length in lightpaths.length]), np.zeros(count),
                     np.full(count, MOST), failures, fibres, normal=float(routed))
    exempt = [number - 1 for number in built.disconnecting() if number]
    kept = failures.without(exempt)
    return replace(built, failures=kept, fibres=replace(fibres, failures=cuts.without(exempt)),
                   may_drop=droppable(len(kept), survived))
