"""The planning scenario as agents and users see it."""

import pytest
import torch
from gymnasium.utils.env_checker import check_env

from aign.errors import ParameterError
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.environments import ScenarioEnv
from aign.scenarios.core.registry import create
from aign.scenarios.ip_optical_planning import IpOpticalPlanning

POLSKA = IpOpticalPlanning.create()
GENERATOR_SEED = 3


def contexts(scenario=POLSKA, count=6):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(GENERATOR_SEED))


def test_contexts_lie_about_the_published_demands_and_pass_the_check():
    drawn = POLSKA.check_contexts(contexts(count=2000))
    factor = drawn / POLSKA.presets["published"]
    assert float(factor.min()) >= 0.4
    assert float(factor.max()) <= 1.8
    assert float(factor.mean(1).min()) == pytest.approx(0.5, abs=0.05)
    assert float(factor.mean(1).max()) == pytest.approx(1.5, abs=0.05)
    within = factor / factor.mean(1, keepdim=True)
    assert 0.75 < float(within.min()) < float(within.max()) < 1.27
    POLSKA.check_contexts(POLSKA.presets["published"])


def test_the_reference_fits_the_modules_even_for_large_demands():
    large = 1.5 * 1.2 * POLSKA.presets["published"][None]
    assert torch.equal(POLSKA.heuristics["shortest_path"](large), POLSKA.problem.shortest_path_plan(large))
    torch.testing.assert_close(POLSKA.utility(large, POLSKA.heuristics["shortest_path"](large)),
                               POLSKA.reference_utility(large))


def test_steps_change_whole_modules_and_rewards_add_up_to_the_utility():
    values, state = contexts(), POLSKA.initial_state(contexts())
    generator, total = torch.Generator().manual_seed(0), torch.zeros(6).double()
    start = POLSKA.utility(values, state)
    for _ in range(POLSKA.horizon):
        state, reward = POLSKA.step(values, state, 2 * torch.rand(6, 18, generator=generator) - 0.7)
        total += reward
        assert torch.equal(state, state.round().clamp(0, 16))
    torch.testing.assert_close(start + total, POLSKA.utility(values, state))


def test_any_plan_is_reached_within_the_horizon():
    target = torch.full((1, 18), 16.0)
    state = torch.zeros(1, 18)
    for _ in range(POLSKA.horizon):
        state, _ = POLSKA.step(contexts(count=1), state, POLSKA.action_towards(state, target))
    assert torch.equal(state, target)


def test_observations_have_the_stated_layout_and_order_of_magnitude():
    values = contexts()
    state = POLSKA.initial_state(values, torch.Generator().manual_seed(0))
    seen = POLSKA.observe(values, state, 4)
    assert seen.shape == (6, POLSKA.observation_size) == (6, 18 + 18 + 64 + 1)
    assert torch.equal(seen[:, :18], state)
    torch.testing.assert_close(8 * seen[:, 18:36].double(), POLSKA.problem.loads(values).amax(1) / 497.6, rtol=1e-6,
                               atol=0)
    assert torch.equal(8 * seen[:, 36:100].double(), POLSKA.problem.needed(values)[:, 1, :64])
    assert seen[:, -1].tolist() == [0.5] * 6
    own = POLSKA.agent_observations(values, state, 4)
    assert own.shape == (6, 1, POLSKA.observation_size)
    assert float(own.abs().max()) <= 10


def test_labels_of_the_certified_plan_and_of_nothing():
    published = POLSKA.presets["published"][None]
    best = POLSKA.measure(published, POLSKA.certify(published).design)
    assert {name: float(value) for name, value in best.items()} == pytest.approx(
        {"cost": 7602631.36, "ip": 1.0, "optical": 2.0, "reliability": 1.0, "links_used": 18.0, "max_modules": 6.0})
    nothing = POLSKA.measure(published, torch.zeros(1, 18))
    assert {name: float(value) for name, value in nothing.items()} == {
        "cost": 0.0, "ip": 0.0, "optical": 8.0, "reliability": 0.0, "links_used": 0.0, "max_modules": 0.0}
    assert set(best) == {label.name for label in POLSKA.labels}


def test_results_of_a_row_do_not_depend_on_its_batch_or_on_memory():
    values = contexts()
    state = POLSKA.admissible(POLSKA.certify(values).design + torch.randn(6, 18, generator=torch.manual_seed(0)))
    fresh = IpOpticalPlanning.create()
    alone = torch.cat([fresh.utility(values[row:row + 1], state[row:row + 1]) for row in range(6)])
    assert torch.equal(POLSKA.utility(values, state), alone)
    together = POLSKA.measure(values, state)
    for row in range(6):
        for name, value in fresh.measure(values[row:row + 1], state[row:row + 1]).items():
            assert torch.equal(value, together[name][row:row + 1])


