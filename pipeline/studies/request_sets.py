"""The requests of the study of constraints: their families, what is known of each, and what all are like.

Axes: C context values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.errors import DatasetError
from aign.files.writing import read_json
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario
from studies.runs import RESULT

SIZES = {"single": 1, "pair": 2, "triple": 3}
"""Constraints of a request in the families whose labels training may condition on together."""
HELD_OUT = "held_out_pair"
INFEASIBLE = "infeasible"
FAMILIES = (*SIZES, HELD_OUT)
"""Families of feasible requests."""
WORST_USER = ("min_rate", "min_sinr_db")
"""Two labels that say the same at one base station: never both in one request."""
HELD_OUT_PAIRS = tuple((label, "max_power") for label in WORST_USER)
"""Pairs that training never shows together, and that therefore only the family `held_out_pair` contains."""
POWER = ("total_power", "max_power")


@dataclass(frozen=True)
class StudyRequest:
    """One request of the study with what is known of its best answer.

    Attributes:
        family: one of FAMILIES, or INFEASIBLE.
        context_id: of the dataset's context.
        context: (C,) float32.
        constraints: what every design has to meet.
        tightness: of each constraint; for the impossible one, the share it lies beyond.
        free: certified utility without the constraints.
        optimum: utility under the constraints, certified or best known; NaN where the request is infeasible.
        certified: whether `optimum` is a bound that no design exceeds.
    """

    family: str
    context_id: int
    context: Tensor
    constraints: tuple[Constraint, ...]
    tightness: tuple[float, ...]
    free: float
    optimum: float
    certified: bool

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `from_json` builds the same request again."""
        return {"family": self.family, "context_id": self.context_id, "context": self.context.tolist(),
                "where": list(map(str, self.constraints)), "tightness": list(self.tightness), "free": self.free,
                "optimum": None if math.isnan(self.optimum) else self.optimum, "certified": self.certified}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], scenario: Scenario[Any]) -> StudyRequest:
        """Build the request from `to_json`'s values."""
        optimum = math.nan if values["optimum"] is None else values["optimum"]
        return cls(values["family"], values["context_id"], torch.tensor(values["context"], dtype=torch.float32),
                   parse(values["where"], scenario.labels), tuple(values["tightness"]), values["free"], optimum,
                   values["certified"])


def statistics(requests: Sequence[StudyRequest], draws: int) -> dict[str, Any]:
    """Return how hard requests are: tightness, constrained over unconstrained utility, share of draws accepted."""
    values = {"tightness": [share for request in requests for share in request.tightness],
              "constrained_over_free_utility": [request.optimum / request.free for request in requests
                                                if math.isfinite(request.optimum)]}
    sets = [" and ".join(constraint.label for constraint in request.constraints) for request in requests]
    return {"requests": len(requests), "accepted_draws": len(requests) / max(1, draws),
            **{name: distribution(shares) for name, shares in values.items() if shares},
            "sets_of_labels": {name: sets.count(name) for name in sorted(set(sets))}}


def distribution(values: Sequence[float]) -> dict[str, float]:
    """Return mean, quantiles and extremes."""
    tensor = torch.tensor(list(values), dtype=torch.float64)
    quantiles = {f"q{int(100 * share):02d}": float(tensor.quantile(share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)}
    return {"mean": float(tensor.mean()), "least": float(tensor.min()), **quantiles, "greatest": float(tensor.max())}


def drawn(run: Path, split: str, families: Sequence[str],
          limit: int | None = None) -> tuple[Scenario[Any], list[StudyRequest]]:
    """Return the scenario and the requests that a run has drawn; at most `limit` of each family."""
    requests: list[StudyRequest] = []
    for family in families:
        values = read_json(run / f"{split}-{family}" / RESULT, DatasetError)
        scenario = create(**values["scenario"])
        requests += [StudyRequest.from_json(request, scenario) for request in values["requests"][:limit]]
    return scenario, requests
