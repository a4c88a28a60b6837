"""Proofs of impossibility: never wrong against a search through every design, and as sharp as they claim."""

import math

import pytest
import torch

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint, parse, satisfied
from aign.scenarios.power_allocation.feasibility import most_efficiency, most_total, proven_impossible
from aign.scenarios.power_allocation.physics import BANDWIDTH
from aign.scenarios.power_allocation.requirements import feasible, requirements

THREE = registry.create("power-allocation", users=3)
STATIONS = registry.create("power-allocation", users=3, base_stations=2)
LEVEL = torch.arange(0.0, 41.0)
EVERY = torch.cartesian_prod(LEVEL, LEVEL, LEVEL)


def context_of(network, count=1, seed=5):
    return network.draw_contexts(count, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("network", [THREE, STATIONS])
def test_no_proof_is_ever_wrong_and_closed_forms_are_decided(network):
    context = context_of(network)
    values = network.measure(context.expand(len(EVERY), -1), EVERY)
    generator, proven = torch.Generator().manual_seed(0), 0
    names = [label.name for label in network.labels]
    for _ in range(150):
        chosen = torch.randperm(len(names), generator=generator)[:int(torch.randint(1, 4, (1,), generator=generator))]
        place = torch.randint(len(EVERY), (len(chosen),), generator=generator)
        constraints = []
        for number, design in zip(chosen.tolist(), place.tolist(), strict=True):
            sense = ("<=", ">=", "<", ">")[int(torch.randint(4, (1,), generator=generator))]
            stretch = float(torch.randint(8, 13, (1,), generator=generator)) / 10
            constraints.append(Constraint(names[number], sense, stretch * float(values[names[number]][design])))
        possible = bool(satisfied(constraints, values, len(EVERY)).any())
        impossible = bool(proven_impossible(context, constraints, 3)[0])
        assert not (impossible and possible), constraints
        labels = {(one.label, one.upper) for one in constraints}
        if labels <= {("total_power", True), ("max_power", True), ("min_rate", False), ("min_sinr_db", False)}:
            assert impossible == (not possible), constraints
        if labels <= {("total_power", True), ("max_power", True), ("total_power", False), ("max_power", False)}:
            assert impossible == (not possible), constraints
        proven += impossible
    assert proven > 10


@pytest.mark.parametrize("network", [THREE, STATIONS])
@pytest.mark.parametrize("texts", [[], ["min_rate>=30"], ["max_power<=10", "min_sinr_db>=-10"]])
def test_the_bound_on_energy_efficiency_holds_and_is_reached_without_interference(network, texts):
    contexts, needs = context_of(network, 4), requirements(parse(texts, network.labels), 3)
    possible, least = feasible(contexts, needs, 3)
    bound = most_efficiency(contexts, needs, least)
    for row in possible.nonzero()[:, 0].tolist():
        values = network.measure(contexts[row].expand(len(EVERY), -1), EVERY)
        allowed = satisfied(parse(texts, network.labels), values, len(EVERY))
        best = float(values["energy_efficiency"][allowed].amax())
        assert best <= float(bound[row]) * (1 + 1e-12)
        if not texts:
            simple = BANDWIDTH * math.log2(1 + float(contexts[row].amax()))
            assert float(bound[row]) <= simple * (1 + 1e-6)
            assert best == pytest.approx(float(bound[row]), rel=1e-6)


def test_the_linear_program_bounds_the_most_total_power():
    contexts = context_of(THREE, 3)
    for texts in (["min_rate>=60"], ["min_rate>=100", "max_power<=20"]):
        constraints = parse(texts, THREE.labels)
        for context in contexts:
            allowed = satisfied(constraints, THREE.measure(context.expand(len(EVERY), -1), EVERY), len(EVERY))
            if bool(allowed.any()):
                most = float(EVERY[allowed].sum(dim=1).amax())
                assert most <= most_total(context, requirements(constraints, 3), 3) <= most + 3


@pytest.mark.parametrize(("texts", "impossible"), [
    (["jain_fairness>1.001"], True), (["jain_fairness<0.3"], True), (["jain_fairness>=1", "total_power>=1"], False),
    (["min_rate<0"], True), (["min_rate<=0"], False), (["min_sinr_db<-100"], True),
    (["min_rate>=40", "min_sinr_db<=-40"], True), (["total_power>120"], True), (["total_power>=120"], False),
    (["max_power>40"], True), (["max_power>=12", "total_power<12"], True), (["energy_efficiency<0"], True),
    (["energy_efficiency<=0"], False), (["energy_efficiency<=0", "min_rate>=1"], True)])
def test_simple_proofs(texts, impossible):
    constraints = parse(texts, THREE.labels)
    assert proven_impossible(context_of(THREE, 2), constraints, 3).tolist() == [impossible] * 2


def test_two_users_are_decided_by_trying_every_design():
    two = registry.create("power-allocation", users=2)
    for texts in (["jain_fairness>=0.99999", "total_power>=70"], ["jain_fairness<=0.5001", "min_rate>=100"]):
        known = two.feasible(context_of(two, 5), parse(texts, two.labels))
        assert not bool(known.unknown.any())
