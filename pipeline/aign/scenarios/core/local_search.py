"""Batched local search on designs: first until every constraint holds, then for utility.

For constraints without a closed form. A move changes one design value by a few steps; several moves may be taken at
once. Where no single move helps, pairs are tried (one value up, another down), and scaling the whole design. While a
design breaks the request, a round takes the moves that lower the total relative violation most for the utility they
cost; once it meets it, the moves that gain most utility and keep it met. Deterministic; a local search proves nothing
where it fails.

Axes: B designs, X design values, M moves, Q combinations of moves, K steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, violation

VALUES = 4_000_000
"""Design values simulated at once, to bound memory."""
PAIRED = 6
"""Values tried upwards and downwards when pairs of moves are tried."""
SCALES = (0.6, 0.75, 0.85, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.15, 1.25, 1.5)
"""Factors by which the whole design is scaled where no single move helps."""
WORTH = 0.5
"""Several moves at once are taken while they are at least this fraction as cheap as the best one alone."""
LEAST_LOSS = 1e-7
"""Utility lost, relative, below which a move counts as free."""


class DesignProblem(Protocol):
    """What a search asks of a network; every `DesignScenario` answers it."""

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest designs within bounds."""

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) of designs (B, X)."""

    def measure(self, contexts: Tensor, designs: Tensor) -> Mapping[str, Tensor]:
        """Return every label's value, each (B,)."""


