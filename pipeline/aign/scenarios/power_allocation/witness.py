"""Designs that meet a request, known by search: the witness, and the best design, for every label and sense.

Bounds without a closed form (on Jain's index, energy efficiency, and on total power, maximum power, minimum rate and
SINR in their unusual sense) are met by local search on whole levels, from designs at which some label is extreme.

Axes: B networks, N users, A starting points.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, violation
from aign.scenarios.core.local_search import LocalSearch
from aign.scenarios.power_allocation.heuristics import channel_inversion, fractional_control, full_power, serving_gain
from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.requirements import repair, requirements
from aign.scenarios.power_allocation.uplink import Uplink

STEPS = (1.0, 3.0, 9.0)
"""Levels one user moves at once."""
WITNESS_ROUNDS, WITNESS_STARTS = 120, 6
BEST_ROUNDS, BEST_STARTS, MANY_USERS, FEW_STARTS = 120, 3, 40, 1
"""Rounds, and starts of each of three kinds, for the best design; fewer starts for more users than MANY_USERS."""
SHAKE = 4.0
"""Standard deviation, in levels, of the perturbed starts."""


class LevelSearch(LocalSearch):
    """Local search that computes each rate once, and only the labels of the request."""

    scenario: Uplink

    def evaluate(self, contexts: Tensor, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return total relative violation and utility, both (B,), of designs (B, N)."""
        names = {constraint.label for constraint in self.constraints}
        values, utility = self.scenario.assess(contexts, designs, names)
        return violation(self.constraints, values, len(designs)), utility


def starting_points(contexts: Tensor, users: int) -> Tensor:
    """Return (B, A, N) designs at which some label is extreme: equal rates, one user alone, least and most power."""
    gain = serving_gain(contexts, users)
    rank = gain.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    rules = (channel_inversion, fractional_control, full_power)
    inversion, fractional, full = (rule(contexts, users) for rule in rules)
    points = [(share * rule).round().clamp_min(1.0) for rule in (inversion, fractional, full)
              for share in (1 / P_MAX, 0.1, 0.25, 0.5, 0.75, 1.0)]
    strongest, weakest = rank == 0, rank == users - 1
    points += [(rank < max(1, round(share * users))).float() for share in (0.0, 0.25, 0.5)]
    points += [P_MAX * strongest.float(), P_MAX * weakest.float(), torch.zeros_like(full),
               torch.where(weakest, 0.0, fractional), torch.where(weakest, 0.0, 0.25 * fractional).round(),
               torch.where(strongest, float(P_MAX), (0.1 * fractional).round().clamp_min(1.0)),
               torch.where(weakest, float(P_MAX), (0.1 * fractional).round().clamp_min(1.0))]
    return torch.stack([point.float() for point in points], dim=1)


def repaired_starts(search: LocalSearch, contexts: Tensor, users: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (B, A, N) starting points repaired in closed form, with their violation and utility, each (B, A)."""
    points = starting_points(contexts, users)
    count = points.shape[1]
    needs = requirements(search.constraints, users)
    flat = repair(contexts.repeat_interleave(count, dim=0), points.flatten(0, 1), needs)
    points = flat.unflatten(0, (len(contexts), count))
    return points, *search.evaluate_many(contexts, points)


def witness(uplink: Uplink, contexts: Tensor,
            constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor]:
    """Return for each context whether a design is known that meets the request (B,), and the design (B, N)."""
    search = LevelSearch(uplink, constraints, STEPS)
    points, broken, utility = repaired_starts(search, contexts, uplink.users)
    design = _best(points, broken, utility)
    missing = search.evaluate(contexts, design)[0] > 0
    if bool(missing.any()):
        near = broken[missing].argsort(dim=1, stable=True)[:, :WITNESS_STARTS]
        design[missing] = _best_end(search, contexts[missing], points[missing], near, WITNESS_ROUNDS, 0)
    return search.evaluate(contexts, design)[0] == 0, design


def best_design(uplink: Uplink, contexts: Tensor, constraints: Sequence[Constraint],
                start: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best design design from several starts by repair and ascent.

    Args:
        uplink: whose designs are searched.
        contexts: (B, C).
        constraints: the request.
        start: (B, N) a good design of the request's closed-form part, from which the first ascent starts.

    Returns:
        whether it meets the request (B,), and the design (B, N).
    """
    search = LevelSearch(uplink, constraints, STEPS)
    users = uplink.users
    points, broken, utility = repaired_starts(search, contexts, users)
    count = BEST_STARTS if users <= MANY_USERS else FEW_STARTS
    near = torch.where(broken > 0, -broken, 1e-9).argsort(dim=1, descending=True, stable=True)[:, :count]
    good = torch.where(broken > 0, -torch.inf, utility).argsort(dim=1, descending=True, stable=True)[:, :count]
    like = (points - start[:, None]).abs().sum(dim=2).argsort(dim=1, stable=True)[:, :count]
    # The same perturbations in every network, so that an answer does not depend on the others of its batch.
    noise = SHAKE * torch.randn(1 + count, users, generator=torch.Generator().manual_seed(0)).to(start)
    noise[0] = 0
    shaken = (start[:, None] + noise).round().clamp(0, P_MAX).to(points.dtype)
    first = torch.arange(points.shape[1], points.shape[1] + 1 + count, device=points.device).expand(len(points), -1)
    points = torch.cat([points, shaken], dim=1)
    design = _best_end(search, contexts, points, torch.cat([first, near, good, like], dim=1), BEST_ROUNDS, BEST_ROUNDS)
    missed = search.evaluate(contexts, design)[0] > 0
    if bool(missed.any()):  # the witness search has more starts
        design[missed] = witness(uplink, contexts[missed], constraints)[1].to(design.dtype)
    return search.evaluate(contexts, design)[0] == 0, design


def _best_end(search: LocalSearch, contexts: Tensor, points: Tensor, which: Tensor, rounds: int,
              climb: int) -> Tensor:
    """Search from the chosen starts (B, a) among points (B, A, N), and return the best result (B, N)."""
    count = which.shape[1]
    starts = points.gather(1, which[:, :, None].expand(-1, -1, points.shape[2]))
    repeated = contexts.repeat_interleave(count, dim=0)
    flat = search.run(repeated, starts.flatten(0, 1), rounds, climb)
    ends = flat.unflatten(0, (len(contexts), count))
    return _best(ends, *search.evaluate_many(contexts, ends))


def _best(points: Tensor, broken: Tensor, utility: Tensor) -> Tensor:
    """Return the design (B, N) of highest utility among those of least violation."""
    least = broken <= broken.amin(dim=1, keepdim=True)
    index = torch.where(least, utility, -torch.inf).argmax(dim=1)
    return points[torch.arange(len(points), device=points.device), index].clone()
