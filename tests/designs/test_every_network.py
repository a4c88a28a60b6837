"""Objectives, a front, explanations, changes and suggestions in every network, without a model: its rules of thumb and
certified design stand for what a model would generate.
"""

import json

import pytest
import torch

from aign.designs.answer import Answer
from aign.designs.generation import Candidates, ranked
from aign.designs.requests import Request
from aign.diffusion.strategies import strategy_of
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import satisfied

NETWORKS = {
    "power-allocation": ({"users": 4}, ["total_power<=60"], "min_rate", "user 1"),
    "contract": ({"types": 3}, ["payment<=250"], "latency", "type 1"),
    "stackelberg": ({"devices": 3}, ["max_price<=0.5"], "payment", "device 1"),
    "water-filling": ({"channels": 4}, ["max_power<=1.5"], "total_power", "channel 1"),
    "ip-optical-planning": ({"topology": "polska"}, ["reliability>=1", "ip>=1"], "cost", "link "),
    "offloading": ({"users": 5, "servers": 2}, ["offloaded<=0.8"], "energy", "user 1"),
    "asp-selection": ({"tasks": 8, "providers": 3}, ["crashes<=5"], "jain_load", "provider 1"),
    "queue-scheduling": ({"slots": 8}, ["lost_packets<=50"], "mean_backlog", "queue 1"),
    "video-delivery": ({"classes": 2}, ["served>=0.9"], "hit_ratio", "node "),
    "video-streaming": ({"chunks": 6, "segments": 20}, ["rebuffer<=500"], "switches", "0.3 Mbit/s"),
    "gymnasium": ({"environment": "CartPole-v1", "horizon": 8, "rollouts": 2}, ["duration>=1"], "duration", "entity 1"),
}


def answered(name, objective, start=None, where=None):
    parameters, usual, _, _ = NETWORKS[name]
    scenario = registry.create(name, **parameters)
    request = Request(usual if where is None else where, objective=objective, seed=2, start=start).resolve(scenario)
    contexts = request.context[None]
    certificate = scenario.certify(contexts, request.constraints)
    rules = [rule(contexts).float() for rule in scenario.heuristics.values()]
    designs = torch.cat([certificate.design.float(), *rules])
    designs = scenario.project(contexts.expand(len(designs), -1), designs, request.constraints).float()
    repeated = contexts.expand(len(designs), -1)
    labels = scenario.measure(repeated, designs)
    met = satisfied(request.constraints, labels, len(designs))
    states = torch.zeros(len(designs), scenario.horizon + 1, scenario.state_size)
    if scenario.designs_transfer:
        first = scenario.initial_state(contexts)
        states = first + torch.linspace(0, 1, scenario.horizon + 1)[:, None] * (designs - first)[:, None]
    fields = {"designs": designs, "utility": scenario.utility(repeated, designs), "feasible": met, "raw_feasible": met,
              "reached": torch.ones_like(met), "paths": states, "target_returns": torch.ones(len(designs)),
              **{f"label:{label}": value for label, value in labels.items()}}
    order = ranked({key: value[None] for key, value in fields.items()}, request.objectives)
    figures = {label: order.pop(f"label:{label}") for label in labels}
    return Answer(scenario, request, Candidates(labels=figures, **order), certificate,
                  float(scenario.reference_utility(contexts)[0]), strategy_of(scenario))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_label_can_be_what_is_wanted_most(name):
    label, entity = NETWORKS[name][2:]
    answer = answered(name, [label])
    best, = answer.best_values
    scenario, contexts = answer.scenario, answer.request.context[None]
    assert bool(satisfied(answer.request.constraints, scenario.measure(contexts, best.design[None]), 1))
    assert best.value == float(scenario.measure(contexts, best.design[None])[label][0])
    score = best.objective.score(answer.candidates.utility, answer.candidates.labels)[0]
    at_best = best.objective.score(torch.zeros(()), {label: torch.tensor(best.value, dtype=torch.float64)})
    assert float(score[answer.candidates.feasible[0]].max()) <= float(at_best) + 1e-9 * abs(best.value)
    assert label in answer.verdict
    assert scenario.entity_names(3)[0].startswith(entity)
    stored = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    assert stored["objectives"][0]["value"] == best.value
    assert stored["sentences"] == answer.caption()


@pytest.mark.parametrize("name", NETWORKS)
def test_utility_and_a_label_have_a_front_and_the_best_is_explained(name):
    label = NETWORKS[name][2]
    answer = answered(name, ["utility", label])
    assert answer.front.places[0] == 0
    assert any("beaten by no other" in line for line in answer.caption())
    plain = answered(name, [])
    lines = plain.caption()
    constraint = str(plain.request.constraints[0])
    assert any(line.startswith(constraint) for line in lines), "what binds, and what a unit more gives"
    assert any(line.startswith("Design ") and " differs in " in line for line in lines)
    affected = plain.explanation.entities
    assert all(each.name == plain.scenario.entity_names(each.number)[-1] for each in affected)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_deployed_design_is_changed_or_refused(name):
    parameters, where, label, _ = NETWORKS[name]
    scenario = registry.create(name, **parameters)
    context = Request(seed=2).resolve(scenario).context
    start = scenario.certify(context[None]).design[0].tolist()
    if not scenario.designs_transfer:
        with pytest.raises(ParameterError, match="sequence of decisions"):
            answered(name, [], start)
        return
    answer = answered(name, [label], start, where)
    changes = answer.changes
    design = changes.start.design
    assert design.tolist() == pytest.approx(start, abs=1e-3)
    for change in changes.steps:
        assert not torch.equal(change.after.design, design)
        design = change.after.design
    target = answer.candidates.designs[0, 0]
    assert torch.equal(design, target) or not changes.steps
    for suggestion in answer.suggest():
        last = suggestion.changes.steps[-1].after
        assert bool(satisfied(answer.request.constraints, scenario.measure(context[None], last.design[None]), 1))
    with pytest.raises(ParameterError, match="Unknown part of the design to keep"):
        answer.suggest(["user of another network"])


def test_suggestions_need_a_deployed_design():
    with pytest.raises(ParameterError, match="give it as the start"):
        answered("water-filling", []).suggest()
