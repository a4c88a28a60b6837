"""The whole pipeline on small networks: agents, a generator over users that serves other sizes, requests, a report."""

import json

import pytest
import torch
from smoke import COLLECT, TRAIN, run_chain

from aign.diffusion import store
from aign.scenarios.core import registry, satisfied
from aign.scenarios.core.constraints import parse

NAME = "offloading-4"
PARAMS = {
    "base": {"seed": 3, "device": "cpu", "threads": 1, "workers": 2},
    "variants": {NAME: {
        "scenario": {"name": "offloading", "servers": 2, "users": 4}, "collect": COLLECT,
        "train": {**TRAIN, "network": {"kind": "set", "channels": 8, "depth": 1, "embedding": 16}, "stride": 8},
        "sample": {"requests": [{"name": "light", "preset": "even", "count": 4, "where": ["offloaded<=0.5"]}]},
        "evaluate": {"contexts": 4, "candidates": 2, "constrained_contexts": 2, "constrained_requests": 2}}}}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offloading")
    run_chain(folder, PARAMS)
    return folder


def test_every_rule_and_agent_is_measured(chain):
    metrics = json.loads((chain / f"data/reports/{NAME}/metrics.json").read_text())
    assert {"sac", "ppo", "greedy", "local_search_16", "diffuser_best_of_2"} <= set(metrics["methods"])
    greedy = metrics["methods"]["greedy"]["normalised_return_pooled"]["mean"]
    assert greedy is None or greedy == pytest.approx(0)


def test_designs_meet_their_request(chain):
    answer = json.loads((chain / f"data/designs/{NAME}/light.json").read_text())
    assert len(answer["designs"]) == 4
    assert all(design["feasible"] and design["offloaded"] <= 0.5 for design in answer["designs"])
    assert all(design["utility"] <= answer["certified_utility"] + 1e-9 for design in answer["designs"])


def test_the_generator_serves_other_numbers_of_users_and_servers(chain):
    scenario = registry.create("offloading", servers=5, users=9)
    pipeline = store.load(chain / "models" / NAME).at(scenario)
    contexts = scenario.draw_contexts(3, torch.Generator().manual_seed(0))
    constraints = parse(["offloaded<=0.5"], scenario.labels)
    plans = pipeline(contexts, torch.ones(3), constraints)
    assert torch.equal(scenario.admissible(plans.designs), plans.designs)
    assert bool(satisfied(constraints, scenario.measure(contexts, plans.designs), 3).all())
