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
from aign.scenarios.ip_optical_planning.solver.answers import Limits, Progress
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Floats, Instance
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck, Verdict, metric_need
from aign.scenarios.ip_optical_planning.solver.search import Search

PRECISION = 1e-4
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


def growth(instance: Instance, plan: Floats, most: float = 1.0, check: RoutingCheck | None = None) -> float:
    """Return the largest factor on all traffic, up to `most`, that a plan (L,) carries in every scenario, to a relative
    `PRECISION`.

    From above: the lengths under which routing refuses a factor say which one they allow, and that is tried next.

    Args:
        instance: the traffic.
        plan: (L,) modules.
        most: largest factor of interest.
        check: of this instance or one that differs in its traffic only; it stays warm from call to call.
    """
    check = check or RoutingCheck(instance)
    factor = most
    while factor > PRECISION * most:
        verdict = _verdict(check, instance, plan, factor)
        if verdict.failed < 0:
            return factor
        allowed = [float(row @ plan) / max(metric_need(instance, row, False, scenario), PRECISION)
                   for row, scenario in zip(verdict.matrix, verdict.scenarios.tolist(), strict=True)]
        factor = min([factor * (1 - PRECISION), *allowed])
    return 0.0


def _verdict(check: RoutingCheck, instance: Instance, plan: Floats, factor: float) -> Verdict:
    """Return whether so many times the traffic is routed over a plan (L,)."""
    check.instance = replace(instance, demand=factor * instance.demand)
    return check.verdict(plan)


def steps(instance: Instance, installed: Floats, plan: Floats, earned: float = 0.0) -> list[Step]:
    """Return the changes from `installed` to `plan` (L,), ordered so that no addition carries less than the one before.

    Each next one is, among the links of the tightest bottleneck, the one after which most traffic is carried for its
    price. Modules are removed last, one link after another, when all traffic is carried without them.
    """
    current, left, ordered, check = installed.copy(), plan - installed, [], RoutingCheck(instance)
    carries = growth(instance, current, check=check)
    while (left > 0).any():
        short = _verdict(check, instance, current, min(1.0, carries + 2 * PRECISION)).matrix
        tight = (left > 0) & (short > 0).any(0)
        tried = [(growth(instance, _with(current, link, left[link]), check=check), link)
                 for link in np.flatnonzero(tight if tight.any() else left > 0).tolist()]
        best, link = max(tried, key=lambda pair: ((pair[0] - carries) / (left[pair[1]] * instance.price[pair[1]]),
                                                  -left[pair[1]] * instance.price[pair[1]]))
        carries = max(carries, best)  # an addition never takes traffic away
        ordered.append(Step(link, int(left[link]), float(left[link] * instance.price[link]), carries))
        current[link] += left[link]
        left[link] = 0
    for link in np.flatnonzero(left < 0).tolist():
        current[link] += left[link]
        ordered.append(Step(link, int(left[link]), float(left[link] * earned * instance.price[link]),
                            growth(instance, current, check=check)))
    return ordered


def _with(plan: Floats, link: int, modules: float) -> Floats:
    changed = plan.copy()
    changed[link] += modules
    return changed
