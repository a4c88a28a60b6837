"""Do diffusion policies win? D2SAC against SAC, PPO and others: the same network, contexts and steps, over seeds.

Contexts are those of the network's dataset: every agent explores the same training contexts and is scored on the same
unseen ones. A seed repeats exploration and learning.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from aign.agents.learners import explore
from aign.agents.libraries import planned_steps
from aign.agents.settings import CollectSettings, Kind
from aign.engines import messages
from aign.engines.jobs import Job, Report, run_jobs
from aign.errors import DatasetError
from aign.files.writing import sha256
from aign.params import Params
from aign.scenarios.core.registry import create
from aign.stages.evaluate import judge, methods
from aign.stages.folders import TRAJECTORIES
from aign.studies import agents_page
from aign.studies.cells import begin, cell, finish, result
from aign.trajectories.contexts import ContextPool

PART = "agents"
LEAST_SHARE = 1e-6
"""Nothing is kept of what an agent does after learning, so it need not do much."""


def run(params: Params) -> None:
    """Compute the missing cells, then write the page with its JSON and curves.

    Raises:
        DatasetError: the contexts of a variant are missing.
    """
    settings = params.studies.agents
    if not settings.variants:
        messages.say(f"study {PART}", "no variants are named under studies.agents.variants in params.yaml")
        return
    cells = {(variant, kind, seed): agent_cell(params, variant, kind, seed) for seed in settings.seeds
             for variant, kinds in settings.variants.items() for kind in kinds}
    missing = [job for job in cells.values() if not job.result.exists()]
    messages.say(f"study {PART}", f"{len(cells) - len(missing)} of {len(cells)} cells are there")
    run_jobs(missing, params.base.workers, f"study {PART}", params.base.threads)
    agents_page.write({place: result(job) for place, job in cells.items()})


def agent_cell(params: Params, variant: str, kind: Kind, seed: int) -> Job:
    """Return the cell that trains and scores one agent."""
    settings = params.variant(variant)
    contexts = TRAJECTORIES / variant / "contexts.safetensors"
    if not contexts.exists():
        raise DatasetError(f"{contexts}: missing. Collect the network's dataset first: "
                           f"{params.command('collect', variant)}")
    scenario = settings.create_scenario()
    only = CollectSettings.model_validate({"agents": (kind,), kind: settings.collect.of(kind),
                                           "held_out_share": LEAST_SHARE,
                                           "sources": {"snapshots": params.studies.agents.curve_points,
                                                       "snapshot_episodes": 0}})
    arguments = {"scenario": scenario.spec(), "contexts": contexts, "digest": sha256(contexts), "kind": kind,
                 "collect": only, "seed": seed, "count": params.studies.agents.contexts}
    return cell(PART, f"{variant}-{kind}-{seed}", planned_steps(kind, only, scenario.horizon), learn_agent, arguments)


def learn_agent(report: Report, folder: Path, scenario: Mapping[str, Any], contexts: Path, digest: str, kind: Kind,
                collect: CollectSettings, seed: int, count: int) -> None:
    """Train one agent and score its deterministic policy on unseen contexts."""
    begin(folder)
    network = create(**scenario)
    pool = ContextPool.load(contexts, network)
    began = time.perf_counter()
    learned = explore(kind, network, pool, collect, seed, lambda episodes: None, lambda done, planned: report(done))
    seconds = time.perf_counter() - began
    learned.policy.save(folder / kind)
    test = pool["test"]
    some = test.take(torch.arange(min(count, len(test))))
    score = judge(network, some, methods.policy(network, folder, kind))
    finish(folder, **score.timed(), trained_on=methods.trained_on(network, {kind: collect.of(kind)})[kind],
           contexts=len(some), training_seconds=seconds, curve=learned.curve,
           environment_steps=planned_steps(kind, collect, network.horizon))
