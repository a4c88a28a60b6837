"""From what happened to what the dataset says of it: labels, utility and returns of complete episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from aign.scenarios.core.episode import Rollout
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import Contexts
from aign.trajectories.schema import Episodes


def label(scenario: Scenario[Any], contexts: Contexts, rollout: Rollout, behaviour: str, agent_step: int = 0,
          agent_seed: int = 0, env_seed: int = 0) -> Episodes:
    """Return labelled episodes; labels and utility are those of the final design, computed in float64.

    Args:
        scenario: where the episodes took place.
        contexts: E contexts, one for each episode, in order.
        rollout: E complete episodes.
        behaviour: who acted.
        agent_step: environment steps the agent had learned from.
        agent_seed: seed of the agent.
        env_seed: seed of contexts and starts.
    """
    utility, labels = scenario.outcome(contexts.values, rollout.final)
    count, steps = rollout.rewards.shape
    return Episodes(
        observations=_float32(rollout.observations),
        actions=_float32(rollout.actions),
        rewards=_float64(rollout.rewards),
        labels={name: _float64(value) for name, value in labels.items()},
        utility=_float64(utility),
        return_raw=_float64(rollout.rewards.double().sum(1)),
        return_normalised=_float64(contexts.normalised(utility)),
        length=np.full(count, steps, np.int32),
        terminated=np.full(count, steps == scenario.horizon),
        truncated=np.full(count, steps < scenario.horizon),
        behaviour=np.full(count, behaviour),
        agent_step=np.full(count, agent_step, np.int64),
        agent_seed=np.full(count, agent_seed, np.int32),
        env_seed=np.full(count, env_seed, np.int64),
        context_id=contexts.ids.numpy().astype(np.int64),
        context=_float32(contexts.values),
        split=np.full(count, contexts.split),
    )


def _float32(values: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.ascontiguousarray(values.detach().cpu().numpy(), dtype=np.float32)


def _float64(values: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.ascontiguousarray(values.detach().cpu().numpy(), dtype=np.float64)
