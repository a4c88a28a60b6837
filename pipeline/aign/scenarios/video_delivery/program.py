"""The best design of a network, with proof: an integer program over caches, serving nodes, paths and bitrates.

A cache column says that a node caches a class, a service column that the streams of a class at a node are served in
one way at one level. They are served once at most, by a node that caches the class; storage, links and the request
bound sums. A design whose streams pass a cache that could serve them, which the program allows, is worth no more than
the real one; nor is one with an overloaded link, whose streams might as well not be sent. So the bound is of all
designs.

Axes: N edge nodes, C classes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.core.integer_program import INFINITE, Columns, Floats, IntegerProgram
from aign.scenarios.video_delivery.catalogue import BITRATES, worths
from aign.scenarios.video_delivery.delivery import Choice, DeliveryNetwork
from aign.scenarios.video_delivery.limits import Limits, Row, Service, Way

GAP = 1e-3
"""Relative gap at which the search for a better design ends."""
Coefficients = dict[int, float]


@dataclass(frozen=True, eq=False)
class Plan:
    """What is proven of one network under limits: no design has a higher utility than `bound`, minus infinity where no
    design meets the limits; the best choice known, each (1, N, C), None where none is.
    """

    bound: float
    choice: Choice | None


class Planner:
    """Finds certified designs of a network."""

    def __init__(self, network: DeliveryNetwork) -> None:
        self.network = network

    @cached_property
    def ways(self) -> list[list[Way]]:
        """Each node's ways to be served, all different."""
        return [list(self._ways(node).values()) for node in range(self.network.size)]

    def _ways(self, node: int) -> dict[tuple[int, ...], Way]:
        """Return the ways of a node by the links they cross."""
        paths, ways = self.network.paths, dict[tuple[int, ...], Way]()
        for path, nodes in enumerate(paths.nodes[node].tolist()):
            for hops in range(nodes.index(self.network.size) + 1):
                links = tuple(paths.links[node, path, :hops].tolist())
                server = None if nodes[hops] == self.network.size else nodes[hops]
                place = node, path, hops
                ways.setdefault(links, Way(path, hops, server, links, float(paths.latency[place]),
                                           float(paths.kilometres[place])))
        return ways

    def services(self, streams: Tensor) -> list[Service]:
        """Return every way to serve streams (N, C) at every level."""
        price = self.network.parameters.link_price / 1000
        return [Service(node, kind, way, level, amount, amount * worth, price * way.kilometres * amount * rate)
                for node, amounts in enumerate(streams.tolist()) for kind, amount in enumerate(amounts)
                for way in self.ways[node]
                for level, (worth, rate) in enumerate(zip(worths().tolist(), BITRATES, strict=True)) if level]

    def best(self, context: Tensor, limits: Limits, margin: float = 0.0) -> Plan:
        """Return the best design of a context (C,) under limits, each tightened by a relative margin."""
        network, program = self.network, IntegerProgram(GAP)
        streams = network.streams(context[None])[0]
        total, services = max(float(streams.sum()), 1e-12), self.services(streams)
        stored = np.tile(network.stored.numpy(), network.size)
        caches = program.columns(stored / total, 0.0, 1.0, whole=True)
        served = program.columns(np.array([each.carrying - each.worth for each in services]) / total, 0.0, 1.0, True)
        self._share(program, services, caches.reshape(network.size, -1), served)
        if limits.nearest:
            self._stop_at_caches(program, services, caches.reshape(network.size, -1), served)
        for row in limits.rows(total):
            _bound(program, row, services, served, dict(zip(caches.tolist(), stored.tolist(), strict=True)), margin)
        self._carry(program, services, served, limits.load * (1 - margin))
        solved = program.solve()
        return Plan(-solved.bound, None if solved.values is None else
                    self._choice(services, solved.values[caches], solved.values[served]))

    def _share(self, program: IntegerProgram, services: list[Service], caches: Columns, served: Columns) -> None:
        """Serve each class once at each node, by nodes that cache it, which have room for it."""
        once, holders = (defaultdict[tuple[int, ...], Coefficients](dict) for _ in range(2))
        for column, each in zip(served.tolist(), services, strict=True):
            once[each.node, each.kind][column] = 1.0
            if each.way.server is not None:
                holders[each.node, each.kind, each.way.server][column] = 1.0
        for row in once.values():
            program.row(-INFINITE, row, 1.0)
        for (_, kind, server), row in holders.items():
            program.row(-INFINITE, row | {int(caches[server, kind]): -1.0}, 0.0)
        room, titles = max(1, self.network.parameters.storage), self.network.titles.tolist()
        for row in caches.tolist():
            sizes = {column: size / room for column, size in zip(row, titles, strict=True)}
            program.row(-INFINITE, sizes, self.network.parameters.storage / room)

    def _stop_at_caches(self, program: IntegerProgram, services: list[Service], caches: Columns,
                        served: Columns) -> None:
        """Let no streams pass a cache that could serve them."""
        passing = defaultdict[tuple[int, int], Coefficients](dict)
        for column, each in zip(served.tolist(), services, strict=True):
            for node in self.network.paths.nodes[each.node, each.way.path, :each.way.hops].tolist():
                passing[each.node * self.network.size + node, each.kind][column] = 1.0
        for (nodes, kind), row in passing.items():
            program.row(-INFINITE, row | {int(caches[nodes % self.network.size, kind]): 1.0}, 1.0)

    def _carry(self, program: IntegerProgram, services: list[Service], served: Columns, most: float) -> None:
        """Load each link by at most so much of its capacity."""
        carried = defaultdict[int, Coefficients](dict)
        for column, each in zip(served.tolist(), services, strict=True):
            for link in each.way.links:
                carried[link][column] = each.traffic / self.network.parameters.capacity
        for row in carried.values():
            program.row(-INFINITE, row, most)

    def _choice(self, services: list[Service], caches: Floats, served: Floats) -> Choice:
        """Return the choice that the values of a solution stand for."""
        cached = torch.tensor(caches > 0.5).long().reshape(self.network.size, -1)
        path, level = torch.zeros_like(cached), torch.zeros_like(cached)
        for each, value in zip(services, served.tolist(), strict=True):
            if value > 0.5:
                path[each.node, each.kind], level[each.node, each.kind] = each.way.path, each.level
        return Choice(cached[None], path[None], level[None])


def _bound(program: IntegerProgram, row: Row, services: list[Service], served: Columns, storage: Coefficients,
           margin: float) -> None:
    """Add a row of the request, scaled to order 1."""
    values = {column: row.value(each) for column, each in zip(served.tolist(), services, strict=True)}
    values |= storage if row.storage else {}
    scale = max(1e-12, *map(abs, values.values()))
    program.row(-INFINITE, {column: value / scale for column, value in values.items() if value},
                row.most / scale - margin)
