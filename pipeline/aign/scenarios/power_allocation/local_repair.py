"""Repair and witnesses for every label and sense: closed form first, then local search on whole levels.

`requirements.repair` meets caps, budgets and SINR targets exactly. The other bounds (Jain's index, energy efficiency,
and total power, maximum power, minimum rate and SINR in their unusual sense) have no closed form: a local search moves
users by a few levels until all hold. Where it stalls, a design known to meet the request, the witness, is looked
for from extreme designs of each label, and the wish is approached from there as far as the request allows.

Axes: B networks, N users, A starting points, L points of a segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core import DesignScenario
from aign.scenarios.core.constraints import Constraint, violation
from aign.scenarios.core.local_search import LocalSearch
from aign.scenarios.power_allocation import labels
from aign.scenarios.power_allocation.heuristics import channel_inversion, fractional_control, full_power, serving_gain
from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.requirements import repair, requirements

STEPS = (1.0, 3.0, 9.0)
"""Levels one user moves at once."""
PROJECTION_ROUNDS, PROJECTION_CLIMB = 60, 6
"""Rounds of local search for a projection, and for utility afterwards."""
WITNESS_ROUNDS, WITNESS_STARTS = 120, 6
BEST_ROUNDS, BEST_STARTS, MANY_USERS, FEW_STARTS = 120, 3, 40, 1
"""Rounds, and starts of each of three kinds, for the best design; fewer starts for more users than MANY_USERS."""
SHAKE = 4.0
"""Standard deviation, in levels, of the perturbed starts."""
SEGMENT = 33
"""Designs tried between a witness and a wish."""


class LevelSearch(LocalSearch):
    """Local search that computes each rate once, and only the labels of the request."""

    def evaluate(self, contexts: Tensor, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return total relative violation and utility, both (B,), of designs (B, N)."""
        names = {one.label for one in self.constraints}
        values, utility = labels.assess(contexts, designs, self.scenario.parameters.utility, names)
        return violation(self.constraints, values, len(designs)), utility


def project(scenario: DesignScenario[Any], contexts: Tensor, designs: Tensor,
            constraints: Sequence[Constraint]) -> Tensor:
    """Return whole-level designs (B, N) near the given ones that meet every constraint, wherever one is found.

    What a repair had to change is then improved by a few moves, because repairs are blind to utility.
    """
    users = scenario.parameters.users
    needs = requirements(constraints, users)
    fixed = repair(contexts, designs, needs)
    if not constraints:
        return fixed
    search = LevelSearch(scenario, constraints, STEPS)
    if not needs.rest:
        changed = (fixed != scenario.admissible(designs)).any(dim=1)
        fixed[changed] = search.run(contexts[changed], fixed[changed], 0, PROJECTION_CLIMB)
        return fixed
    open_ = search.evaluate(contexts, fixed)[0] > 0
    if bool(open_.any()):
        fixed[open_] = search.run(contexts[open_], fixed[open_], PROJECTION_ROUNDS, PROJECTION_CLIMB)
        open_ = search.evaluate(contexts, fixed)[0] > 0
    if bool(open_.any()):
        different, which = contexts[open_].unique(dim=0, return_inverse=True)
        known, found = known_design(scenario, different, constraints)
        fixed[open_] = torch.where(known[which, None],
                                   approach(search, contexts[open_], found[which].to(fixed.dtype), fixed[open_]),
                                   fixed[open_])
    return fixed


def approach(search: LocalSearch, contexts: Tensor, known: Tensor, wish: Tensor) -> Tensor:
    """Return the design that meets the request nearest to the wish on the segment from a known one, then improved."""
    share = torch.linspace(0, 1, SEGMENT, device=wish.device, dtype=wish.dtype)[None, :, None]
    points = (known[:, None] + share * (wish - known)[:, None]).round()
    allowed = search.evaluate_many(contexts, points)[0] == 0
    last = torch.where(allowed, torch.arange(SEGMENT, device=wish.device), 0).amax(dim=1)
    nearest = points[torch.arange(len(points), device=wish.device), last]
    return search.run(contexts, nearest, 0, PROJECTION_CLIMB)


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


def witness(scenario: DesignScenario[Any], contexts: Tensor,
            constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor]:
    """Return for each context whether a design is known that meets the request (B,), and the design (B, N)."""
    search = LevelSearch(scenario, constraints, STEPS)
    points, broken, utility = repaired_starts(search, contexts, scenario.parameters.users)
    found = _best(points, broken, utility)
    missing = search.evaluate(contexts, found)[0] > 0
    if bool(missing.any()):
        near = broken[missing].argsort(dim=1, stable=True)[:, :WITNESS_STARTS]
        found[missing] = _searched(search, contexts[missing], points[missing], near, WITNESS_ROUNDS, 0)
    return search.evaluate(contexts, found)[0] == 0, found


def known_design(scenario: DesignScenario[Any], contexts: Tensor,
                 constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor]:
    """Return as `witness` does; where that search fails, the certificate's design, for which a longer one was made."""
    known, found = witness(scenario, contexts, constraints)
    if not bool(known.all()):
        certificate = scenario.certify(contexts[~known], constraints)
        found[~known] = certificate.design.to(found.dtype)
        known[~known] = certificate.feasible
    return known, found


def best_design(scenario: DesignScenario[Any], contexts: Tensor, constraints: Sequence[Constraint],
                start: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best design found from several starts by repair and ascent.

    Args:
        scenario: whose designs are searched.
        contexts: (B, C).
        constraints: the request.
        start: (B, N) a good design of the request's closed-form part, from which the first ascent starts.

    Returns:
        whether it meets the request (B,), and the design (B, N).
    """
    search = LevelSearch(scenario, constraints, STEPS)
    users = scenario.parameters.users
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
    found = _searched(search, contexts, points, torch.cat([first, near, good, like], dim=1), BEST_ROUNDS, BEST_ROUNDS)
    missed = search.evaluate(contexts, found)[0] > 0
    if bool(missed.any()):  # the witness search has more starts
        found[missed] = witness(scenario, contexts[missed], constraints)[1].to(found.dtype)
    return search.evaluate(contexts, found)[0] == 0, found


def _searched(search: LocalSearch, contexts: Tensor, points: Tensor, which: Tensor, rounds: int,
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
