"""The scenario: contexts, decisions, what learners see, demonstrations, mending, rules, picture."""

import io
import warnings

import pytest
import torch

from aign.errors import ParameterError
from aign.scenarios.core import registry, satisfied
from aign.scenarios.core.constraints import parse

SMALL = {"classes": 2, "paths": 2, "storage": 20}


def drawn(count=4, seed=0, **parameters):
    scenario = registry.create("video-delivery", **{**SMALL, **parameters})
    return scenario, scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def random_designs(scenario, contexts, seed=1):
    return scenario.initial_state(contexts, torch.Generator().manual_seed(seed))


def test_contexts_are_drawn_again_alike_and_follow_the_law():
    scenario, contexts = drawn(400)
    assert torch.equal(contexts, drawn(400)[1])
    factor = contexts[:, :-1] / scenario.presets["usual"][:-1]
    assert pytest.approx((float(factor.min()), float(factor.max())), abs=0.01) == (0.5, 1.5)
    assert pytest.approx((float(contexts[:, -1].min()), float(contexts[:, -1].max())), abs=0.05) == (1, 4)
    assert float(scenario.presets["usual"][:-1].mean()) == pytest.approx(2.0)


def test_the_topology_and_its_origin_can_be_chosen():
    scenario, _ = drawn(topology="nobel-germany", origin="Frankfurt")
    assert "Frankfurt" not in " ".join(scenario.entity_names(16))
    with pytest.raises(ParameterError, match="topology"):
        registry.create("video-delivery", topology="polskaa")


def test_designs_within_bounds_are_whole_and_stay_as_they_are():
    scenario, contexts = drawn(50)
    designs = random_designs(scenario, contexts)
    assert torch.equal(scenario.admissible(designs), designs)
    noisy = designs + 0.4 * (torch.rand(designs.shape, generator=torch.Generator().manual_seed(2)) - 0.5)
    assert torch.equal(scenario.admissible(noisy), designs)
    held = (scenario.network.split(scenario.admissible(torch.full_like(designs, 9.0))).cached
            * scenario.network.titles).sum(2)
    assert bool((held <= 20).all())


def test_demonstrations_arrive_fit_the_links_and_the_return_telescopes():
    scenario, contexts = drawn(5)
    generator = torch.Generator().manual_seed(0)
    proven = scenario.certify(contexts)
    goal = scenario.vary_designs(contexts, proven.design, generator)
    assert bool((scenario.measure(contexts, goal)["max_load"] <= 1).all())
    assert bool((scenario.utility(contexts, goal) <= proven.utility + 1e-9).all())
    state = first = scenario.initial_state(contexts, generator)
    act, total = scenario.approach(goal, first, generator), 0.0
    for time in range(scenario.horizon):
        following, reward = scenario.step(contexts, state, act(contexts, state, time))
        parts = scenario.agent_rewards(contexts, state, following, reward)
        torch.testing.assert_close(parts.sum(1).double(), reward, rtol=1e-4, atol=1e-5)
        state, total = following, total + reward
    assert torch.equal(state, goal)
    torch.testing.assert_close(total, scenario.utility(contexts, goal) - scenario.utility(contexts, first))


def test_an_action_value_changes_the_decision_of_its_own_node():
    scenario, contexts = drawn(1)
    for node in (0, 7):
        action = torch.zeros(1, scenario.agents, 6)
        action[:, node, 4] = 1.0  # cached, cached, path, path, level, level
        following, _ = scenario.step(contexts, scenario.initial_state(contexts), action.flatten(1))
        level = scenario.network.split(following).level[0]
        assert level.nonzero().tolist() == [[node, 0]]
    assert scenario.agent_observations(contexts, following, 4).shape == (1, 11, 6 * 2 + 4)


def test_observations_lie_within_their_bounds():
    scenario, contexts = drawn(20)
    observed = scenario.observe(contexts, random_designs(scenario, contexts), 3)
    low, high = (torch.cat([torch.full((each.size,), float(getattr(each, side))) for each in
                            scenario.observation_features]) for side in ("low", "high"))
    assert bool(((observed >= low) & (observed <= high)).all())


@pytest.mark.parametrize("where", [["hit_ratio>=0.4"], ["max_load<=0.6", "served>=0.8"], ["mean_latency<=2"],
                                   ["cost<=12"], ["mean_bitrate>=10"]], ids=str)
def test_designs_are_mended_wherever_a_request_can_be_met(where):
    scenario, contexts = drawn(3)
    constraints = parse(where, scenario.labels)
    start = random_designs(scenario, contexts)
    mended = scenario.project(contexts, start, constraints)
    values, known = scenario.measure(contexts, mended), scenario.feasible(contexts, constraints)
    assert torch.equal(satisfied(constraints, values, 3), known.known)
    assert bool(known.known.any())
    assert bool((values["max_load"] <= 1).all())
    assert torch.equal(scenario.project(contexts, mended, constraints), mended)


def test_what_the_certificate_ignores_is_met_by_local_search():
    scenario, contexts = drawn(2)
    best = scenario.certify(contexts).design
    before = scenario.measure(contexts, best)["cost"]
    constraints = parse([f"cost>={1.1 * float(before.max())}"], scenario.labels)
    mended = scenario.measure(contexts, scenario.project(contexts, best, constraints))
    assert satisfied(constraints, mended, 2).all()
    assert bool((mended["max_load"] <= 1).all())


def test_no_rule_beats_the_bound_and_local_search_loses_to_none_it_starts_from():
    scenario, contexts = drawn(3)
    proven = scenario.certify(contexts)
    reached = {name: scenario.utility(contexts, rule(contexts)) for name, rule in scenario.heuristics.items()}
    assert all(bool((utility <= proven.utility + 1e-9).all()) for utility in reached.values())
    assert bool((reached["local_search"] >= reached["greedy"] - 1e-12).all())
    assert bool((reached["popularity"] > reached["origin_only"]).all())
    torch.testing.assert_close(scenario.reference_utility(contexts), reached["popularity"])


def test_the_picture_shows_loads_caches_and_streams():
    scenario, _ = drawn()
    context = scenario.presets["peak"]
    goal = scenario.certify(context[None]).design
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = scenario.picture(context, torch.cat([scenario.initial_state(context[None]), goal]), "a title")
        figure.savefig(target := io.BytesIO(), format="png")
    assert len(target.getvalue()) > 10_000
    place, streams = figure.axes[0], figure.axes[1]
    load = scenario.network.simulate(context[None], goal).load[0] / scenario.parameters.capacity
    assert [line.get_linewidth() for line in place.get_lines()] == pytest.approx((1 + 6 * load).tolist())
    texts = [text.get_text() for text in place.texts]
    assert "Warsaw: all" in texts
    assert len(texts) == 12
    assert sum(bar.get_width() for bar in streams.patches) == pytest.approx(float(context[:-1].sum() * context[-1]))