def test_the_certificate_is_the_best_there_is_and_says_how():
    values = contexts()
    certificate = POLSKA.certify(values)
    assert certificate.kind is CertificateKind.UPPER_BOUND
    assert "relative gap in cost 0.00% on average and 0.00% at most" in certificate.statement
    assert bool(certificate.feasible.all())
    torch.testing.assert_close(POLSKA.utility(values, certificate.design), certificate.utility, rtol=0, atol=1e-9)
    for rule in POLSKA.heuristics.values():
        assert bool((POLSKA.utility(values, rule(values)) <= certificate.utility + 1e-12).all())
    again = IpOpticalPlanning.create().certify(values.flip(0))
    assert torch.equal(again.design.flip(0), certificate.design)


def test_requests_beyond_linear_programs_are_named_and_only_checked():
    values, constraints = contexts(count=2), parse(["reliability<=0.9", "ip>=1"], POLSKA.labels)
    certificate = POLSKA.certify(values, constraints)
    assert "ignores reliability<=0.9" in certificate.statement
    assert not bool(certificate.feasible.any())
    assert not bool(certificate.impossible.any())


def test_an_impossible_request_is_proven_to_be():
    certificate = POLSKA.certify(contexts(count=2), parse(["cost<=100", "ip>=1"], POLSKA.labels))
    assert bool(certificate.impossible.all())
    assert bool(certificate.utility.isnan().all())


@pytest.mark.parametrize(("given", "message"), [
    ({"topology": "abilene"}, "falls apart when .* fails"), ({"topology": "polsk"}, "Did you mean 'polska'"),
    ({"topology": "brain"}, "up to 65"), ({"spectrum": 0}, "greater than or equal to 1"),
    ({"load_factor": 1.5}, "less than or equal to 1")])
def test_bad_parameters_are_refused_with_a_remedy(given, message):
    with pytest.raises(ParameterError, match=message):
        IpOpticalPlanning.create(**given)


def test_without_failures_a_network_with_bridges_can_be_planned():
    scenario = create("ip-optical-planning", topology="abilene", failures="none")
    labels = scenario.measure(contexts(scenario, 2), scenario.certify(contexts(scenario, 2)).design)
    assert labels["ip"].tolist() == labels["reliability"].tolist() == [1.0, 1.0]


def test_bridges_are_exempt_where_that_is_said():
    scenario = create("ip-optical-planning", topology="abilene", exempt_bridges=True)
    bridges = scenario.topology.bridges()
    assert scenario.problem.exempt == tuple(bridges) != ()
    assert scenario.problem.scenarios == 1 + scenario.topology.links - len(bridges)
    values = contexts(scenario, 3)
    best = scenario.certify(values)
    labels = scenario.measure(values, best.design)
    assert labels["ip"].tolist() == labels["reliability"].tolist() == [1.0] * 3
    for rule in scenario.heuristics.values():
        labels = scenario.measure(values, rule(values))
        assert labels["reliability"].tolist() == [1.0] * 3
        assert bool((scenario.utility(values, rule(values)) <= best.utility + 1e-9).all())


def test_where_repair_is_set_every_answer_survives():
    scenario = create("ip-optical-planning", repair=True)
    values = contexts(scenario, 4)
    wild = scenario.initial_state(values, torch.Generator().manual_seed(1))
    assert scenario.measure(values, scenario.project(values, wild))["reliability"].tolist() == [1.0] * 4
    assert float(POLSKA.measure(values, POLSKA.project(values, 0 * wild))["reliability"].max()) == 0.0


@pytest.mark.parametrize(("topology", "cost", "reference"), [
    ("nobel-germany", 4.558e5, 6.018e5), ("nobel-us", 2.180e7, 2.927e7)])
def test_other_networks_cost_what_the_whole_program_was_measured_to(topology, cost, reference):
    scenario = create("ip-optical-planning", topology=topology)
    published = scenario.presets["published"][None]
    best = scenario.measure(published, scenario.certify(published).design)
    assert float(best["cost"]) == pytest.approx(cost, rel=2e-3)
    plan = scenario.heuristics["shortest_path"](published)
    assert float(scenario.measure(published, plan)["cost"]) == pytest.approx(reference, rel=1e-3)


def test_spec_builds_the_same_scenario_and_gymnasium_accepts_it():
    assert create(**POLSKA.spec()).spec() == POLSKA.spec()
    check_env(ScenarioEnv(POLSKA), skip_render_check=True)
