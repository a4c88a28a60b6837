"""Functions such as a user names in params.yaml: a rule and a label for networks in which users choose stations.

They are written for `mobile-env` (Schneider et al. 2022), in whose central environments each user's run of the
observation is [connected to each station | relative SNR of each station | utility], and whose actions name, for each
user, the station to connect to or to leave, counted from 1; 0 changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aign.scenarios.gymnasium.labels import Record


def strongest_station(observation: NDArray[np.float32], actions: Any) -> NDArray[np.int64]:
    """Return the action (users,) by which everybody who has no connection asks for the station heard best."""
    connected, heard = _runs(observation, len(actions.nvec))
    return np.where(connected.any(1), 0, 1 + heard.argmax(1))


def changed_connections(record: Record) -> float:
    """Return how many connections were made, left or lost in the last step."""
    users = len(record.actions[-1])
    before, after = (_runs(observation, users)[0] for observation in record.observations[-2:])
    return float((before != after).sum())


def _runs(observation: NDArray[np.float32], users: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return who is connected where, and how well everybody hears every station, each (users, stations)."""
    runs = np.asarray(observation, np.float32).reshape(users, -1)
    stations = (runs.shape[1] - 1) // 2
    return runs[:, :stations] > 0.5, runs[:, stations:2 * stations]
