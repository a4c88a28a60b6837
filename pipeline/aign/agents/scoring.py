"""How good a policy is on contexts it did not learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from aign.agents.policy import Policy
from aign.scenarios.core.episode import Episode
from aign.scenarios.core.exploration import Act
from aign.scenarios.core.returns import pooled_return
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import Contexts


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What training an agent led to.

    Attributes:
        policy: the final policy, deterministic.
        curve: evenly spaced points of training: gradient_steps, environment_steps of an agent that acts, and how good
            the policy was on held-out contexts, see `score`.
    """

    policy: Policy
    curve: list[dict[str, float]]


def score(scenario: Scenario[Any], contexts: Contexts, act: Act) -> dict[str, float]:
    """Return how good final designs are: the pooled return, and mean and 5 % quantile, over contexts, of U / U*.

    Episodes start at the usual state. The ratio flatters where U_ref is near U*: judge by the pooled return. It is left
    out where no context has room.
    """
    utility, _ = Episode(scenario, contexts.values).run(act).outcome()
    ratio = utility / contexts.optimum
    pooled = pooled_return(utility, contexts.reference, contexts.optimum)
    return {"utility_ratio_mean": float(ratio.mean()), "utility_ratio_q05": float(ratio.double().quantile(0.05)),
            **({"normalised_return_pooled": pooled} if math.isfinite(pooled) else {})}
