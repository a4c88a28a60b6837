"""How good a policy is on contexts it did not learn from."""

from __future__ import annotations

import math
from typing import Any

from aign.agents.rollout import Act, rollout
from aign.scenarios.core.returns import pooled_return
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import Contexts


def score(scenario: Scenario[Any], contexts: Contexts, act: Act) -> dict[str, float]:
    """Return how good final designs are: the pooled return, and mean and 5 % quantile, over contexts, of U / U*.

    Episodes start at the usual state. The ratio flatters where U_ref is near U*: judge by the pooled return. It is left
    out where no context has room.
    """
    final = rollout(scenario, contexts.values, act, scenario.initial_state(contexts.values)).final
    utility, _ = scenario.outcome(contexts.values, final)
    ratio = utility / contexts.optimum
    pooled = pooled_return(utility, contexts.reference, contexts.optimum)
    return {"utility_ratio_mean": float(ratio.mean()), "utility_ratio_q05": float(ratio.double().quantile(0.05)),
            **({"normalised_return_pooled": pooled} if math.isfinite(pooled) else {})}
