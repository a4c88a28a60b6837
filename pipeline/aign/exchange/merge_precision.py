"""Episodes of older format versions as today's would have recorded them.

They hold in float32 what the simulator measured in float64. The exact numbers come back by simulating the episodes
again, as `trajectories.replay` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from aign.scenarios.core.scenario import Scenario
from aign.trajectories.replay import columns_simulated
from aign.trajectories.schema import Episodes

Array = np.ndarray[Any, Any]


def measured_again(episodes: Episodes, scenario: Scenario[Any]) -> Episodes:
    """Return the episodes with rewards, labels, utility and return_raw in float64.

    A number that the simulator does not give, such as one from a log, stays as it was stored.
    """
    given = (torch.from_numpy(getattr(episodes, name)) for name in ("context", "observations", "actions", "length"))
    exact = columns_simulated(scenario, *given)

    def measured(name: str, stored: Array) -> Array:
        computed = exact[name].numpy()
        with np.errstate(over="ignore"):
            same: Array = computed.astype(np.float32) == stored
        return np.where(same, computed, stored)

    return replace(episodes, labels={name: measured(name, stored) for name, stored in episodes.labels.items()},
                   **{name: measured(name, getattr(episodes, name)) for name in ("rewards", "utility", "return_raw")})
