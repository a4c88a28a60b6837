"""Designs, bounds and answers of a network while parts of its designs have failed."""

import json
from dataclasses import replace
from pathlib import Path

import flow_program
import pytest
import torch
from smoke import WATER as WATER_MODEL
from smoke import aign

from aign.designs.answer import answer
from aign.designs.diagnosis import diagnose
from aign.designs.requests import Request
from aign.diffusion import store
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.failed_parts import without

WATER = registry.create("water-filling", channels=4)
POLSKA = registry.create("ip-optical-planning", topology="polska")
LAYERS = registry.create("ip-optical-planning", topology="polska", layers=2)
SURVIVES = ["reliability>=1", "ip>=1"]


def contexts(scenario, count):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(5))


def test_nothing_failed_is_the_network_itself_and_equal_failures_are_made_once():
    assert without(WATER, []) is WATER
    assert without(WATER, ["channel 1", "channel 2"]) is without(WATER, ["channel 2", "channel 1"]) is not WATER
    for network, first, second in ((WATER, "channel 1", "channel 2"),
                                   (POLSKA, "link Gdansk-Warsaw", "link Gdansk-Kolobrzeg")):
        full = torch.ones(1, network.action_size)
        twice = without(without(network, [first]), [second])
        assert twice.admissible(full)[0, :2].tolist() == [0.0, 0.0]
        assert twice.admissible(full)[0, 2] > 0
    with pytest.raises(ParameterError, match="Unknown part of the design 'channel 9'"):
        without(WATER, ["channel 9"])


def test_a_bound_of_the_whole_network_holds_without_a_channel_whose_optimum_is_known():
    network, drawn = without(WATER, ["channel 2"]), contexts(WATER, 50)
    certificate = network.certify(drawn, parse(["total_power<=2"], WATER.labels))
    assert bool(certificate.feasible.all())
    assert bool((certificate.design[:, 1] == 0).all())
    assert "every part counts as working" in certificate.statement
    three = registry.create("water-filling", channels=3)
    optimum = three.certify(drawn[:, [0, 2, 3]], parse(["total_power<=2"], three.labels)).utility
    reached = WATER.utility(drawn, certificate.design)
    assert bool((certificate.utility >= optimum - 1e-9).all())
    assert bool((reached <= optimum + 1e-9).all())


@pytest.mark.parametrize("scenario", [
    registry.create("power-allocation", users=6), registry.create("power-allocation", users=4, utility="rate"),
    registry.create("contract"), registry.create("video-delivery"),
    registry.create("stackelberg", devices=4, prices="per-device")])
def test_every_design_leaves_out_what_failed(scenario):
    name = scenario.entity_names(scenario.state_features[-1].size)[1]
    network, drawn = without(scenario, [name]), contexts(scenario, 4)
    names = [each for feature in scenario.state_features for each in scenario.entity_names(feature.size)]
    lost = torch.tensor([each == name for each in names])
    low = torch.cat([torch.full((feature.size,), feature.low) for feature in scenario.state_features])
    starts = scenario.design_of(scenario.initial_state(drawn, torch.Generator().manual_seed(1)))
    for designs in (network.admissible(starts), network.project(drawn, starts), network.certify(drawn).design,
                    network.feasible(drawn).witness):
        assert torch.equal(designs[:, lost].double(), low[lost].double().expand(4, -1))
    assert type(scenario).__name__ in type(network).__name__
    assert scenario.admissible(starts)[:, lost].ne(low[lost]).any()


def test_a_backbone_is_planned_without_a_link_as_the_program_with_all_flows_plans_it():
    small = registry.create("ip-optical-planning", topology="polska", failures="none")
    demand = small.presets["published"][None]
    network = without(small, ["link Gdansk-Warsaw", "link Katowice-Krakow"])
    certificate = network.certify(demand, parse(SURVIVES, small.labels))
    closed = [small.entity_names(18).index(name) for name in ("link Gdansk-Warsaw", "link Katowice-Krakow")]
    instance = small.economics.instance(demand[0], small.problem.widest)
    most = instance.most.copy()
    most[closed] = 0.0
    expected = flow_program.least_cost(replace(instance, most=most))
    assert float(small.measure(demand, certificate.design)["cost"][0]) == pytest.approx(expected)
    assert float(certificate.design[0, closed].sum()) == 0
    assert expected > flow_program.least_cost(instance)


@pytest.mark.parametrize(("scenario", "part"), [(POLSKA, "link Krakow-Warsaw"), (LAYERS, "lightpath Krakow-Warsaw")])
def test_mended_and_certified_plans_survive_every_further_failure(scenario, part):
    network, demand = without(scenario, [part]), scenario.presets["published"][None]
    column = scenario.entity_names(scenario.action_size).index(part)
    constraints = parse(SURVIVES, scenario.labels)
    certificate = network.certify(demand, constraints)
    projected = network.project(demand, torch.full((1, scenario.action_size), 3.0), constraints)
    for designs in (certificate.design, projected):
        assert float(designs[0, column]) == 0
        assert float(scenario.measure(demand, designs)["reliability"][0]) == 1
    assert float(certificate.utility[0]) <= float(scenario.certify(demand, constraints).utility[0]) + 1e-9


def test_a_network_that_falls_apart_when_another_link_fails_is_proven_impossible():
    network, demand = without(POLSKA, ["link Kolobrzeg-Szczecin"]), POLSKA.presets["published"][None]
    diagnosis = diagnose(network, demand[0], parse(["reliability>=1"], POLSKA.labels))
    assert diagnosis.proven
    assert 0.9 < diagnosis.relaxations[0].relaxed.threshold < 1
    assert float(diagnosis.design[6]) == 0


def test_an_answer_uses_no_failed_channel_and_says_what_to_change(workplace):
    arguments = ("design", "water-filling", "--seed", "3", "--count", "2")
    assert aign(*arguments, "--save", "now").code == 0
    design = json.loads(Path("now.json").read_text())["designs"][0]["design"]
    channel = max(range(4), key=design.__getitem__)
    outcome = aign(*arguments, "--start", "now.json", "--event", f"channel {channel + 1} fails", "--save", "after")
    assert outcome.code == 0, outcome
    after = json.loads(Path("after.json").read_text())
    assert [row["design"][channel] for row in after["designs"]] == [0.0, 0.0]
    assert all(state[channel] == 0 for row in after["designs"] for state in row["path"])
    assert after["impact"]["failed"] == [f"channel {channel + 1}"]
    assert after["changes"] is not None
    assert f"channel {channel + 1}:" not in outcome.out


def test_the_design_that_only_the_certificate_knows_is_told(workplace):
    pipeline = store.load(f"models/{WATER_MODEL}")
    whole = answer(pipeline, Request(count=2, seed=3, where=["total_power<=1"]).resolve(pipeline.scenario))
    assert not any("No generated design" in sentence for sentence in whole.caption())
    none_met = replace(whole.candidates, feasible=torch.zeros_like(whole.candidates.feasible))
    sentence, = (text for text in replace(whole, candidates=none_met).caption() if "No generated design" in text)
    assert sentence.startswith("No generated design meets the request, but one is known that does:")
    values = [float(value) for value in sentence.split(": ")[1].split(";")[0].split()]
    assert sum(values) <= 1 + 1e-4
    assert f"utility {whole.best_known:.4f}" in sentence
