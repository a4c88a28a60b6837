"""The whole pipeline on a small network for video: agents, a generator over nodes, requests, a report."""

import json

import pytest
import torch
from smoke import COLLECT, TRAIN, run_chain

from aign.diffusion import store
from aign.scenarios.core import satisfied
from aign.scenarios.core.constraints import parse

NAME = "delivery-small"
SMALL = {**COLLECT, "train_contexts": 12, "validation_contexts": 3, "test_contexts": 4,
         "sources": {"random": 10, "heuristics": 10, "solver_guided": 30, "snapshots": 1, "snapshot_episodes": 10}}
PARAMS = {
    "base": {"seed": 3, "device": "cpu", "threads": 1, "workers": 2},
    "variants": {NAME: {
        "scenario": {"name": "video_delivery", "classes": 2, "paths": 2, "storage": 20}, "collect": SMALL,
        "train": {**TRAIN, "evaluate_every": 30, "evaluate_contexts": 2, "stride": 8,
                  "network": {"kind": "set", "channels": 8, "depth": 1, "embedding": 16}},
        "sample": {"requests": [{"name": "near", "preset": "peak", "count": 4, "where": ["mean_latency<=1.5"]}]},
        "evaluate": {"contexts": 4, "candidates": 2, "constrained_contexts": 1, "constrained_requests": 2,
                     "denoising_steps": [1], "steps_contexts": 2}}}}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("delivery")
    run_chain(folder, PARAMS)
    return folder


def test_every_rule_and_agent_is_measured_against_the_bound(chain):
    metrics = json.loads((chain / f"data/reports/{NAME}/metrics.json").read_text())
    methods = metrics["methods"]
    assert {"sac", "ppo", "popularity", "local_search", "diffuser_best_of_2"} <= set(methods)
    pooled = {name: method["normalised_return_pooled"]["mean"] for name, method in methods.items()}
    assert pooled["popularity"] == pytest.approx(0)
    assert all(value <= 1 + 1e-6 for value in pooled.values())


def test_designs_overload_no_link_and_meet_what_they_are_asked(chain):
    pipeline = store.load(chain / "models" / NAME)
    scenario = pipeline.scenario
    contexts = scenario.draw_contexts(3, torch.Generator().manual_seed(0))
    constraints = parse(["mean_latency<=1.5", "served>=0.9"], scenario.labels)
    plans = pipeline(contexts, torch.ones(3), constraints)
    values = scenario.measure(contexts, plans.designs)
    assert torch.equal(scenario.admissible(plans.designs), plans.designs)
    assert bool((values["max_load"] <= 1).all())
    assert torch.equal(satisfied(constraints, values, 3), scenario.feasible(contexts, constraints).known)
