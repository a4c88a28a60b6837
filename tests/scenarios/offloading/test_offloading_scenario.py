"""The scenario: the published law, designs by option, what learners see, demonstrations, projection, picture."""

import inspect
import io
import warnings

import pytest
import torch

from aign.errors import ContextError
from aign.scenarios.core import registry, satisfied
from aign.scenarios.core.constraints import parse
from aign.scenarios.offloading.changes import moves

VARIANTS = [{}, {"access": "dense", "servers": 9}, {"mobility": True}, {"servers": 1}]


def drawn(count=5, seed=0, **parameters):
    scenario = registry.create("offloading", **{"servers": 3, "users": 6, **parameters})
    return scenario, scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def test_the_specification_names_every_label_parameter_and_rule():
    scenario, _ = drawn(mobility=True)
    text = inspect.getdoc(type(scenario))
    for part, names in (("Labels", [label.name for label in scenario.labels]), ("Rules", scenario.heuristics),
                        ("Parameters", type(scenario.parameters).model_fields)):
        section = text.split(f"**{part}.** ")[1].split("\n\n")[0]
        assert [name for name in names if name not in section] == []


# --- the law ----------------------------------------------------------------------------------------------------------
def test_contexts_follow_the_published_law():
    scenario, contexts = drawn(2000, servers=7, users=24)
    size, speed, weight, gain = scenario.layout.split(contexts)
    assert (float(size.min()) >= 2, float(size.max()) <= 11) == (True, True)
    assert abs(float(size.mean()) - 6.5) < 0.02  # bounds lie symmetrically about the mean
    assert (float(speed.min()) >= 1, float(speed.max()) <= 10) == (True, True)
    assert abs(float(weight.mean()) - 0.5) < 0.01
    reach = (gain > 0).sum(2)
    shares = torch.bincount(reach.flatten(), minlength=6)[1:6] / reach.numel()
    torch.testing.assert_close(shares[:3], torch.tensor([0.1, 0.75, 0.1]), rtol=0, atol=0.01)
    assert bool((gain > 0).any(1).all())
    assert float(gain[gain > 0].mean()) == pytest.approx(0.5, abs=0.01)


def test_dense_access_reaches_four_to_eight_servers():
    scenario, contexts = drawn(200, servers=10, users=12, access="dense")
    reach = (scenario.layout.split(contexts)[3] > 0).sum(2)
    assert set(reach.flatten().tolist()) == {4, 5, 6, 7, 8}


def test_a_user_in_reach_of_too_many_servers_is_refused():
    scenario, contexts = drawn(1, servers=7)
    contexts[0, 3 * 6:3 * 6 + 7] = 0.5
    with pytest.raises(ContextError, match=r"user 0 reaches 7 servers .*at most 5 .*Set the weakest gains to 0"):
        scenario.check_contexts(contexts)


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_order_of_users_does_not_matter_and_is_restored(parameters):
    scenario, contexts = drawn(**parameters)
    users = scenario.layout.users
    order = torch.randperm(users, generator=torch.Generator().manual_seed(1))
    widths = [feature.size // users for feature in scenario.context_features]
    shuffled = torch.cat([part.unflatten(1, (users, -1))[:, order].flatten(1) for part in
                          contexts.split([users * width for width in widths], dim=1)], 1)
    ordered, index = scenario.canonical_order(shuffled)
    assert torch.equal(ordered, contexts)
    designs = scenario.initial_state(shuffled, torch.Generator().manual_seed(2))
    renumbered = scenario.utility(contexts, designs.gather(1, index))
    torch.testing.assert_close(renumbered, scenario.utility(shuffled, designs))


# --- designs ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_designs_are_options_that_a_user_has(parameters):
    scenario, contexts = drawn(50, **parameters)
    designs = scenario.initial_state(contexts, torch.Generator().manual_seed(0))
    assert torch.equal(designs, scenario.admissible(designs))
    server, gain = scenario.server(contexts, designs), scenario.layout.split(contexts)[3]
    reached = gain.gather(2, (server - 1).clamp_min(0)[:, :, None])[:, :, 0]
    assert bool((reached[server > 0] > 0).all())
    assert torch.equal(scenario.layout.design(scenario.layout.options(contexts), server), designs)
    scores = designs + 0.3 * torch.rand(designs.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(scenario.project(contexts, scores), designs)


def test_the_strongest_link_comes_first():
    scenario, contexts = drawn(20, servers=7)
    gain = scenario.layout.split(contexts)[3]
    assert torch.equal(scenario.server(contexts, scenario.heuristics["all_offload"](contexts)), gain.argmax(2) + 1)


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_demonstrations_arrive_and_the_return_telescopes(parameters):
    scenario, contexts = drawn(**parameters)
    generator = torch.Generator().manual_seed(0)
    goal = scenario.vary_designs(contexts, scenario.certify(contexts).design, generator)
    state = first = scenario.initial_state(contexts, generator)
    act, total = scenario.approach(goal, first, generator), 0.0
    for time in range(scenario.horizon):
        state, reward = scenario.step(contexts, state, act(contexts, state, time))
        total = total + reward
    assert torch.equal(state, goal)
    torch.testing.assert_close(total, scenario.utility(contexts, goal) - scenario.utility(contexts, first))


def test_demonstrations_range_from_the_optimum_to_far_below_it():
    scenario, contexts = drawn(200, users=8)
    proven = scenario.certify(contexts)
    goal = scenario.vary_designs(contexts, proven.design, torch.Generator().manual_seed(0))
    changed = (goal != proven.design).any(1)
    assert 0.2 < float(changed.double().mean()) < 0.8
    assert bool((scenario.utility(contexts, goal) <= proven.utility + 1e-9).all())


def test_learners_are_paid_what_their_move_alone_gained_and_see_what_each_would_gain():
    scenario, contexts = drawn()
    generator = torch.Generator().manual_seed(0)
    before, after = (scenario.initial_state(contexts, generator) for _ in range(2))
    paid = scenario.agent_rewards(contexts, before, after, scenario.utility(contexts, after))
    old, new = scenario.server(contexts, before), scenario.server(contexts, after)
    network = scenario.network(contexts)
    for user in range(6):
        stayed = new.clone()
        stayed[:, user] = old[:, user]
        gain = (network.cost(stayed) - network.cost(new)).float()
        torch.testing.assert_close(paid[:, user], (gain.sign() * gain.abs().log1p()).clamp(-10, 10))
    seen = scenario.agent_observations(contexts, after, 4)
    assert seen.shape == (5, 6, 2 * 5 + 8)
    assert float(seen[..., -1].unique()) == 0.5
    saved = -(moves(network, new)[:, :, 0] / network.local_cost).clamp(-3, 3).float()
    torch.testing.assert_close(seen[:, :, 5], saved)


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_observations_lie_within_their_bounds(parameters):
    scenario, contexts = drawn(50, **parameters)
    observed = scenario.observe(contexts, scenario.initial_state(contexts), 3)
    assert observed.shape == (50, scenario.observation_size)
    low, high = (torch.cat([torch.full((feature.size,), bound) for feature, bound in
                            ((feature, getattr(feature, side)) for feature in scenario.observation_features)])
                 for side in ("low", "high"))
    assert bool(((observed >= low) & (observed <= high)).all())


# --- requests ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", [["late_users<=2"], ["energy<=1.5"], ["offloaded>=0.8"], ["max_delay<=4"],
                                   ["server_load<=0.4", "offloaded<=0.5"]], ids=str)
