"""Changes to a network that stands: the cheapest ones for new traffic, what each buys, and a safe order of them.

Adding only: installed modules are lower bounds. Where removing a module earns something, installed and new modules are
two parallel links of the program: the installed ones can be given up for what they earn.

Axes: n nodes, L links.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from aign.errors import ParameterError
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Floats, Instance
from aign.scenarios.ip_optical_planning.solver.node_sets import NodeSets
from aign.scenarios.ip_optical_planning.solver.relaxation import Separation
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.solver.search import Limits, Progress, Search

PRECISION = 1e-3
"""Relative precision of the traffic a network carries."""
KEPT = 1e-6
"""Price of keeping an installed module, as a share of the least price: programs need prices above 0."""


@dataclass(frozen=True, eq=False)
class Changes:
    """Modules to add and to remove.

    Attributes:
        plan: (L,) modules afterwards.
        cost: of adding, less what removing earns.
        bound: no survivable plan can be reached for less.
    """

    plan: Floats
    cost: float
    bound: float


@dataclass(frozen=True, slots=True)
class Step:
    """One change.

    Attributes:
        link: its number.
        modules: added, or removed where negative.
        cost: of it.
        carries: times the new traffic that the network carries in every failure after it, at most 1.
    """

    link: int
    modules: int
    cost: float
    carries: float


def cheapest(instance: Instance, installed: Floats, earned: float = 0.0, limits: Limits | None = None,
             report: Callable[[Progress], None] = lambda progress: None) -> Changes:
    """Return the cheapest changes after which every failure is survived.

    Args:
        instance: the new traffic; prices are those of adding a module.
        installed: (L,) whole modules.
        earned: by removing a module, as a share of its price, 0 to 1; 0: nothing is removed.
        limits: of the search.
        report: is told how the search goes.

    Raises:
        ParameterError: `installed` does not fit the links, or `earned` is no share.
        ImpossibleError: no plan survives every failure.
    """
    if installed.shape != (instance.links,) or (installed < 0).any() or (installed != installed.round()).any():
        raise ParameterError(f"Installed modules: given shape {installed.shape} with least value "
                             f"{installed.min(initial=0):g}; allowed: {instance.links} whole numbers from 0.")
    if not 0 <= earned <= 1:
        raise ParameterError(f"Share of a module's price earned by removing it: given {earned:g}; allowed: 0 to 1.")
    if earned == 0:
        grown = replace(instance, least=np.maximum(instance.least, installed),
                        most=np.maximum(instance.most, installed))
        answer = Search(grown, limits).run(report)
        spent = float(installed @ instance.price)
        plan = installed if answer.plan is None else answer.plan
        return Changes(plan, answer.cost - spent, answer.bound - spent)
    doubled = _doubled(instance, installed, earned)
    answer = Search(doubled, limits).run(report)
    worth = float(installed @ doubled.price[:instance.links])
    plan = installed if answer.plan is None else answer.plan.reshape(2, -1).sum(0)
    return Changes(plan, answer.cost - worth, answer.bound - worth)


def _doubled(instance: Instance, installed: Floats, earned: float) -> Instance:
    """Return the problem with each link twice: its installed modules, then new ones."""
    keep = np.maximum(earned * instance.price, KEPT * instance.price.min())
    failures = instance.failures
    both = Failures(np.hstack([failures.dead] * 2), failures.share, failures.silent, failures.names)
    return replace(instance, ends=np.vstack([instance.ends] * 2), price=np.concatenate([keep, instance.price]),
                   least=np.concatenate([np.minimum(instance.least, installed), np.zeros(instance.links)]),
                   most=np.concatenate([installed, instance.most]), failures=both)


def growth(instance: Instance, plan: Floats, most: float = 1.0, known: float = 0.0) -> float:
    """Return the largest factor on all traffic, from `known` to `most`, that a plan (L,) carries in every scenario; by
    bisection, to a relative `PRECISION`.
    """
    if not _overloaded(instance, plan, most).any():
        return most
    low, high = known, most
    while high - low > PRECISION * most:
        middle = (low + high) / 2
        low, high = (low, middle) if _overloaded(instance, plan, middle).any() else (middle, high)
    return low


def _overloaded(instance: Instance, plan: Floats, factor: float) -> Floats:
    """Return links (L,) of which more modules are needed for so many times the traffic; none where it is carried."""
    scaled = replace(instance, demand=factor * instance.demand)
    singles = NodeSets(scaled).rows(np.eye(instance.nodes, dtype=bool), plan)
    for low, matrix in (singles, Separation(scaled).broken(plan)):
        if len(low):
            return np.asarray(matrix[(low - matrix @ plan).argmax()])
    verdict = RoutingCheck(scaled).verdict(plan)
    return verdict.matrix.sum(0) if verdict.failed >= 0 else np.zeros(instance.links)


def steps(instance: Instance, installed: Floats, plan: Floats, earned: float = 0.0) -> list[Step]:
    """Return the changes from `installed` to `plan` (L,), ordered so that no addition carries less than the one before.

    Each next one is, among the links of the tightest bottleneck, the one after which most traffic is carried for its
    price. Modules are removed last, one link after another, when all traffic is carried without them.
    """
    current, left, ordered = installed.copy(), plan - installed, []
    carries = growth(instance, current)
    while (left > 0).any():
        tight = (left > 0) & (_overloaded(instance, current, min(1.0, carries + 2 * PRECISION)) > 0)
        tried = [(growth(instance, _with(current, link, left[link]), known=carries), link)
                 for link in np.flatnonzero(tight if tight.any() else left > 0).tolist()]
        carries, link = max(tried, key=lambda pair: ((pair[0] - carries) / (left[pair[1]] * instance.price[pair[1]]),
                                                     -left[pair[1]] * instance.price[pair[1]]))
        ordered.append(Step(link, int(left[link]), float(left[link] * instance.price[link]), carries))
        current[link] += left[link]
        left[link] = 0
    for link in np.flatnonzero(left < 0).tolist():
        current[link] += left[link]
        ordered.append(Step(link, int(left[link]), float(left[link] * earned * instance.price[link]),
                            growth(instance, current)))
    return ordered


def _with(plan: Floats, link: int, modules: float) -> Floats:
    changed = plan.copy()
    changed[link] += modules
    return changed
