"""What a request may bound, and its measurement.

Axes: B networks, N users.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Label
from aign.scenarios.offloading.physics import Network, Served
from aign.scenarios.offloading.semantics import SERVER_SPEED

LABELS = (
    Label("cost", "1", "lower", "Weighted delay and energy of all users: seconds times weight, joules times the rest.",
          ("cost", "total cost", "weighted cost", "cheap")),
    Label("late_users", "user", "lower", "Users whose task ends after the deadline.",
          ("late users", "users late", "users after the deadline", "users miss the deadline", "miss the deadline",
           "late", "late tasks")),
    Label("on_time", "1", "higher", "Share of users whose task ends by the deadline.",
          ("share of users on time", "users on time", "on time", "in time", "tasks on time", "users meet the deadline",
           "every user on time>=1", "all users on time>=1", "every user meets the deadline>=1",
           "all users meet the deadline>=1", "all tasks on time>=1", "all tasks in time>=1",
           "all tasks finish in time>=1", "every task finishes in time>=1", "tasks finish in time", "users in time"),
          (("%", 0.01),)),
    Label("max_delay", "s", "lower", "Longest time until a task is done.",
          ("longest delay", "largest delay", "maximum delay", "delay", "latency", "wait", "user<=", "each user<=",
           "every user<=", "user finishes<=", "every user finishes<=", "task done<=", "each task done<=",
           "every task done<=", "task finishes<=", "each task finishes<=", "every task finishes<=", "fast"),
          (("ms", 1e-3), ("second", 1.0), ("millisecond", 1e-3), ("minute", 60.0))),
    Label("energy", "J", "lower", "Energy of all users: to compute locally, to send, and to wait for results.",
          ("energy", "total energy", "energy of all users", "energy consumption", "green"),
          (("joule", 1.0), ("kJ", 1e3), ("mJ", 1e-3))),
    Label("server_load", "1", "lower", "Cycles offloaded to the busiest server over what it computes by the deadline.",
          ("server load", "load of the busiest server", "load", "server<=", "busiest server<=")),
    Label("offloaded", "1", "higher", "Share of users who offload.",
          ("share of users who offload", "users offload", "offloaded", "offload", "offloading users",
           "offloaded tasks", "tasks offloaded", "no user offloads<=0"),
          (("%", 0.01),)),
)
LOST = Label("lost_tasks", "1", "lower", "Tasks whose user left coverage before they ended.",
             ("lost tasks", "tasks lost", "lose tasks", "lose any tasks", "lose"))
WHOLE = frozenset({"late_users", "lost_tasks"})


def measure(network: Network, served: Served) -> dict[str, Tensor]:
    """Return every label (B,), float64; that of lost tasks too, which networks without mobility leave out."""
    late = network.late(served.delay).double()
    away = (served.server > 0).double()
    load = network.sums(served.server, network.cycles)[:, 1:].amax(1) / (SERVER_SPEED * network.semantics.deadline)
    return {"cost": served.cost.sum(1), "late_users": late.sum(1), "on_time": 1 - late.sum(1) / late.shape[1],
            "max_delay": served.delay.amax(1), "energy": served.energy.sum(1), "server_load": load,
            "offloaded": away.sum(1) / away.shape[1], "lost_tasks": served.lost.sum(1).to(torch.float64)}
