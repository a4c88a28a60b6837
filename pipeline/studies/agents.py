"""Do diffusion policies win? D2SAC against SAC, PPO and others: the same network, contexts and steps, over seeds.

Contexts are those of the network's dataset: every agent explores the same training contexts and is scored on the same
unseen ones. A seed repeats exploration and learning.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aign.agents.learners import explore
from aign.agents.libraries import planned_steps
from aign.agents.settings import CollectSettings, Kind
from aign.engines.jobs import Report
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.registry import create
from aign.stages.evaluate import judge, methods
from aign.stages.folders import TRAJECTORIES
from aign.trajectories.contexts import CONTEXTS, ContextPool
from studies.runs import Run, Task
from studies.training import first

LEAST_SHARE = 1e-6
"""Nothing is kept of what an agent does after learning, so it need not do much."""


def learn(run: Run) -> None:
    """Train and score the agents that are compared in a variant of params.yaml; ParameterError where there is none."""
    settings, compared = run.params.variant(run.case), run.params.studies.agents
    if run.case not in compared.variants:
        raise ParameterError(f"studies.agents.variants: {unknown_name('variant', run.case, compared.variants)}")
    scenario, dataset, tasks = settings.create_scenario(), TRAJECTORIES / run.case, []
    for kind in compared.variants[run.case]:
        only = CollectSettings.model_validate({
            "agents": (kind,), kind: settings.collect.of(kind), "held_out_share": LEAST_SHARE,
            "sources": {"snapshots": compared.curve_points, "snapshot_episodes": 0}})
        tasks.append(Task(kind, planned_steps(kind, only, scenario.horizon), learn_agent,
                          {"scenario": scenario.spec(), "contexts": dataset / CONTEXTS, "kind": kind, "collect": only,
                           "seed": run.seed, "count": compared.contexts}))
    run.compute(tasks, [dataset / "meta"])


def learn_agent(report: Report, folder: Path, scenario: Mapping[str, Any], contexts: Path, kind: Kind,
                collect: CollectSettings, seed: int, count: int) -> dict[str, Any]:
    """Train one agent and score its deterministic policy on unseen contexts."""
    network = create(**scenario)
    pool = ContextPool.load(contexts, network)
    began = time.perf_counter()
    learned = explore(kind, network, pool, collect, seed, lambda episodes: None, lambda done, planned: report(done))
    seconds = time.perf_counter() - began
    learned.policy.save(folder / kind)
    unseen = first(pool["test"], count)
    score = judge(network, unseen, methods.policy(network, folder, kind))
    return {**score.timed(), "trained_on": methods.trained_on(network, {kind: collect.of(kind)})[kind],
            "contexts": len(unseen), "training_seconds": seconds, "curve": learned.curve,
            "environment_steps": planned_steps(kind, collect, network.horizon)}
