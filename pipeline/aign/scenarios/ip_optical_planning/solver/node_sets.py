"""Cut inequalities around sets of nodes, and a local search for those that a plan breaks most.

Whatever is routed between a set of nodes and the rest crosses the links between them, so in each scenario the links
that work must hold the traffic across, in whole modules. Where any single link across may fail, adding up those rows
over the k links gives a stronger one: D modules needed after a failure ask for D + ceil(D / (k - 1)) in all. So it does
where k fibre routes across may fail: a lightpath across runs over one of them at least.

Axes: M node sets, n nodes, L links, S scenarios, R rows, C values of a plan of this layer: modules of L links, then
whether each failure is dropped where some may be.
"""

from __future__ import annotations

import numpy as np

from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance, Integers, modules_needed

UNROUNDED = 0.05
"""Weight of the violation before rounding: it leads the search across plateaus of the rounded one."""
TRIPLES = 60
"""Inequalities around three parts added at once."""
BATCH = 64
"""Node sets that climb together: bounds memory."""


class CutRows:
    """Inequalities matrix @ y >= low of one instance; each row once."""

    def __init__(self, links: int) -> None:
        self.low = np.empty(0)
        self.matrix = np.empty((0, links))
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        return len(self.low)

    def add(self, low: Floats, matrix: Floats) -> Integers:
        """Add rows (R,), (R, L) and return the numbers of those that are new and ask for anything."""
        fresh = []
        for row in range(len(low)):
            key = matrix[row].astype(np.float32).tobytes() + np.float64(low[row]).tobytes()
            if low[row] > 0 and key not in self._known:
                self._known.add(key)
                fresh.append(row)
        first = len(self)
        self.low = np.append(self.low, low[fresh])
        self.matrix = np.vstack([self.matrix, matrix[fresh]])
        return np.arange(first, len(self))