def test_designs_are_mended_wherever_a_request_can_be_met(where):
    scenario, contexts = drawn(10)
    constraints = parse(where, scenario.labels)
    start = scenario.initial_state(contexts, torch.Generator().manual_seed(0))
    mended = scenario.project(contexts, start, constraints)
    meets = satisfied(constraints, scenario.measure(contexts, mended), len(mended))
    known = scenario.feasible(contexts, constraints)
    assert torch.equal(meets, known.known)
    assert torch.equal(~known.known, known.impossible)
    already = satisfied(constraints, scenario.measure(contexts, start), len(start))
    assert torch.equal(mended[already], start[already])


@pytest.mark.parametrize("where", [["late_users>=3"], ["server_load>=0.5"], ["max_delay>=5"]], ids=str)
def test_what_the_certificate_ignores_is_met_by_local_search(where):
    scenario, contexts = drawn(6)
    constraints = parse(where, scenario.labels)
    start = scenario.certify(contexts).design
    mended = scenario.project(contexts, start, constraints)
    before, after = (satisfied(constraints, scenario.measure(contexts, each), 6) for each in (start, mended))
    assert not bool(before.all())
    assert bool(after.all())
    assert torch.equal(mended[before], start[before])


def test_labels_count_what_users_get():
    scenario, contexts = drawn(20, mobility=True)
    designs = scenario.initial_state(contexts, torch.Generator().manual_seed(0))
    labels, each = scenario.measure(contexts, designs), scenario.per_entity(contexts, designs)
    assert set(labels) == {label.name for label in scenario.labels}
    torch.testing.assert_close(labels["max_delay"], each["delay [s]"].amax(1))
    torch.testing.assert_close(labels["late_users"], (each["delay [s]"] > 2).sum(1).double())
    torch.testing.assert_close(labels["on_time"], 1 - labels["late_users"] / 6)
    torch.testing.assert_close(labels["offloaded"], (each["server [1]"] > 0).double().mean(1))
    torch.testing.assert_close(labels["cost"], -scenario.utility(contexts, designs))


def test_greedy_is_the_zero_of_the_normalised_return():
    scenario, contexts = drawn()
    greedy = scenario.utility(contexts, scenario.heuristics["greedy"](contexts))
    torch.testing.assert_close(scenario.reference_utility(contexts), greedy)


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_presets_say_who_reaches_what(parameters):
    scenario, _ = drawn(**parameters)
    servers = scenario.layout.servers
    for name in ("even", "crowded"):
        context = scenario.check_contexts(scenario.presets[name])
        size, _, _, gain, *_ = scenario.layout.split(context)
        assert set((gain > 0).sum(2).flatten().tolist()) == {min(2, servers)}
        assert bool((gain[0, :, 0] == gain.amax()).all()) == (name == "crowded" or servers == 1)
        assert bool((size.diff(dim=1) < 0).all()) == (name == "crowded")


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_presets_and_pictures(parameters):
    scenario, _ = drawn(**parameters)
    context = scenario.check_contexts(scenario.presets["even"])[0]
    goal = scenario.certify(context[None]).design
    path = torch.cat([scenario.initial_state(context[None]), goal])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = scenario.picture(context, path, "a title")
        target = io.BytesIO()
        figure.savefig(target, format="png")
    assert len(target.getvalue()) > 10_000
    served = scenario.network(context[None]).serve(scenario.server(context[None], goal))
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == pytest.approx(
        float(served.share[served.server > 0].sum()))
    assert [bar.get_height() for bar in figure.axes[1].patches] == pytest.approx(served.delay[0].tolist())
