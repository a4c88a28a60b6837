"""What `speed.py` measures within one version of the code, in processor seconds; run in that version's folder.

Uses only what both versions have.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from aign import params
from aign.agents import libraries
from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.settings import CollectSettings
from aign.designs.generation import generate
from aign.diffusion import store
from aign.diffusion.training import Trainer
from aign.scenarios.core.constraints import parse
from aign.stages.train import held_out
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore

WHERE = ("total_power<=300", "min_rate>=6")
ROUNDS, STEPS, QUALITY_CONTEXTS = 15, 40, 1_024
NETWORK = "power-20"
AGENT_STEPS = 2_560
"""Environment steps of the agent that is timed; it learns in all but the first 150."""


def median(work: Callable[[], object], rounds: int) -> float:
    """Return the median processor time of several runs, after two that are not counted."""
    seconds = []
    for _ in range(rounds + 2):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds[2:])


def agent_update(scenario: Any, contexts: Contexts, collect: CollectSettings) -> float:
    """Return the seconds of one update of SAC, its share of acting in the environment included."""
    settings = collect.model_copy(update={"sac": collect.sac.model_copy(update={"environment_steps": AGENT_STEPS})})
    environment = SharedPolicyVecEnv(scenario, contexts, settings.sac.networks, 1, lambda episodes, drawn: None)
    agent = libraries.build("sac", settings, environment, seed=1)
    began = time.process_time()
    agent.learn(AGENT_STEPS * scenario.agents, None, log_interval=AGENT_STEPS)  # never logs: fewer episodes end
    return (time.process_time() - began) / libraries.gradient_steps(agent)


def main(model: Path, dataset: Path, only: set[str]) -> None:
    """Print the figures of the code that is imported, as JSON; all where none are named."""
    torch.set_num_threads(1)
    stored = TrajectoryStore.open(dataset, deep=False)
    pool = ContextPool.load(dataset / "contexts.safetensors", stored.scenario)
    settings = params.load(Path("params.yaml")).variant(NETWORK)
    figures: dict[str, float] = {}
    if not only or "agent_update" in only:
        figures["agent_update"] = agent_update(stored.scenario, pool["train"], settings.collect)
    if not only or only - {"agent_update"}:
        figures |= of_models(model, stored, pool, settings.train)
    print(json.dumps(figures))


def of_models(model: Path, stored: TrajectoryStore, pool: ContextPool, train: Any) -> dict[str, float]:
    """Return the figures of generation, with its quality, and of training."""
    opened = store.load(model)
    scenario = opened.scenario
    contexts, constraints = scenario.draw_contexts(32, torch.Generator().manual_seed(7)), parse(WHERE, scenario.labels)
    figures = {"designs": median(lambda: generate(opened, contexts, (), 1), ROUNDS),
               "request": median(lambda: generate(opened, contexts[:1], constraints, 16), ROUNDS)}
    many = scenario.draw_contexts(QUALITY_CONTEXTS, torch.Generator().manual_seed(8))
    ratio = generate(opened, many, (), 1).utility[:, 0] / scenario.certify(many).utility
    figures |= {"ratio": float(ratio.mean()), "ratio_error": 1.96 * float(ratio.std()) / len(ratio) ** 0.5}
    trainer = Trainer([stored], train, 1, torch.device("cpu"), [held_out(pool["validation"], 8)], None, {})
    losses = trainer.losses(trainer.unet) if hasattr(trainer, "losses") else trainer.unet  # as the version wants it
    return {**figures, "training_step": median(lambda: trainer.one_step(losses), STEPS)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), set(sys.argv[3:]))