class NodeSets:
    """Cut inequalities of one instance, for its links alone: fibres below them count as what may fail."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._total = instance.demand.sum(1)
        self._silent = np.flatnonzero(instance.silent >= 0)
        self._plain = instance.single and instance.fibres is None
        below = instance.below or instance
        self._below = below.ends
        alone = np.flatnonzero((below.failures.dead.sum(1) == 1) & (below.failures.silent < 0))
        self._alone = alone  # failures of single links, or of single fibre routes
        self._route = below.failures.dead[alone].argmax(1)
        self._struck = instance.failures.dead[alone].astype(np.float64)
        self._may_fail = instance.failures.dead.any(0)

    @property
    def singles(self) -> bool:
        """Whether any single link, or fibre route, may fail alone."""
        return len(self._alone) > 0

    def crossing(self, side: Flags) -> Flags:
        """Return which links (M, L) cross the border of node sets (M, n)."""
        return _across(side, self.instance.ends)

    def traffic(self, side: Flags) -> Floats:
        """Return the traffic (M,) across the borders of node sets (M, n)."""
        members = side.astype(np.float64)  # numpy multiplies flags with floats without BLAS
        traffic: Floats = (members * (self._total - members @ self.instance.demand)).sum(1)
        return traffic

    def _excused(self, side: Flags) -> Floats:
        """Return the traffic (M, silent scenarios) across that belongs to nodes which failed themselves."""
        node = self.instance.silent[self._silent]
        inside = side.astype(np.float64) @ self.instance.demand[:, node]
        return np.where(side[:, node], self._total[node] - inside, inside)

    def _traffic_in(self, side: Flags) -> Floats:
        """Return the traffic (M, S) across node sets (M, n) in each scenario, before its share is taken."""
        traffic = np.repeat(self.traffic(side)[:, None], self.instance.scenarios, 1)
        traffic[:, self._silent] -= self._excused(side)
        return traffic

    def needs(self, side: Flags) -> Floats:
        """Return the modules (M, S) needed across node sets (M, n) in each scenario."""
        return modules_needed(self.instance, self._traffic_in(side), slice(None))

    def rows(self, side: Flags, plan: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the inequalities (R,), (R, C) of node sets (M, n): all, or only those that a plan (C,) breaks."""
        side = _canonical(side)
        crossing, needs = self.crossing(side), self.needs(side)
        low, matrix = [], []
        for members, need in zip(crossing, needs, strict=True):
            scenarios = self._worst_of_each(members, need)
            low.append(need[scenarios])
            matrix.append(np.hstack([self.instance.alive[scenarios] & members,
                                     self.instance.excused(need[scenarios], scenarios)]))
        summed = self._summed(crossing, _across(side, self._below), needs)
        lows = np.concatenate([*low, summed[0]])
        matrices = np.concatenate([*matrix, np.hstack(summed[1:])])
        broken = matrices @ plan < lows - 1e-6 if plan is not None else lows > 0
        return lows[broken], matrices[broken]

    def _worst_of_each(self, members: Flags, need: Floats) -> Integers:
        """Return scenarios, one for each way in which they thin out the links across a cut: the one that asks for most.

        Failures that may be dropped stand for themselves, unless the case without failures asks for as much.
        """
        left = self.instance.alive & members
        if self.instance.droppable:
            asks = (need > 0) & ((need > need[0]) | (left != members).any(1))
            asks[0] = need[0] > 0
            return np.flatnonzero(asks)
        order = np.argsort(-need, kind="stable")
        _, first = np.unique(left[order], axis=0, return_index=True)
        scenarios = order[np.sort(first)]
        return scenarios[need[scenarios] > 0]

    def _summed(self, crossing: Flags, routes: Flags, needs: Floats) -> tuple[Floats, Flags, Floats]:
        """Return the rows of single failures across borders, added up and rounded, low (M,), links (M, L), and the
        coefficients (M, droppable) of dropped failures; low is 0 where some link across never fails.

        Args:
            crossing: (M, L) links across.
            routes: (M, fibre routes) across; links where there are no fibres.
            needs: (M, S).
        """
        strikes = routes[:, self._route]
        wanted = np.where(strikes, needs[:, 1 + self._alone], 0.0)
        links, most = self._survivors(crossing, strikes)
        low = np.where(most > 0, np.ceil(wanted.sum(1) / np.maximum(most, 1) - 1e-9), 0.0)
        drops = np.zeros((len(crossing), self.instance.droppable))
        if self.instance.droppable:
            drops[:, self._alone] = np.ceil(wanted / np.maximum(most, 1)[:, None] - 1e-9)
        return low, links, drops

    def _survivors(self, crossing: Flags, strikes: Flags) -> tuple[Flags, Floats]:
        """Return the links (M, L) across that survive one of the failures which strike (M, failures), and how many of
        them the hardiest link survives (M,): 0 where that survives all.
        """
        count = strikes.sum(1).astype(np.float64)
        survived = np.where(crossing, count[:, None] - strikes.astype(np.float64) @ self._struck, 0.0)
        most = survived.max(1, initial=0.0)
        return survived > 0, np.where(most < count, most, 0.0)

    def triples(self, side: Flags, plan: Floats) -> tuple[Floats, Floats]:
        """Return inequalities (R,), (R, C) that a plan breaks, from node sets (M, n): two disjoint ones and the rest.

        Each link between the three parts crosses two of their borders, so that half of the three needs, rounded up,
        must be held between them.
        """
        sides = np.concatenate([side, ~side])
        first, second = np.nonzero(np.triu(sides.astype(np.int64) @ sides.T == 0, 1))
        rest = ~(sides[first] | sides[second])
        proper = rest.any(1)
        first, second, rest = first[proper], second[proper], rest[proper]
        needs = self.needs(sides)
        halves = np.ceil((needs[first] + needs[second] + self.needs(rest)) / 2 - 1e-9)
        crossing, routes = self.crossing(sides), _across(sides, self._below)
        between = crossing[first] | crossing[second]
        low, links, drops = self._summed(between, routes[first] | routes[second], halves)
        matrix = np.where((halves[:, 0] >= low)[:, None], np.hstack([between, 0.0 * drops]), np.hstack([links, drops]))
        low = np.maximum(low, halves[:, 0])
        excess = low - matrix @ plan
        worst = np.argsort(-excess, kind="stable")[:TRIPLES]
        worst = worst[excess[worst] > 1e-6]
        return low[worst], matrix[worst]

    def climb(self, side: Flags, plan: Floats) -> tuple[Flags, Floats]:
        """Return node sets (M, n) improved by single nodes until none helps, and how much a plan (C,) breaks each."""
        parts = [self._climb(part.copy(), plan) for part in np.split(side, range(BATCH, len(side), BATCH))]
        sets, broken = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        _, first = np.unique(_canonical(sets), axis=0, return_index=True)
        order = first[np.argsort(-broken[first], kind="stable")]
        return sets[order], broken[order]

    def _climb(self, side: Flags, plan: Floats) -> tuple[Flags, Floats]:
        score, broken = self._violation(side[:, None], plan)
        score, broken = score[:, 0], broken[:, 0]
        active = np.arange(len(side))
        flip = np.eye(self.instance.nodes, dtype=bool)
        while len(active):
            trial, trial_broken = self._violation(side[active, None] ^ flip, plan)
            best = trial.argmax(1)
            rows = np.arange(len(active))
            better = trial[rows, best] > score[active] + 1e-9
            moved = active[better]
            side[moved, best[better]] ^= True
            score[moved], broken[moved] = trial[rows, best][better], trial_broken[rows, best][better]
            active = moved
        return side, broken

    def _violation(self, side: Flags, plan: Floats) -> tuple[Floats, Floats]:
        """Return what the search maximises, and the violation in modules, for node sets (M, K, n); both (M, K)."""
        shape, flat = side.shape[:2], side.reshape(-1, self.instance.nodes)
        broken, unrounded = (self._plain_violation if self._plain else self._general_violation)(flat, plan)
        count = flat.sum(1)
        broken = np.where((count == 0) | (count == self.instance.nodes), -np.inf, broken)
        return (broken + UNROUNDED * unrounded).reshape(shape), broken.reshape(shape)

    def _general_violation(self, side: Flags, plan: Floats) -> tuple[Floats, Floats]:
        """Return the violation (M,) of node sets (M, n), rounded and not."""
        instance = self.instance
        modules, dropped = plan[:instance.links], plan[instance.links:]
        crossing, traffic = self.crossing(side), self._traffic_in(side)
        needs, exact = modules_needed(instance, traffic, slice(None)), traffic * instance.share / instance.module
        left = (crossing * modules) @ instance.alive.T.astype(np.float64)
        low, links, drops = self._summed(crossing, _across(side, self._below), needs)
        if instance.droppable:
            needs[:, 1:] *= 1.0 - dropped
            exact[:, 1:] *= 1.0 - dropped
        summed = low - links @ modules - drops @ dropped
        return np.maximum((needs - left).max(1), summed), (exact - left).max(1)

    def _plain_violation(self, side: Flags, plan: Floats) -> tuple[Floats, Floats]:
        """Return the same, faster, where each failure takes one link of one layer."""
        instance = self.instance
        crossing, traffic = self.crossing(side), self.traffic(side)
        held = crossing.astype(np.float64) @ plan
        normal, after = modules_needed(instance, traffic, 0), modules_needed(instance, traffic, 1)
        may_fail = crossing & self._may_fail
        largest = np.where(may_fail, plan, 0.0).max(1)
        broken = np.maximum(normal - held, after - held + largest)
        count = crossing.sum(1)
        summed = after + np.ceil(after / np.maximum(count - 1, 1) - 1e-9)
        broken = np.maximum(broken, np.where((count > 1) & (may_fail.sum(1) == count), summed - held, -np.inf))
        exact = np.maximum(instance.share[0] * traffic, instance.share[1] * traffic + instance.module * largest)
        return broken, exact / instance.module - held


def _across(side: Flags, ends: Integers) -> Flags:
    """Return which of some links, by their ends, cross the borders of node sets (M, n)."""
    links: Flags = side[:, ends[:, 0]] != side[:, ends[:, 1]]
    return links


def _canonical(side: Flags) -> Flags:
    """Return node sets without the first node: a set and its complement have the same border."""
    return side ^ side[:, :1]
