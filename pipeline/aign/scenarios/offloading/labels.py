"""What a request may bound, and its measurement.

Axes: B networks, N users.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Label
from aign.scenarios.offloading.physics import SERVER_SPEED, Network, Served

LABELS = (
    Label("cost", "1", "lower", "Weighted delay and energy of all users: seconds times weight, joules times the rest."),
    Label("late_users", "user", "lower", "Users whose task ends after the deadline."),
    Label("on_time", "1", "higher", "Share of users whose task ends by the deadline."),
    Label("max_delay", "s", "lower", "Longest time until a task is done."),
    Label("energy", "J", "lower", "Energy of all users: to compute locally, to send, and to wait for results."),
    Label("server_load", "1", "lower", "Cycles offloaded to the busiest server over what it computes by the deadline."),
    Label("offloaded", "1", "higher", "Share of users who offload."),
)
LOST = Label("lost_tasks", "1", "lower", "Tasks whose user left coverage before they ended.")
WHOLE = frozenset({"late_users", "lost_tasks"})


def measure(network: Network, served: Served) -> dict[str, Tensor]:
    """Return every label (B,), float64; that of lost tasks too, which networks without mobility leave out."""
    late = network.late(served.delay).double()
    away = (served.server > 0).double()
    load = network.sums(served.server, network.cycles)[:, 1:].amax(1) / (SERVER_SPEED * network.semantics.deadline)
    return {"cost": served.cost.sum(1), "late_users": late.sum(1), "on_time": 1 - late.sum(1) / late.shape[1],
            "max_delay": served.delay.amax(1), "energy": served.energy.sum(1), "server_load": load,
            "offloaded": away.sum(1) / away.shape[1], "lost_tasks": served.lost.sum(1).to(torch.float64)}
