"""Whether designs do what is asked: degree of task completion, and percentage of constraint satisfaction.

Both are defined alike for every network, by the texts `COMPLETION` and `SATISFACTION`, which reports print. Beside the
requests of params.yaml, constraints are derived from the network itself: each label is bounded, on its better side, by
the median that the certified designs of the unseen contexts have. So half of these designs meet such a bound and half
break it, in every network, and nothing is chosen by hand.

Axes: B contexts, C context values, K candidates of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from aign.designs.generation import generate
from aign.designs.requests import Request
from aign.designs.settings import EvaluateSettings, RequestSettings, SamplingSettings
from aign.diffusion.model import DesignModel
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario

COMPLETION = ("The degree of task completion is the share of what can be gained that the returned designs gain: the "
              "pooled return on unseen contexts without constraints, sum(U - U_ref) / sum(U* - U_ref), in percent, or "
              "mean U/U* where no context has room. 100 % is the certified utility, which is the optimum or above it.")
SATISFACTION = ("The percentage of constraint satisfaction is the share of requests whose constraints a design meets "
                "all, at zero tolerance, among the requests known to be feasible (a design is known that meets them). "
                "Raw: as generated, before any projection, by one design (of all generated) or by any of the "
                "candidates. Returned: by the design ranked first, after projection; in sequential scenarios nothing "
                "is projected. Intervals are Wilson's, 95 %.")
KINDS = {"single": "one label bounded", "pair": "two labels bounded", "params": "requests of params.yaml"}
NORMAL_975 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class ConstrainedRequest:
    """Constraints asked in several contexts.

    Attributes:
        kind: one of `KINDS`.
        constraints: that a design has to meet.
        contexts: (B, C).
        candidates: K, designs generated for each context.
    """

    kind: str
    constraints: tuple[Constraint, ...]
    contexts: Tensor
    candidates: int


@dataclass(frozen=True)
class Satisfaction:
    """What became of a request.

    Attributes:
        request: that was asked.
        feasible: (B,) bool, a design is known that meets it.
        impossible: (B,) bool, proven that none does.
        raw: (B, K) bool, what was generated met it before any projection.
        returned: (B,) bool, the design ranked first meets it.
    """

    request: ConstrainedRequest
    feasible: Tensor
    impossible: Tensor
    raw: Tensor
    returned: Tensor


def derived_requests(scenario: Scenario[Any], contexts: Tensor, certified: Tensor,
                     settings: EvaluateSettings) -> list[ConstrainedRequest]:
    """Return requests that bound each label, then pairs of labels, in the first contexts of (B, C), whose certified
    designs (B, X) are given.
    """
    chosen = contexts[:settings.constrained_contexts]
    labels = scenario.measure(chosen, certified[:settings.constrained_contexts])
    bounds = []
    for label in scenario.labels:
        upper = label.better == "lower"
        median = float(labels[label.name].double().quantile(0.5, interpolation="higher" if upper else "lower"))
        if math.isfinite(median):
            bounds.append((Constraint(label.name, "<=" if upper else ">=", median),))
    singles = _spread([("single", bound) for bound in bounds], settings.constrained_requests)
    pairs = _spread([("pair", first + second) for first, second in combinations(bounds, 2)],
                    settings.constrained_requests - len(singles))
    return [ConstrainedRequest(kind, bound, chosen, settings.candidates) for kind, bound in singles + pairs]


def stated_requests(scenario: Scenario[Any], requests: Sequence[RequestSettings]) -> list[ConstrainedRequest]:
    """Return the requests of params.yaml that hold constraints."""
    resolved = [Request.of(request).resolve(scenario) for request in requests if request.where]
    return [ConstrainedRequest("params", request.constraints, request.context[None], request.count)
            for request in resolved]


def satisfy(pipeline: DesignModel, request: ConstrainedRequest, sampling: SamplingSettings,
            seed: int) -> Satisfaction:
    """Generate designs for a request, and see whether they meet it; where none does, whether any design can."""
    designs = generate(pipeline, request.contexts, request.constraints, request.candidates, sampling, seed,
                       execute=False)
    raw, returned = designs.raw_feasible, designs.feasible[:, 0]
    feasible = raw.any(dim=1) | returned
    impossible = torch.zeros_like(feasible)
    if bool((missed := ~feasible).any()):
        possible = pipeline.scenario.feasible(request.contexts[missed], request.constraints)
        feasible[missed], impossible[missed] = possible.known.cpu(), possible.impossible.cpu()
    return Satisfaction(request, feasible, impossible, raw, returned)


def satisfaction_summary(outcomes: Sequence[Satisfaction]) -> dict[str, Any]:
    """Return the figures of all requests, of each kind and of each request, as JSON values."""
    kinds = {kind: [outcome for outcome in outcomes if outcome.request.kind == kind] for kind in KINDS}
    return {"definition": SATISFACTION, "all": _figures(outcomes),
            **{kind: _figures(several) for kind, several in kinds.items() if several},
            "requests": [{"where": [str(constraint) for constraint in outcome.request.constraints],
                          **_figures([outcome])} for outcome in outcomes]}


def completion_summary(methods: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the degree of task completion of some methods, from their figures in metrics.json."""
    degrees = {}
    for name in names:
        figures = methods[name]["normalised_return_pooled"]
        if figures["mean"] is None:
            figures = methods[name].get("utility_ratio", figures)
        degrees[name] = {f"percent{end}": None if figures[f"mean{end}"] is None else 100 * figures[f"mean{end}"]
                         for end in ("", "_low", "_high")}
    return {"definition": COMPLETION, **degrees}


