"""What a request asks of a plan, in the terms of integer programming.

Axes: L links.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.ip_optical_planning.problem import Problem


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that constraints put on a plan.

    Attributes:
        cheapest, dearest: cost.
        cap: channels on a fibre route.
        fewest, most: lit links.
        normal: whether all demands must be carried when all links work.
        failures: link failures that must be survived.
        rest: constraints without a linear form.
    """

    cheapest: float
    dearest: float
    cap: int
    fewest: int
    most: int
    normal: bool
    failures: int
    rest: tuple[Constraint, ...]

    @classmethod
    def of(cls, constraints: Sequence[Constraint], problem: Problem, spectrum: int) -> Limits:
        """Read constraints on plans for a problem; `spectrum` is what a fibre route has: channels, or fibre pairs."""
        links, low, high, caps = problem.links, [0.0], [math.inf], [problem.widest]
        fewest, most, normal, failures, rest = 0, links, False, 0, []
        count = max(1, problem.scenarios - 1)
        for closed in (constraint.closed for constraint in constraints):
            edge = closed.threshold
            match closed.label, closed.upper:
                case "cost", True:
                    high.append(edge)
                case "cost", False if problem.traded:
                    low.append(edge)
                case "max_modules", True:
                    caps.append(math.floor(edge))
                case "optical", False:
                    caps.append(problem.channels * math.floor(spectrum - edge))
                case "links_used", True if problem.traded:
                    most = min(most, math.floor(edge))
                case "links_used", False if problem.traded:
                    fewest = max(fewest, math.ceil(edge))
                case "ip", False:
                    normal |= edge > 0
                    rest += [closed] * (edge > 1)
                case "reliability", False:
                    failures = max(failures, next((k for k in range(count + 1) if k / count >= edge), count + 1))
                case _:
                    rest.append(closed)
        if problem.scenarios == 1 and failures <= 1:
            failures = 0  # nothing can fail: reliability is 1
        return cls(max(low), min(high), min(caps), fewest, most, normal, failures, tuple(rest))

    def lit(self, links: int) -> bool:
        """Return whether they bound how many of the links are lit."""
        return self.most < links or self.fewest > 0
