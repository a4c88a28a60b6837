"""Cut inequalities around sets of nodes, and a local search for those that a plan breaks most.

Whatever is routed between a set of nodes and the rest crosses the links between them, so in each scenario the links
that work must hold the traffic across, in whole modules. Where any single link across may fail, adding up those rows
over the k links gives a stronger one: D modules needed after a failure ask for D + ceil(D / (k - 1)) in all.

Axes: M node sets, n nodes, L links, S scenarios, R rows.
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
    """Cut inequalities of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        incident = np.zeros((instance.nodes, instance.links), bool)
        incident[instance.ends[:, 0], np.arange(instance.links)] = True
        incident[instance.ends[:, 1], np.arange(instance.links)] = True
        self._incident = incident
        self._total = instance.demand.sum(1)
        self._silent = np.flatnonzero(instance.silent >= 0)
        may_fail = instance.failures.dead.any(0)
        self._may_fail = may_fail if instance.single is not None else np.zeros(instance.links, bool)
        after = instance.failures.share[0] if len(instance.failures) else 0.0
        self._after = float(after)

    def crossing(self, side: Flags) -> Flags:
        """Return which links (M, L) cross the border of node sets (M, n)."""
        links: Flags = side[:, self.instance.ends[:, 0]] != side[:, self.instance.ends[:, 1]]
        return links

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

    def needs(self, side: Flags) -> Floats:
        """Return the modules (M, S) needed across node sets (M, n) in each scenario."""
        traffic = np.repeat(self.traffic(side)[:, None], self.instance.scenarios, 1)
        traffic[:, self._silent] -= self._excused(side)
        return modules_needed(self.instance, traffic, slice(None))

    def rows(self, side: Flags, plan: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the inequalities (R,), (R, L) of node sets (M, n): all, or only those that a plan (L,) breaks."""
        side = _canonical(side)
        crossing, needs = self.crossing(side), self.needs(side)
        low, matrix = [], []
        for members, need in zip(crossing, needs, strict=True):
            scenarios = _worst_of_each(members, need, self.instance.alive)
            low.append(need[scenarios])
            matrix.append((self.instance.alive[scenarios] & members).astype(np.float64))
        summed = self._summed(crossing, needs)
        low.append(summed[summed > 0])
        matrix.append(crossing[summed > 0].astype(np.float64))
        lows, matrices = np.concatenate(low), np.concatenate(matrix)
        broken = matrices @ plan < lows - 1e-6 if plan is not None else lows > 0
        return lows[broken], matrices[broken]

    def _summed(self, crossing: Flags, needs: Floats) -> Floats:
        """Return the strengthened need (M,) of sets whose links across may all fail, one at a time; else 0."""
        count = crossing.sum(1)
        all_fail = (count > 1) & ~(crossing & ~self._may_fail).any(1)
        if not all_fail.any():
            return np.zeros(len(crossing))
        after = needs[:, 1:].max(1) if needs.shape[1] > 1 else np.zeros(len(crossing))
        return np.where(all_fail, after + np.ceil(after / np.maximum(count - 1, 1) - 1e-9), 0.0)

    def triples(self, side: Flags, plan: Floats) -> tuple[Floats, Floats]:
        """Return inequalities (R,), (R, L) that a plan breaks, from node sets (M, n): two disjoint ones and the rest.

        Each link between the three parts crosses two of their borders, so that half of the three needs, rounded up,
        must be held between them.
        """
        sides = np.concatenate([side, ~side])
        first, second = np.nonzero(np.triu(sides.astype(np.int64) @ sides.T == 0, 1))
        rest = ~(sides[first] | sides[second])
        proper = rest.any(1)
        first, second, rest = first[proper], second[proper], rest[proper]
        traffic = self.traffic(sides)
        parts = [traffic[first], traffic[second], self.traffic(rest)]
        normal, after = (np.ceil(sum(modules_needed(self.instance, part, scenario) for part in parts) / 2 - 1e-9)
                         for scenario in (0, min(1, self.instance.scenarios - 1)))
        crossing = self.crossing(sides)
        between = crossing[first] | crossing[second]
        low = np.maximum(normal, self._summed(between, np.stack([normal, after], 1)))
        excess = low - between @ plan
        worst = np.argsort(-excess, kind="stable")[:TRIPLES]
        worst = worst[excess[worst] > 1e-6]
        return low[worst], between[worst].astype(np.float64)

    def climb(self, side: Flags, plan: Floats) -> tuple[Flags, Floats]:
        """Return node sets (M, n) improved by single nodes until none helps, and how much a plan (L,) breaks each."""
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
        crossing = self.crossing(flat)
        held = crossing.astype(np.float64) @ plan
        count = flat.sum(1)
        if self.instance.single is not None:
            traffic = self.traffic(flat)
            normal = modules_needed(self.instance, traffic, 0)
            after = modules_needed(self.instance, traffic, 1)
            largest = np.where(crossing & self._may_fail, plan, 0.0).max(1)
            broken = np.maximum(normal - held, after - held + largest)
            broken = np.maximum(broken, self._summed(crossing, np.stack([normal, after], 1)) - held)
            exact = np.maximum(traffic, self._after * traffic + self.instance.module * largest)
            unrounded = exact / self.instance.module - held
        else:
            needs = self.needs(flat)
            left = (crossing * plan) @ self.instance.alive.T.astype(np.float64)
            broken = (needs - left).max(1)
            unrounded = broken
        broken = np.where((count == 0) | (count == self.instance.nodes), -np.inf, broken)
        return (broken + UNROUNDED * unrounded).reshape(shape), broken.reshape(shape)


def _canonical(side: Flags) -> Flags:
    """Return node sets without the first node: a set and its complement have the same border."""
    return side ^ side[:, :1]


def _worst_of_each(members: Flags, need: Floats, alive: Flags) -> Integers:
    """Return scenarios, one for each way in which they thin out the links across a cut: the one that asks for most."""
    left = alive & members
    order = np.argsort(-need, kind="stable")
    _, first = np.unique(left[order], axis=0, return_index=True)
    scenarios = order[np.sort(first)]
    return scenarios[need[scenarios] > 0]
