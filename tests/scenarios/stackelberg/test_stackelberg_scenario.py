"""The decision process: hidden types, the paper's binary reward and how to game it, telescoping, batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.errors import ContextError, ParameterError
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.stackelberg import Stackelberg

SEEDS = st.integers(0, 2**31)
KINDS = [{"prices": prices, "layers": layers} for prices in ("uniform", "per-device")
         for layers in ("continuous", "integer")]
ALL = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()))


def made(devices=5, **values):
    return Stackelberg.create(devices=devices, **values)


def contexts(scenario, seed=0, count=6):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def follow(scenario, drawn, prices):
    """Return the rewards (B, T) of offering these prices (T,) one after the other, and the last state."""
    state, rewards = scenario.initial_state(drawn), []
    for price in prices:
        target = torch.full_like(state, float(price))
        state, reward = scenario.step(drawn, state, scenario.action_towards(state, target))
        rewards.append(reward)
    return torch.stack(rewards, 1), state


# --- contexts and what is seen ----------------------------------------------------------------------------------------
@ALL
@settings(max_examples=12)
@given(seed=SEEDS)
def test_observations_lie_within_their_features(kind, seed):
    scenario = made(**kind, information="full")
    drawn = scenario.check_contexts(contexts(scenario, seed))
    seen = scenario.observe(drawn, scenario.initial_state(drawn, torch.Generator().manual_seed(seed)), 3)
    assert seen.shape == (6, scenario.observation_size)
    start = 0
    for feature in scenario.observation_features:
        values = seen[:, start:start + feature.size]
        assert bool((values >= feature.low - 1e-6).all() and (values <= feature.high + 1e-6).all()), feature
        start += feature.size


def test_hidden_types_show_in_answers_only_and_full_information_shows_them():
    hidden, full = made(), made(information="full")
    drawn = contexts(hidden)
    nudged = drawn.clone()
    nudged[:, :10] += 1e-5
    state = hidden.initial_state(drawn)
    same = (hidden.fixed_observation(drawn) == hidden.fixed_observation(nudged)).all(1)
    same &= (hidden.initial_state(nudged) == state).all(1)
    assert int(same.sum()) >= 4
    for scenario, told in ((hidden, False), (full, True)):
        seen, other = (scenario.agent_observations(one, state, 0) for one in (drawn, nudged))
        assert bool((seen == other).flatten(1).all(1)[same].all()) is not told
    assert full.observation_size == hidden.observation_size + 10


def test_the_first_state_and_the_probes_hold_the_answers_to_known_prices():
    scenario = made(layers="continuous", probes=2)
    drawn = contexts(scenario)
    capacity, taste = (1 + drawn[:, :5] - 0.116) / 0.358, drawn[:, 5:10]
    state, fixed = scenario.initial_state(drawn), scenario.fixed_observation(drawn)
    torch.testing.assert_close(state[:, 0], torch.full((6,), 0.1))
    for price, share in ((0.1, state[:, 1:]), (0.1, fixed[:, :5]), (0.2, fixed[:, 5:10])):
        torch.testing.assert_close(share, (capacity - taste / price).clamp(0, 12) / 12, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(fixed[:, 10], drawn[:, 10] / 4)


@ALL
@settings(max_examples=12)
@given(seed=SEEDS)
def test_renumbering_devices_changes_nothing_and_scattering_restores(kind, seed):
    scenario = made(**kind)
    generator = torch.Generator().manual_seed(seed)
    drawn = contexts(scenario, seed)
    mixed = drawn.clone()
    order = torch.randperm(5, generator=generator)
    mixed[:, :5], mixed[:, 5:10] = drawn[:, order], drawn[:, 5 + order]
    ordered, index = scenario.canonical_order(mixed)
    design = scenario.project(mixed, torch.rand(6, scenario.state_size, generator=generator))
    canonical = design.gather(1, index)
    assert torch.equal(torch.zeros_like(design).scatter(1, index, canonical), design)
    torch.testing.assert_close(scenario.utility(ordered, canonical), scenario.utility(mixed, design))
    torch.testing.assert_close(scenario.project(ordered, canonical), canonical)
    assert bool((scenario.fixed_observation(ordered)[:, :15].reshape(6, 3, 5).sum(1).diff(dim=1) <= 1e-6).all())


@pytest.mark.parametrize(("values", "message"), [
    ({"devices": 1}, "devices"), ({"layers": "half"}, "layers"), ({"prices": "free"}, "prices"),
    ({"reward": "money"}, "reward"), ({"probes": 6}, "probes"), ({"budget": 3}, "budget")])
def test_parameters_out_of_range_are_named(values, message):
    with pytest.raises(ParameterError, match=message):
        Stackelberg.create(**values)


def test_contexts_out_of_bounds_are_refused():
    scenario = made()
    with pytest.raises(ContextError, match="taste"):
        scenario.check_contexts(torch.tensor([3.0] * 5 + [0.0] * 5 + [4.0]))


# --- dynamics ---------------------------------------------------------------------------------------------------------
@ALL
@settings(max_examples=12)
@given(seed=SEEDS)
def test_rewards_add_up_to_the_utility_gained(kind, seed):
    scenario, generator = made(**kind), torch.Generator().manual_seed(seed)
    drawn = contexts(scenario, seed)
    first = state = scenario.initial_state(drawn, generator)
    total = torch.zeros(6, dtype=torch.float64)
    for _ in range(5):
        state, reward = scenario.step(drawn, state, 3 * torch.rand(6, scenario.action_size, generator=generator) - 1.5)
        total += reward
        torch.testing.assert_close(scenario.project(drawn, state), state, rtol=0, atol=0)
    torch.testing.assert_close(total, scenario.utility(drawn, state) - scenario.utility(drawn, first))


@ALL
def test_no_row_depends_on_the_batch_it_is_in(kind):
    scenario = made(**kind)
    drawn = contexts(scenario, count=40)
    state, action = scenario.initial_state(drawn, torch.Generator().manual_seed(1)), torch.rand(40, scenario.prices)
    following, reward = scenario.step(drawn, state, action)
    certificate = scenario.certify(drawn)
    for row in range(0, 40, 7):
        one = slice(row, row + 1)
        alone, earned = scenario.step(drawn[one], state[one], action[one])
        assert torch.equal(alone, following[one])
        assert torch.equal(earned, reward[one])
        assert torch.equal(scenario.certify(drawn[one]).utility, certificate.utility[one])
        for name, value in scenario.measure(drawn[one], alone).items():
            assert torch.equal(value, scenario.measure(drawn, following)[name][one])


def test_an_action_moves_a_price_by_a_tenth_at_most_and_devices_answer():
    scenario = made(layers="continuous")
    drawn = contexts(scenario)
    state, _ = scenario.step(drawn, scenario.initial_state(drawn), torch.full((6, 1), 5.0))
    torch.testing.assert_close(state[:, 0], torch.full((6,), 0.2))
    torch.testing.assert_close(state[:, 1:], scenario.fixed_observation(drawn)[:, 5:10])


# --- rewards ----------------------------------------------------------------------------------------------------------
def test_the_binary_reward_pays_slow_climbing_more_than_the_optimum_itself():
    scenario = made(reward="binary", layers="continuous")
    drawn = contexts(scenario, count=32)
    best = scenario.certify(drawn).design[:, :1]
    jump = scenario.initial_state(drawn)
    jumped = torch.zeros(32, dtype=torch.float64)
    for _ in range(scenario.horizon):
        jump, reward = scenario.step(drawn, jump, scenario.action_towards(jump, best))
        jumped += reward
    climbed, low = follow(scenario, drawn, torch.linspace(0.105, 0.2, scenario.horizon))
    assert bool((climbed.sum(1) == scenario.horizon).all())
    assert float(jumped.max()) < scenario.horizon / 2
    assert bool((scenario.utility(drawn, low) < scenario.utility(drawn, jump)).all())


def test_the_binary_reward_pays_oscillation_for_half_of_all_steps():
    scenario = made(reward="binary", layers="continuous")
    drawn = contexts(scenario, count=32)
    rewards, state = follow(scenario, drawn, [0.15, 0.1] * (scenario.horizon // 2))
    assert bool((rewards.sum(1) == scenario.horizon / 2).all())
    torch.testing.assert_close(state, scenario.initial_state(drawn), rtol=0, atol=1e-6)
    honest, _ = follow(made(layers="continuous"), drawn, [0.15, 0.1] * 8)
    torch.testing.assert_close(honest.sum(1), torch.zeros(32, dtype=torch.float64), rtol=0, atol=1e-4)


def test_what_is_said_of_an_episode_does_not_depend_on_the_reward():
    binary, plain = made(reward="binary"), made()
    drawn = contexts(plain)
    _, state = follow(binary, drawn, torch.linspace(0.15, 0.3, 16))
    (utility, labels), (other, others) = (one.outcome(drawn, state) for one in (binary, plain))
    assert torch.equal(utility, other)
    assert all(torch.equal(labels[name], others[name]) for name in others)
    scores = [normalised_return(utility, one.reference_utility(drawn), one.certify(drawn).utility)
              for one in (binary, plain)]
    assert torch.equal(*scores)


def test_each_decision_maker_is_trained_on_what_its_own_price_gained():
    scenario = made(prices="per-device", layers="continuous")
    drawn = contexts(scenario)
    drawn[:, -1] = 50.0  # no budget binds
    before = scenario.initial_state(drawn)
    action = torch.zeros(6, 5)
    action[:, 2] = 1.0
    after, reward = scenario.step(drawn, before, action)
    trained_on = scenario.agent_rewards(drawn, before, after, reward)
    torch.testing.assert_close(trained_on[:, 2].double(), reward.sign() * reward.abs().log1p(), rtol=1e-5, atol=1e-6)
    assert bool((trained_on[:, [0, 1, 3, 4]] == 0).all())
    assert scenario.agent_observations(drawn, before, 0).shape[:2] == (6, 5)


def test_under_a_binding_budget_raising_all_prices_alike_gains_nobody_anything():
    scenario = made(prices="per-device", layers="continuous")
    drawn = contexts(scenario)
    drawn[:, -1] = 2.0
    before = scenario.game(drawn).answered(torch.full((6, 5), 1.0))
    after = scenario.game(drawn).answered(1.2 * before[:, :5])
    assert torch.allclose(before, after, atol=1e-6)
    trained_on = scenario.agent_rewards(drawn, before, after, torch.zeros(6))
    assert float(trained_on.abs().max()) < 1e-3


def test_the_binary_reward_is_shared():
    scenario = made(prices="per-device", reward="binary")
    drawn = contexts(scenario)
    state = scenario.initial_state(drawn)
    assert torch.equal(scenario.agent_rewards(drawn, state, state, torch.ones(6)), torch.ones(6, 5))


# --- designs ----------------------------------------------------------------------------------------------------------
@ALL
def test_the_preset_is_certified_and_above_the_reference(kind):
    scenario = made(**kind)
    context = scenario.check_contexts(scenario.presets["spread"])
    certificate, reference = scenario.certify(context), scenario.reference_utility(context)
    assert bool(certificate.feasible.all())
    assert float(certificate.utility) > float(reference)
    shares = scenario.per_entity(context, certificate.design)
    labels = scenario.measure(context, certificate.design)
    assert float(shares["payment [1]"].sum()) == pytest.approx(float(labels["payment"]))
    assert float(shares["layers [layer]"].sum()) == pytest.approx(60 * float(labels["offload_ratio"]))


@ALL
def test_the_reference_lies_clear_of_the_optimum(kind):
    scenario = made(**kind)
    drawn = contexts(scenario, count=500)
    assert float((scenario.certify(drawn).utility - scenario.reference_utility(drawn)).min()) > 0.05


def test_admissible_designs_are_within_bounds_and_whole_where_layers_are():
    wild = 3 * torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    kept = made().admissible(wild)
    assert bool((kept[:, :1] >= 0.01).all() and (kept[:, :1] <= 2).all() and (kept[:, 1:] <= 1).all())
    torch.testing.assert_close((12 * kept[:, 1:]).round(), 12 * kept[:, 1:])
    assert torch.equal(made(layers="continuous").admissible(wild)[:, 1:], wild[:, 1:].clamp(0, 1))


def test_the_nearest_start_is_answered_within_bounds_and_budget():
    scenario = Stackelberg.create(devices=5, prices="per-device")
    drawn = scenario.draw_contexts(6, torch.Generator().manual_seed(0))
    observed = torch.full((6, 10), 3.0)
    start = scenario.nearest_start(drawn, observed)
    assert torch.equal(scenario.nearest_start(drawn, start), start)
    assert bool((start[:, :5] <= 2.0).all())
    assert bool((scenario.measure(drawn, start)["payment"] <= drawn[:, -1]).all())
