"""How fast the simulator is: `python tests/benchmarks/simulator.py [USERS] [STATIONS]`, one CPU thread, and CUDA.

Prints environment steps a second (networks times steps) for several batch sizes: of `step` alone, and of `step` with
the observation an agent asks for after it. Each figure is the best of several rounds: other work on the machine only
ever slows a round down.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from aign.scenarios.core import registry
from aign.scenarios.core.scenario import Scenario

ROUNDS, NETWORKS = 9, 40_000
SIZES = {"cpu": (64, 256, 1024, 2048, 4096, 16_384), "cuda": (1024, 4096, 16_384, 65_536, 262_144, 1_048_576)}


def device_name(device: str) -> str:
    """Return what the figures were measured on."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
              ] if info.exists() else []
    return f"{models[0] if models else platform.processor() or platform.machine()}, one thread"


def finish(device: str) -> None:
    """Wait for what the device still has to do."""
    if device == "cuda":
        torch.cuda.synchronize()


def steps_a_second(work: Callable[[], object], networks: int, device: str) -> float:
    """Return networks stepped a second by `work`, which steps `networks` of them: the best round counts."""
    repeats = max(3, min(200, NETWORKS // networks))
    work()
    finish(device)
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        finish(device)
        best = min(best, (time.perf_counter() - began) / repeats)
    return networks / best


def measure(scenario: Scenario[Any], device: str) -> None:
    """Print one line for each batch size."""
    print(f"\n{device}: {device_name(device)}\n{'networks':>10s} {'step':>14s} {'step, observe':>14s}   [steps/s]")
    for networks in SIZES[device]:
        generator = torch.Generator().manual_seed(0)
        contexts = scenario.draw_contexts(networks, generator).to(device)
        states = scenario.initial_state(contexts, generator)
        actions = (2 * torch.rand(networks, scenario.action_size, generator=generator) - 1).to(device)

        def step(contexts=contexts, states=states, actions=actions):
            return scenario.step(contexts, states, actions)

        def step_and_observe(contexts=contexts, step=step):
            return scenario.observe(contexts, step()[0], 1)

        rates = [steps_a_second(work, networks, device) for work in (step, step_and_observe)]
        print(f"{networks:10,d} {rates[0]:14,.0f} {rates[1]:14,.0f}", flush=True)


def main(users: int = 20, stations: int = 1) -> None:
    """Measure power allocation on the CPU, and on CUDA where there is one."""
    torch.set_num_threads(1)
    scenario = registry.create("power-allocation", users=users, base_stations=stations)
    print(f"power allocation, {users} users, {stations} base station{'s' * (stations > 1)}; torch {torch.__version__}")
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        measure(scenario, device)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
