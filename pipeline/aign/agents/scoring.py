"""How good a policy is on contexts it did not learn from."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aign.agents.contexts import Contexts
from aign.agents.rollout import Act, rollout
from aign.scenarios.base import Scenario


def score(scenario: Scenario[Any], contexts: Contexts, act: Act) -> dict[str, float]:
    """Return mean and 5 % quantile, over contexts, of U / U* and of the normalised return of the final design.

    Episodes start at the usual state. The ratio flatters where U_ref is near U*: judge by the normalised return.
    """
    final = rollout(scenario, contexts.values, act, scenario.initial_state(contexts.values)).final
    utility, _ = scenario.outcome(contexts.values, final)
    return {**_summary("utility_ratio", utility / contexts.optimum),
            **_summary("normalised_return", contexts.normalised(utility))}


def _summary(name: str, values: Tensor) -> dict[str, float]:
    return {f"{name}_mean": float(values.mean()), f"{name}_q05": float(values.double().quantile(0.05))}
