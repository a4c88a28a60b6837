"""Repair of designs under every label and sense: closed form first, then local search on whole levels.

`requirements.repair` meets caps, budgets and SINR targets exactly. For the other bounds a local search moves users by a
few levels until all hold. Where it stalls, the wish is approached from a design known to meet the request, as far as
the request allows.

Axes: B networks, N users, L points of a segment.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.power_allocation.certify import certify
from aign.scenarios.power_allocation.requirements import repair, requirements
from aign.scenarios.power_allocation.uplink import Uplink
from aign.scenarios.power_allocation.witness import STEPS, LevelSearch, witness

PROJECTION_ROUNDS, PROJECTION_CLIMB = 60, 6
"""Rounds of local search for a projection, and for utility afterwards."""
SEGMENT = 33
"""Designs tried between a witness and a wish."""


def project(uplink: Uplink, contexts: Tensor, designs: Tensor,
            constraints: Sequence[Constraint]) -> Tensor:
    """Return whole-level designs (B, N) near the given ones that meet every constraint, wherever one is found.

    What a repair had to change is then improved by a few moves, because repairs are blind to utility.
    """
    users = uplink.users
    needs = requirements(constraints, users)
    fixed = repair(contexts, designs, needs)
    if not constraints:
        return fixed
    search = LevelSearch(uplink, constraints, STEPS)
    if not needs.rest:
        changed = (fixed != uplink.admissible(designs)).any(dim=1)
        fixed[changed] = search.run(contexts[changed], fixed[changed], 0, PROJECTION_CLIMB)
        return fixed
    open_ = search.evaluate(contexts, fixed)[0] > 0
    if bool(open_.any()):
        fixed[open_] = search.run(contexts[open_], fixed[open_], PROJECTION_ROUNDS, PROJECTION_CLIMB)
        open_ = search.evaluate(contexts, fixed)[0] > 0
    if bool(open_.any()):
        different, which = contexts[open_].unique(dim=0, return_inverse=True)
        known, design = known_design(uplink, different, constraints)
        fixed[open_] = torch.where(known[which, None],
                                   approach(search, contexts[open_], design[which].to(fixed.dtype), fixed[open_]),
                                   fixed[open_])
    return fixed


def approach(search: LevelSearch, contexts: Tensor, known: Tensor, wish: Tensor) -> Tensor:
    """Return the design that meets the request nearest to the wish on the segment from a known one, then improved."""
    share = torch.linspace(0, 1, SEGMENT, device=wish.device, dtype=wish.dtype)[None, :, None]
    points = (known[:, None] + share * (wish - known)[:, None]).round()
    allowed = search.evaluate_many(contexts, points)[0] == 0
    last = torch.where(allowed, torch.arange(SEGMENT, device=wish.device), 0).amax(dim=1)
    nearest = points[torch.arange(len(points), device=wish.device), last]
    return search.run(contexts, nearest, 0, PROJECTION_CLIMB)


def known_design(uplink: Uplink, contexts: Tensor,
                 constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor]:
    """Return as `witness` does; where that search fails, the certificate's design, for which a longer one was made."""
    known, design = witness(uplink, contexts, constraints)
    if not bool(known.all()):
        certificate = certify(uplink, contexts[~known], constraints)
        design[~known] = certificate.design.to(design.dtype)
        known[~known] = certificate.feasible
    return known, design
