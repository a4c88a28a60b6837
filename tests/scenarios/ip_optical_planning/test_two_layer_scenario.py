"""Planning in two layers as agents and users see it, against enumeration and an independent router on a square."""

import itertools

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from planning_reference import SQUARE
from small_networks import routed

from aign.errors import ParameterError
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.core.environments import ScenarioEnv
from aign.scenarios.core.registry import assigned, create
from aign.scenarios.ip_optical_planning import IpOpticalPlanning, backbone

ASKS = {"y1": "ip>=1", "y2": "optical>=1", "y3": "reliability>=1"}
COMBINATIONS = [names for count in (1, 2, 3) for names in itertools.combinations(ASKS, count)]


@pytest.fixture
def small(monkeypatch):
    """Return a scenario on the square: five direct candidates, and one from b to d over two fibres."""
    monkeypatch.setattr(backbone, "load", lambda name: SQUARE)
    return IpOpticalPlanning.create(topology="square", unit=5.0, most_modules=2, spectrum=2, fibre_pairs=2, layers=2)


def contexts(scenario, count=6, seed=3):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def plans(scenario, count, seed=0):
    return torch.randint(0, 3, (count, scenario.action_size), generator=torch.Generator().manual_seed(seed)).float()


def test_candidates_come_first_as_fibres_and_sizes_follow(small):
    assert small.action_size == len(small.problem.lightpaths) == 6
    assert small.problem.lightpaths.over[:, :5].tolist() == np.eye(5, dtype=bool).tolist()
    assert small.spec()["layers"] == 2
    assert type(create(**small.spec())) is type(small)
    assert small.observe(contexts(small), torch.zeros(6, 6), 0).shape == (6, small.observation_size)
    check_env(ScenarioEnv(small), skip_render_check=True)


def test_labels_are_counted_by_hand(small):
    plan = torch.tensor([[1.0, 0, 0, 2, 0, 1]])
    bent = small.problem.lightpaths.over[:, 5]
    channels = np.array([1, 0, 0, 2, 0]) + bent
    pairs = np.ceil(channels / 2)
    labels = {name: float(value) for name, value in small.measure(contexts(small, 1), plan).items()}
    km = float(pairs @ SQUARE.length / 100)
    assert labels["lightpaths"] == 4
    assert labels["ports"] == 8
    assert labels["regenerators"] == 0
    assert labels["optical"] == 2 - pairs.max()
    assert labels["fibre_km"] == pytest.approx(km)
    assert labels["cost"] == pytest.approx(4 * 3.0 + 0.01 * km)


def test_verdicts_agree_with_an_independent_router(small):
    values, designs = contexts(small, 12), plans(small, 12)
    labels = small.measure(values, designs)
    for row in range(12):
        instance = small.economics.instance(values[row], 100)
        held = [routed(instance, designs[row].double().numpy(), scenario) for scenario in range(instance.scenarios)]
        assert float(labels["ip"][row]) == held[0]
        assert float(labels["reliability"][row]) == pytest.approx(np.mean(held[1:]))
    assert 0 < float(labels["reliability"].mean()) < 1


def test_no_plan_is_better_than_the_certificate_says(small):
    every = torch.tensor(list(itertools.product(range(3), repeat=6))).float()
    values = contexts(small, 4)
    certificate = small.certify(values)
    for row in range(4):
        utility = small.utility(values[row].expand(len(every), -1), every)
        assert float(utility.max()) <= float(certificate.utility[row]) + 1e-9
        if bool(certificate.feasible[row]):
            reached = float(small.utility(values[row:row + 1], certificate.design[row:row + 1])[0])
            assert reached >= float(utility.max()) - 0.2


def test_the_certificate_says_how_near_its_plans_are(small):
    values = contexts(small, 4)
    certificate = small.certify(values)
    plans_here = certificate.design[certificate.feasible]
    reached = small.utility(values[certificate.feasible], plans_here)
    cost = 2.0 - reached  # of survivable plans, in units of the reference
    gaps = (certificate.utility[certificate.feasible] - reached) / cost
    assert f"{float(gaps.mean()):.2%} on average and {float(gaps.max()):.2%} at most" in certificate.statement


@pytest.mark.parametrize("names", COMBINATIONS)
@pytest.mark.parametrize("budget", [None, 1.05])
def test_requests_on_both_layers_are_met_or_proven_impossible(small, names, budget):
    values = contexts(small, 8, seed=1)
    texts = [ASKS[name] for name in names]
    met = torch.zeros(8, dtype=torch.bool)
    for row in range(8):
        constraints = parse(texts, small.labels)
        cost = float(small.measure(values[row:row + 1], small.certify(values[row:row + 1], constraints).design)["cost"])
        if budget is not None:
            constraints = parse([*texts, f"cost<={budget * cost}"], small.labels)
        design = small.project(values[row:row + 1], plans(small, 1, row), constraints)
        met[row] = satisfied(constraints, small.measure(values[row:row + 1], design), 1)[0]
        certificate = small.certify(values[row:row + 1], constraints)
        assert bool(met[row]) or bool(certificate.impossible[0])
        assert torch.equal(design, small.admissible(design))
    assert int(met.sum()) > 0


def test_what_no_plan_can_meet_is_proven(small):
    certificate = small.certify(contexts(small, 3), parse(["ip>=1", "cost<=3"], small.labels))
    assert bool(certificate.impossible.all())


def test_every_rule_survives_and_a_start_lies_within_bounds(small):
    values = 0.5 * small.presets["published"].expand(3, -1)
    for name, rule in small.heuristics.items():
        labels = small.measure(values, rule(values))
        assert (name, labels["reliability"].tolist()) == (name, [1.0, 1.0, 1.0])
    start = small.initial_state(values, torch.Generator().manual_seed(0))
    assert torch.equal(start, small.admissible(start))


def test_lightpaths_past_nodes_save_ports_on_polska():
    scenario = IpOpticalPlanning.create(layers=2)
    published = scenario.presets["published"][None]
    cost = {name: float(scenario.measure(published, scenario.heuristics[name](published))["cost"])
            for name in ("direct_lightpaths", "reverse_delete", "bypass")}
    assert cost["bypass"] < cost["reverse_delete"] < cost["direct_lightpaths"]


def test_a_plan_has_a_picture_of_both_layers(small):
    context = contexts(small, 1)[0]
    path = torch.stack([torch.zeros(6), small.certify(context[None]).design[0]])
    figure = small.picture(context, path, "square")
    titles = [axes.get_title() for axes in figure.axes]
    assert any("lightpaths" in title for title in titles)
    assert any("fibre pairs" in title for title in titles)


def test_layers_can_be_set_by_text_as_on_a_command_line():
    assert assigned("ip-optical-planning", ["layers=2", "paths=0"]) == {"layers": 2, "paths": 0}
    with pytest.raises(ParameterError, match="less than or equal to 2"):
        assigned("ip-optical-planning", ["layers=3"])
