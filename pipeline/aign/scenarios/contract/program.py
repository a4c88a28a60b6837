"""Menus under a request, by linear programs: a bound on the best, the best, and the nearest.

With types 1..k each signing its own contract (which loses nothing: Myerson's revelation principle), individual
rationality, incentive compatibility and every constraint that is handled are linear in speeds x and rewards R. The
cost p e2 x^-z2 + p R is convex, and separable: tangents t >= x0^-z2 - z2 x0^(-z2-1) (x - x0) turn it into a linear
program whose value never exceeds the true cost, and tangents added at its solution bring the two together (Kelley
1960). A bound proven this way holds after any number of rounds.

Variables [x (k) | R (k) | t (k)], or [x | R | dx | dR] for the nearest menu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from aign.scenarios.contract.menu import GRID, TOLERANCE, Market
from aign.scenarios.core.constraints import Constraint, Side, tightest

Array = np.ndarray[Any, np.dtype[np.float64]]
EXACT: frozenset[Side] = frozenset({
    ("ir_slack", ">="), ("ic_slack", ">="), ("payment", "<="), ("payment", ">="), ("provider_utility", "<="),
    ("provider_utility", ">="), ("latency", "<="), ("served", ">=")})
"""Constraints a linear program states exactly: the others are not convex, or speak of contracts nobody signs."""
TANGENTS, ROUNDS, CLOSE = 17, 40, 1e-9
"""First tangents of each speed; rounds of new ones; gap, relative to e2, at which they end."""
OPTIONS: dict[str, float | bool] = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
SOLVED, INFEASIBLE = 0, 2
"""What `linprog` reports; 1 is a limit of time or steps, 3 an unbounded program, 4 numerical trouble."""


@dataclass(frozen=True)
class Menu:
    """Speeds and rewards (k,) of the types served."""

    speed: Array
    reward: Array


@dataclass(frozen=True)
class ProgramResult:
    """What a program tells of the cheapest menu, where not that there is none.

    Attributes:
        cost: p e2 x^-z2 + p R of the types served, never too high.
        menu: the cheapest one; None where the solver gave up before it had any.
        prices: shadow price of each constraint; empty where there is no menu.
    """

    cost: float
    menu: Menu | None
    prices: dict[Constraint, float]


@dataclass(frozen=True)
class Program:
    """The linear constraints on a menu that serves types 1..k in one market.

    Attributes:
        market: of one network, B = 1, on the CPU.
        constraints: the request.
        served: k.
        strict: whether the menu is to survive rounding to the grid and to be valid exactly; otherwise providers may err
            by the tolerance of their choice, in the client's favour, so that the optimum is a bound.
    """

    market: Market
    constraints: Sequence[Constraint]
    served: int
    strict: bool

    @cached_property
    def share(self) -> Array:
        """(Q,) probability of each type."""
        return self.market.share[0].numpy()

    @cached_property
    def unit_cost(self) -> Array:
        """(Q,) cost of one unit of speed."""
        return self.market.cost[0].numpy()

    @cached_property
    def longest(self) -> float:
        """L_max [s]."""
        return float(self.market.longest[0])

    def most(self, label: str, limit: float = np.inf) -> float:
        """Return the least upper threshold asked of a label, and at most the limit."""
        return tightest(self.constraints, (label, "<="), limit)

    def least(self, label: str, limit: float = -np.inf) -> float:
        """Return the largest lower threshold asked of a label, and at least the limit."""
        return tightest(self.constraints, (label, ">="), limit)

    @property
    def margins(self) -> tuple[float, float]:
        """Least slacks of individual rationality and incentive compatibility."""
        slip = 0.0 if self.strict else -2 * TOLERANCE
        rational, compatible = self.least("ir_slack", 0.0), self.least("ic_slack", 0.0)
        # A contract may not become one with its neighbour where they have to be told apart.
        room = 4 * GRID * (1 + float(self.unit_cost.max())) if self.strict and compatible else 0.0
        return rational or slip, compatible + room or slip

    @property
    def room(self) -> float:
        """What rounding may move a reward: a grid step for each contract below it, and what its speed moves."""
        return 2 * GRID * (self.served + 1 + float(self.unit_cost.sum())) if self.strict else 0.0

    def rows(self) -> tuple[Array, Array, list[Side]]:
        """Return A (M, 2k), b (M,) of A [x | R] <= b, and for each row what it bounds."""
        k, cost, share = self.served, self.unit_cost[:self.served], self.share[:self.served]
        rational, compatible = self.margins
        eye, none = np.eye(k), np.zeros(k)
        rows: list[tuple[Array, Array, float, Side]] = [(cost[-1] * eye[-1], -eye[-1], -rational, ("ir_slack", ">="))]
        for q in range(k - 1):
            apart = eye[q] - eye[q + 1]
            rows += [(cost[q] * apart, -apart, -compatible, ("ic_slack", ">=")),
                     (-cost[q + 1] * apart, apart, -compatible, ("ic_slack", ">="))]
        room, asps = self.room, self.market.terms.asps
        senses: tuple[tuple[Literal["<=", ">="], float], ...] = (("<=", 1.0), (">=", -1.0))
        for name, of_speed, of_reward, scale in (("payment", none, share, asps),
                                                 ("provider_utility", -share * cost, share, 1.0)):
            for sense, sign in senses:
                limit = tightest(self.constraints, (name, sense))
                if np.isfinite(limit):
                    rows.append((sign * of_speed, sign * of_reward, sign * limit / scale - room, (name, sense)))
        bottom, left = self.most("ir_slack"), self.least("latency")
        if np.isfinite(bottom):
            rows.append((-cost[-1] * eye[-1], eye[-1], bottom - room, ("ir_slack", "<=")))
        if np.isfinite(left) and left > 0:
            rows.append((eye[-1], none, self.longest / left - room, ("latency", ">=")))
        apart_by = self.least("monotonicity")
        if np.isfinite(apart_by) and apart_by > 0:
            rows += [(eye[q + 1] - eye[q], none, -apart_by - room, ("monotonicity", ">=")) for q in range(k - 1)]
        matrix = np.array([np.concatenate(row[:2]) for row in rows])
        return matrix, np.array([limit for _, _, limit, _ in rows]), [side for _, _, _, side in rows]

    @property
    def speeds(self) -> tuple[float, float]:
        """Bounds of x; they cross where no contract is fast enough."""
        latency = self.most("latency")
        slowest = self.longest / latency if latency > 0 else np.inf
        slowest = max(1.0, slowest + (2 * GRID if self.strict and slowest > 1 else 0.0))
        return slowest, self.market.terms.x_max

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Bounds of x and R."""
        return [self.speeds] * self.served + [(0.0, self.market.terms.reward_max - self.room)] * self.served

    @property
    def possible(self) -> bool:
        """Whether the bounds leave room and enough providers are served."""
        low, high = self.speeds
        signed = float(np.where(np.arange(len(self.share)) < self.served, self.share, 0.0).sum() / self.share.sum())
        all_must_sign = self.least("ir_slack") > -TOLERANCE
        return (low <= high and signed >= self.least("served")
                and not (all_must_sign and self.served < len(self.share)))

    def solve(self) -> ProgramResult | None:
        """Return the cheapest menu, or None where it is proven that there is none.

        Where the solver gives up, the last round's menu stands, or no menu: the cost is too low then, never too high.
        """
        if not self.possible:
            return None
        if self.served == 0:
            return self._nobody()
        k, terms, share = self.served, self.market.terms, self.share[:self.served]
        matrix, limits, sides = self.rows()
        result = ProgramResult(float(share.sum()) * terms.e2 * terms.x_max**-terms.z2, None, {})
        points = np.repeat(np.geomspace(*self.speeds, TANGENTS)[:, None], k, axis=1)
        padded = np.hstack([matrix, np.zeros((len(matrix), k))])
        weights = np.concatenate([np.zeros(k), share, share * terms.e2])
        for _ in range(ROUNDS):
            cuts, levels = self._tangents(points)
            solved = linprog(weights, csr_matrix(np.vstack([padded, cuts])), np.concatenate([limits, levels]),
                             bounds=[*self.bounds, *[(0.0, 1.0)] * k], method="highs", options=OPTIONS)
            if solved.status == INFEASIBLE:
                return None
            if solved.status != SOLVED:
                break
            x, r, t = np.split(solved.x, 3)
            x = np.clip(x, *self.speeds)
            prices = self._prices(solved.ineqlin.marginals[:len(sides)], sides)
            result = ProgramResult(float(solved.fun), Menu(x, r), prices)
            if float(share @ (x**-terms.z2 - t)) <= CLOSE:
                break
            points = np.vstack([points, x])
        return result

    def _nobody(self) -> ProgramResult | None:
        kept = all(self.least(label) <= 0 <= self.most(label) for label in ("payment", "provider_utility"))
        menu = Menu(np.empty(0), np.empty(0))
        return ProgramResult(0.0, menu, dict.fromkeys(self.constraints, 0.0)) if kept else None

    def _tangents(self, points: Array) -> tuple[Array, Array]:
        """Return rows and limits of the tangents of x^-z2 at points (P, k): slope x - t <= slope x0 - x0^-z2."""
        k, z = self.served, self.market.terms.z2
        slope, height = -z * points ** (-z - 1), points**-z
        rows = np.zeros((len(points), k, 3 * k))
        place = np.arange(k)
        rows[:, place, place], rows[:, place, 2 * k + place] = slope, -1.0
        return rows.reshape(-1, 3 * k), (slope * points - height).ravel()

    def _prices(self, marginals: Array, sides: Sequence[Side]) -> dict[Constraint, float]:
        """Return for each constraint what one more unit of its threshold adds to the gain."""
        prices = {}
        for constraint in self.constraints:
            scale = self.market.terms.asps if constraint.label == "payment" else 1.0
            worth = sum(float(value) for value, side in zip(marginals, sides, strict=True)
                        if side == constraint.side) / scale
            prices[constraint] = -worth if constraint.upper else worth
        return prices

    def nearest(self, speed: Array, reward: Array) -> Menu | None:
        """Return the menu that meets the constraints and is nearest to the given one, (k,) each, in the sum of absolute
        changes; None where there is none, or the solver finds none.
        """
        if not self.possible:
            return None
        k = self.served
        if k == 0:
            return Menu(np.empty(0), np.empty(0)) if self._nobody() else None
        matrix, limits, _ = self.rows()
        eye = np.eye(2 * k)
        target = np.concatenate([speed[:k], reward[:k]])
        rows = np.block([[matrix, np.zeros((len(matrix), 2 * k))], [eye, -eye], [-eye, -eye]])
        solved = linprog(np.concatenate([np.zeros(2 * k), np.ones(2 * k)]), csr_matrix(rows),
                         np.concatenate([limits, target, -target]), bounds=[*self.bounds, *[(0, None)] * (2 * k)],
                         method="highs", options=OPTIONS)
        return Menu(solved.x[:k], solved.x[k:2 * k]) if solved.status == SOLVED else None
