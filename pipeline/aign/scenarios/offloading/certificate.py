"""The cheapest assignment, with proof: sets of users for each server, chosen by an integer program.

Where a network has few sets of users worth serving all of them enter the program. Where it has many, those that matter
are generated: the linear program over some of them prices users and servers, sets of negative reduced cost are added
until there are none, and its value is then a bound. What a whole solution may still use are sets whose reduced cost is
at most the gap between that bound and the best whole solution known; all of those enter the final program.

Axes: B networks, N users, M servers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.master import Master, Solution
from aign.scenarios.offloading.member_sets import MemberSets
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.search import searched
from aign.scenarios.offloading.sets import Prices, Sets

FEW = 4_000
"""Sets up to which all of them enter the program."""
MOST = 400_000
"""Sets up to which the final program is tried; beyond, the bound of the linear program stands alone."""
STARTS = 64
"""Local searches whose sets begin the generation."""
BEAM = 2_000
"""Sets of each size from which larger ones are made while columns are sought quickly."""
ADDED = 40
"""Sets of a server added in each round, those of the least reduced cost."""
ROUNDS = 400
NEGATIVE = 1e-8
"""Reduced cost, relative to the cost of computing everything locally, that counts as zero: above HiGHS's tolerance."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """What is proven of one network under limits: no assignment costs less than `bound`, infinite where there is none;
    `server` (N,) the best known, None where none is.
    """

    bound: float
    server: Tensor | None


def best(network: Network, limits: Limits) -> Assignment:
    """Return the cheapest assignment of one network (a batch of one) under limits."""
    if limits.fewest > limits.most or limits.late < 0:
        return Assignment(np.inf, None)
    sets = MemberSets(network, limits)
    everything = sets.collect(Prices.none(*network.upload[0, :, 1:].shape), FEW)
    if everything is None:
        return _generated(sets)
    master = Master(sets)
    master.add(everything)
    return _assignment(sets, everything, master.whole())


def _assignment(sets: MemberSets, columns: Sets, solution: Solution, bound: float | None = None) -> Assignment:
    """Return the assignment of a whole solution; its own cost is the bound where no other is known."""
    if solution.values is None:
        return Assignment(np.inf if bound is None else bound, None)
    server = torch.zeros(sets.network.root.shape[1], dtype=torch.long)
    for column in np.flatnonzero(solution.values > 0.5):
        place = int(columns.server[column])
        server[sets.users[place][columns.members[column]]] = place + 1
    cost = float(sets.network.serve(server[None]).cost.sum())
    return Assignment(cost if bound is None else bound, server)


def _generated(sets: MemberSets) -> Assignment:
    """Return the cheapest assignment by column generation."""
    local = float(sets.network.local_cost.sum())
    zero = NEGATIVE * local
    master, columns = Master(sets, elastic=True), _first(sets)
    master.add(columns)
    for _ in range(ROUNDS):
        relaxed = master.relaxed()
        prices = master.prices(-zero)
        negative = _negative(sets, prices, columns)
        new = None if negative is None else _cheapest(negative.missing(columns), len(sets.users))
        if new is None or not len(new):
            break
        master.add(new)
        columns = Sets.join([columns, new])
    if negative is None or new is None or len(new):
        return _assignment(sets, columns, _within(sets, columns), sets.least_cost)
    # Each server serves one set. At high prices rounding leaves sets that the program holds below zero: they count too.
    reduced = torch.full((len(sets.users),), -zero, dtype=torch.float64)
    least = relaxed.cost + float(reduced.scatter_reduce(0, negative.server, negative.reduced, "amin").sum())
    if local + least > sets.most_cost:  # only beyond the limits, which the program may break at a high cost
        return Assignment(np.inf, None)
    incumbent = _within(sets, columns)
    gap = min(incumbent.cost, sets.most_cost - local) - least
    every = sets.collect(replace(prices, limit=gap), MOST)
    if every is None:
        return _assignment(sets, columns, incumbent, local + least)
    return _assignment(sets, every, _within(sets, every))


def _within(sets: MemberSets, columns: Sets) -> Solution:
    """Return the best whole solution that uses some columns only."""
    master = Master(sets)
    master.add(columns)
    return master.whole()


def _first(sets: MemberSets) -> Sets:
    """Return the sets of many local searches' designs, and all single users."""
    servers, width = sets.users.shape
    each = torch.arange(servers)
    designs = searched(sets.network, STARTS)[:, 0]
    members = [torch.eye(width, dtype=torch.bool).repeat(servers, 1) & sets.there.repeat_interleave(width, dim=0)]
    members += [(design[sets.users] == each[:, None] + 1) & sets.there for design in designs]
    whole = torch.cat([torch.cat([each.repeat_interleave(width), each.repeat(len(designs))])[:, None],
                       torch.cat(members)], 1).unique(dim=0)
    whole = whole[whole[:, 1:].any(1)]
    return sets.described(whole[:, 0], whole[:, 1:].bool())


def _negative(sets: MemberSets, prices: Prices, known: Sets) -> Sets | None:
    """Return sets below the prices' limit, None where they are too many: some if any is not known yet, else all."""
    some = sets.collect(prices, MOST, BEAM)
    return some if some is not None and len(some.missing(known)) else sets.collect(prices, MOST)


def _cheapest(sets: Sets, servers: int) -> Sets:
    """Return some sets of each server, those of the least reduced cost."""
    order = sets.reduced.argsort(stable=True)
    ordered = sets.server[order]
    return sets.take(torch.cat([order[ordered == server][:ADDED] for server in range(servers)]))