def percentage(figures: Mapping[str, Any]) -> str:
    """Return a percentage with its interval and counts where it has them, such as 95.0 % [76.4, 99.1] (19 of 20)."""
    if figures["percent"] is None:
        return "-"
    ends = (figures.get(f"percent_{end}") for end in ("low", "high"))
    interval = ", ".join(f"{end:.1f}" for end in ends if end is not None)
    counts = f" ({figures['count']} of {figures['of']})" if "of" in figures else ""
    return f"{figures['percent']:.1f} %{f' [{interval}]' if interval else ''}{counts}"


def _spread(items: list[tuple[str, tuple[Constraint, ...]]], count: int) -> list[tuple[str, tuple[Constraint, ...]]]:
    """Return up to `count` items, evenly spread over the list."""
    kept = min(max(count, 0), len(items))
    return [items[place * len(items) // kept] for place in range(kept)]


def _figures(outcomes: Sequence[Satisfaction]) -> dict[str, Any]:
    feasible = sum(int(outcome.feasible.sum()) for outcome in outcomes)
    raw = [outcome.raw[outcome.feasible] for outcome in outcomes]
    generated = sum(part.numel() for part in raw)
    met = sum(int(part.sum()) for part in raw)
    return {"asked": sum(len(outcome.feasible) for outcome in outcomes), "feasible": feasible,
            "impossible": sum(int(outcome.impossible.sum()) for outcome in outcomes),
            "candidates": sorted({outcome.request.candidates for outcome in outcomes}),
            "raw_design": {"count": met, "of": generated, "percent": 100 * met / generated if generated else None},
            "raw": _share(sum(int(part.any(dim=1).sum()) for part in raw), feasible),
            "returned": _share(sum(int((outcome.returned & outcome.feasible).sum()) for outcome in outcomes), feasible)}


def _share(count: int, of: int) -> dict[str, Any]:
    """Return a count as a percentage with its Wilson interval; None where there is nothing to count."""
    if not of:
        return {"count": 0, "of": 0, "percent": None, "percent_low": None, "percent_high": None}
    low, high = wilson(count / of, of)
    return {"count": count, "of": of, "percent": 100 * count / of, "percent_low": 100 * low, "percent_high": 100 * high}


def wilson(share: float, of: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval for a share seen in so many (Wilson 1927).

    Not scipy.stats, which takes a second to import.
    """
    excess = NORMAL_975 ** 2 / of
    middle = share + excess / 2
    half = NORMAL_975 * math.sqrt(share * (1 - share) / of + excess / (4 * of))
    return max(0.0, (middle - half) / (1 + excess)), min(1.0, (middle + half) / (1 + excess))