@dataclass(frozen=True)
class LocalSearch:
    """A request and the moves it is answered with.

    Attributes:
        scenario: whose designs are searched.
        constraints: what every design has to meet.
        steps: sizes of a move, in the unit of a design value.
    """

    scenario: DesignProblem
    constraints: Sequence[Constraint]
    steps: Sequence[float]

    def evaluate(self, contexts: Tensor, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return total relative violation and utility, both (B,), of designs (B, X)."""
        values = self.scenario.measure(contexts, designs)
        return violation(self.constraints, values, len(designs)), self.scenario.utility(contexts, designs)

    def evaluate_many(self, contexts: Tensor, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return total relative violation and utility, both (B, M), of designs (B, M, X)."""
        count = designs.shape[1]
        broken, utility = self.evaluate(contexts.repeat_interleave(count, dim=0), designs.flatten(0, 1))
        return broken.unflatten(0, (-1, count)), utility.unflatten(0, (-1, count))

    def run(self, contexts: Tensor, designs: Tensor, rounds: int, climb: int = 0) -> Tensor:
        """Improve designs (B, X), at most `rounds` times until they meet the request, then `climb` times for utility.

        Returns:
            (B, X) designs, never with more violation than the given ones, nor worse where both meet the request.
        """
        chunk = max(1, VALUES // (2 * len(self.steps) * designs.shape[1] ** 2))
        return torch.cat([self._run(part, start, rounds, climb) for part, start in
                          zip(torch.split(contexts, chunk), torch.split(designs, chunk), strict=True)])

    def _run(self, contexts: Tensor, designs: Tensor, rounds: int, climb: int) -> Tensor:
        designs = designs.clone()
        broken, utility = self.evaluate(contexts, designs)
        left = torch.where(broken > 0, rounds, climb)
        while bool((left > 0).any()):
            row = (left > 0).nonzero()[:, 0]
            changed, new_broken, new_utility = self._round(contexts[row], designs[row], broken[row], utility[row])
            moved = (changed != designs[row]).any(dim=1)
            arrived = (broken[row] > 0) & (new_broken == 0)
            designs[row], broken[row], utility[row] = changed, new_broken, new_utility
            left[row] = torch.where(moved, torch.where(arrived, climb, left[row] - 1), 0)
        return designs

    def _round(self, contexts: Tensor, designs: Tensor, broken: Tensor,
               utility: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the designs after the best moves, with their violation and utility; unchanged where none helps."""
        single = self._singles(designs)
        single_broken, single_utility = self.evaluate_many(contexts, single)
        worth = self._worth(broken, utility, single_broken, single_utility)
        stuck = worth.amax(dim=1) <= 0
        after = designs.clone(), broken.clone(), utility.clone()
        for paired, rows in ((False, ~stuck), (True, stuck)):  # pairs are many, and wanted where nothing else helps
            row = rows.nonzero()[:, 0]
            if len(row):
                several = (self._pairs(designs[row], single_broken[row], single_utility[row], broken[row]) if paired
                           else self._combined(designs[row], single[row], worth[row]))
                best = self._best(contexts[row], several, designs[row], broken[row], utility[row])
                for values, new in zip(after, best, strict=True):
                    values[row] = new
        return after

    def _best(self, contexts: Tensor, several: Tensor, designs: Tensor, broken: Tensor,
              utility: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the best of several designs (B, Q, X) or, where none is better, the present one, as `_round` does."""
        several_broken, several_utility = self.evaluate_many(contexts, several)
        value = self._worth(broken, utility, several_broken, several_utility)
        best = self._choice(broken, several_broken, value)
        pick = torch.arange(len(designs), device=designs.device), best
        better = value[pick] > 0
        return (torch.where(better[:, None], several[pick], designs),
                torch.where(better, several_broken[pick], broken), torch.where(better, several_utility[pick], utility))

    def _singles(self, designs: Tensor) -> Tensor:
        """Return (B, 2*K*X, X): every value moved by every step, up and down."""
        unit = torch.eye(designs.shape[1], device=designs.device, dtype=designs.dtype)
        moves = torch.cat([sign * step * unit for step in self.steps for sign in (1.0, -1.0)])
        return self._admissible(designs[:, None] + moves)

    def _admissible(self, designs: Tensor) -> Tensor:
        return self.scenario.admissible(designs.flatten(0, 1)).reshape(designs.shape).to(designs.dtype)

    @staticmethod
    def _worth(broken: Tensor, utility: Tensor, new_broken: Tensor, new_utility: Tensor) -> Tensor:
        """Return how much designs (B, M) are worth moving to; 0 or less where they are no better.

        While the request is broken: violation removed for each unit of utility lost; else utility gained.
        """
        gain = new_utility - utility[:, None]
        free = LEAST_LOSS * (1 + utility.abs())[:, None]
        drop = broken[:, None] - new_broken
        # Where both are infinite (no value at all) nothing is known to be better.
        drop = drop.nan_to_num(nan=0.0, posinf=1e300)
        repair = torch.where(drop > 1e-15, drop / (-gain).clamp_min(free), 0.0)
        climb = torch.where((new_broken == 0) & (gain > free), gain, 0.0)
        return torch.where(broken[:, None] > 0, repair, climb)

    @staticmethod
    def _choice(broken: Tensor, new_broken: Tensor, value: Tensor) -> Tensor:
        """Return the index (B,) of the combination to take: the best one, or while the request is broken the one that
        removes most among those nearly as cheap as the best.
        """
        cheap = value >= WORTH * value.amax(dim=1, keepdim=True)
        removed = torch.where(cheap & (value > 0), broken[:, None] - new_broken, -torch.inf).nan_to_num(nan=-torch.inf)
        return torch.where(broken > 0, removed.argmax(dim=1), value.argmax(dim=1))

    def _combined(self, designs: Tensor, single: Tensor, worth: Tensor) -> Tensor:
        """Return (B, Q, X): the best move of the best 1, 2, 4, ... values, taken together."""
        size = designs.shape[1]
        by_value = worth.unflatten(1, (-1, size))
        best, which = by_value.max(dim=1)
        moved = single.unflatten(1, (-1, size))
        change = moved.diagonal(dim1=2, dim2=3).gather(1, which[:, None])[:, 0] - designs
        rank = best.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        counts = [2**power for power in range(size.bit_length()) if 2**power <= size]
        taken = torch.stack([(rank < count) & (best > 0) for count in counts], dim=1)
        return self._admissible(designs[:, None] + taken * change[:, None])

    def _pairs(self, designs: Tensor, single_broken: Tensor, single_utility: Tensor, broken: Tensor) -> Tensor:
        """Return (B, P, X): the most promising values up, each with the most promising ones down, and the whole design
        scaled, which keeps the proportions that a bound on fairness asks for.
        """
        size, step = designs.shape[1], len(self.steps)
        few = min(PAIRED, size)
        gain = single_utility.unflatten(1, (step, 2, size))
        harm = single_broken.unflatten(1, (step, 2, size))
        promise = torch.where((broken > 0)[:, None, None, None], -harm, gain).nan_to_num(nan=-1e300, neginf=-1e300)
        unit = torch.eye(size, device=designs.device, dtype=designs.dtype)
        trials = []
        for number, length in enumerate(self.steps):
            up = promise[:, number, 0].topk(few, dim=1).indices
            down = promise[:, number, 1].topk(few, dim=1).indices
            trials.append(designs[:, None] + length * (unit[up][:, :, None] - unit[down][:, None]).flatten(1, 2))
        scale = torch.tensor(SCALES, device=designs.device, dtype=designs.dtype)
        return self._admissible(torch.cat([*trials, designs[:, None] * scale[:, None]], dim=1))
