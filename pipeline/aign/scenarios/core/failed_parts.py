"""A network while parts of its designs have failed: every design leaves their values at the least there is.

A network that can plan without them exactly says so (`DesignScenario.with_lost`). Any other is held to it here: designs
are mended as usual and then leave the parts out; bounds and proofs are those of the whole network, which hold for it
too, and may be loose.

Axes: B networks, X design values.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.certificate import Certificate, CertificateKind, Feasibility
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.design import DesignScenario
from aign.scenarios.core.features import bounds
from aign.scenarios.core.remembered import Cache
from aign.scenarios.core.scenario import Scenario

KEPT, MOST = "_without_failed_parts", 8
"""Where a network keeps itself with failed parts, and how often: those certificates are asked for again."""


class _HeldParts(DesignScenario[Any]):
    """What is other in a network some of whose design values are held at their least."""

    whole: DesignScenario[Any]
    lost: Tensor

    def _left(self, designs: Tensor) -> Tensor:
        least = bounds(self.state_features)[0].to(designs)
        return torch.where(self.lost.to(designs.device), least, designs)

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest designs (B, X) within bounds, without what is lost."""
        return self._left(self.whole.admissible(designs))

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the nearest designs in which an episode can begin, without what is lost."""
        return self.whole.nearest_start(contexts, self._left(observed))

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return designs (B, X) projected as in the whole network, without what is lost."""
        return self._left(self.whole.project(contexts, self._left(designs), constraints))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the bound of the whole network, with its design projected here."""
        whole = self.whole.certify(contexts, constraints)
        design = self.project(contexts, whole.design, constraints).to(whole.design.dtype)
        feasible = satisfied(constraints, self.measure(contexts, design), len(design))
        utility, kind = whole.utility, CertificateKind.UPPER_BOUND
        statement = f"{whole.statement.removesuffix('.')}; every part counts as working, so it may be loose."
        if not whole.kind.is_bound:
            utility, kind = self.utility(contexts, design).where(feasible, torch.nan), whole.kind
            statement = "The best design known of the whole network, without the parts that failed."
        return replace(whole, utility=utility, design=design, feasible=feasible, kind=kind, statement=statement,
                       prices={}, impossible=whole.proven_infeasible)

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return what the bound proves, then what a search finds."""
        return Scenario.feasible(self, contexts, constraints)


@cache
def _held(kind: type[DesignScenario[Any]]) -> type[DesignScenario[Any]]:
    """Return a class of networks with held parts."""
    return type(f"{kind.__name__}WithHeldParts", (_HeldParts, kind), {"__doc__": kind.__doc__})


def without(scenario: Scenario[Any], parts: Sequence[str]) -> Scenario[Any]:
    """Return a network while parts of its designs, by name, have failed; made once. None of them: the network.

    Raises:
        ParameterError: a part that its designs do not have.
    """
    if not parts or not isinstance(scenario, DesignScenario):
        return scenario
    # Kept in the network, so that they live as long as it; `_made` copies it without them.
    known: Cache[tuple[str, ...], Scenario[Any]] = vars(scenario).setdefault(KEPT, Cache(MOST))
    return known.get(tuple(sorted(parts)), lambda: _made(scenario, parts))


def _made(scenario: DesignScenario[Any], parts: Sequence[str]) -> Scenario[Any]:
    names = [name for feature in scenario.state_features for name in scenario.entity_names(feature.size)]
    if unknown := set(parts) - set(names):
        raise ParameterError(unknown_name("part of the design", min(unknown), names))
    lost = torch.tensor([name in parts for name in names])
    if isinstance(scenario, _HeldParts):
        lost |= scenario.lost
        scenario = scenario.whole
    network: Any = scenario.with_lost(lost)
    if network is None:
        network = copy.copy(scenario)
        network.__class__ = _held(type(scenario))
        network.whole, network.lost = scenario, lost
    vars(network).pop(KEPT, None)
    return network  # type: ignore[no-any-return]
