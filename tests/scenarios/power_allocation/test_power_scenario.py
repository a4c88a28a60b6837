"""The decision process: dynamics, draws, numbering, labels and what single users are paid."""

import math

import numpy as np
import power_reference as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.errors import ContextError, ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.power_allocation import physics

SEEDS = st.integers(0, 2**31)


def network(users=5, **parameters):
    return registry.create("power-allocation", users=users, **parameters)


def drawn(scenario, count=4, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


FIVE, MANY_STATIONS = network(), network(base_stations=4)
BOTH = pytest.mark.parametrize("scenario", [FIVE, MANY_STATIONS], ids=["one station", "four stations"])


# --- parameters and layout --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("values", "message"), [
    ({"users": 1}, r"users: .*greater than or equal to 2 \(given 1\)"),
    ({"users": 101}, r"users: .*less than or equal to 100 \(given 101\)"),
    ({"base_stations": 0}, "base_stations: "), ({"base_stations": 9}, "base_stations: "),
    ({"utility": "cubic"}, "utility: .*'log' or 'rate'"), ({"gains": "loud"}, "gains: "),
    ({"user": 4}, "user: Extra inputs.*Parameters: users, base_stations, utility, gains"),
])
def test_wrong_parameters_are_named(values, message):
    with pytest.raises(ParameterError, match=message):
        registry.create("power-allocation", **values)


@pytest.mark.parametrize(("users", "stations"), [(2, 1), (20, 1), (100, 1), (5, 4)])
def test_sizes_follow_from_users_and_stations(users, stations):
    scenario = network(users, base_stations=stations)
    assert (scenario.context_size, scenario.state_size, scenario.action_size) == (users * stations, users, users)
    assert scenario.observation_size == users + users * stations + 1
    assert scenario.agents == users
    contexts = drawn(scenario)
    assert scenario.observe(contexts, scenario.initial_state(contexts), 0).shape == (4, scenario.observation_size)
    assert registry.create(**scenario.spec()).parameters == scenario.parameters


def test_presets_are_the_contexts_of_the_paper():
    assert network(2).presets["aign-two-users"].tolist() == pytest.approx([2.8e-3, 3.5e-4])
    assert network(20).presets["aign-symmetric"].tolist() == pytest.approx([1.54e-3] * 20)
    assert network(20, base_stations=2).presets == {}
    for scenario in (network(2), network(20)):
        for context in scenario.presets.values():
            assert torch.equal(scenario.check_contexts(context)[0], context)


# --- contexts ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [math.nan, math.inf, -1e-3, 0.0, 1e-7, 1.1])
def test_gains_no_network_can_have_are_refused(value):
    contexts = drawn(FIVE)
    contexts[2, 3] = value
    with pytest.raises(ContextError, match=rf"Context 2: gain\[3\] = {value:g} 1/level; allowed: .* 1e-06 to 1\."):
        FIVE.check_contexts(contexts)


@pytest.mark.parametrize("size", [0, 4, 6, 20])
def test_contexts_of_the_wrong_size_are_refused(size):
    with pytest.raises(ContextError, match=rf"needs 5 context values \(5 x gain \[1/level\]\), given {size}\."):
        FIVE.check_contexts(torch.full((size,), 1e-3))


@BOTH
@given(seed=SEEDS)
def test_draws_are_reproducible_pass_the_check_and_are_in_canonical_order(scenario, seed):
    contexts = drawn(scenario, 8, seed)
    assert contexts.dtype == torch.float32
    assert torch.equal(contexts, drawn(scenario, 8, seed))
    assert torch.equal(scenario.check_contexts(contexts), contexts)
    assert torch.equal(scenario.canonical_order(contexts)[0], contexts)


def test_the_ends_of_the_range_of_gains_pass_the_check():
    ends = torch.tensor([[0.0, 1.0, 2.0, 1e-9, 0.5]]).clamp(1e-6, 1.0)
    assert torch.equal(FIVE.check_contexts(ends), ends)


def test_preset_gains_spread_by_a_tenth_and_general_ones_by_more_and_differently():
    preset, general = (drawn(network(20, gains=gains), 4000).log() for gains in ("preset", "general"))
    for gains in (preset, general):
        assert float(gains.mean()) == pytest.approx(math.log(physics.MEAN_GAIN), abs=0.01)
    assert float(preset.std(dim=1).mean()) == pytest.approx(0.1, abs=0.003)
    # The spread itself is uniform in 0.1..1; 20 users estimate each one to about 16 %.
    spread = general.std(dim=1)
    assert float(spread.mean()) == pytest.approx(0.55, abs=0.02)
    assert float(spread.quantile(0.1)) == pytest.approx(0.19, abs=0.03)
    assert float(spread.quantile(0.9)) == pytest.approx(0.93, abs=0.06)


def test_gains_of_several_stations_follow_distance():
    gains = drawn(network(20, base_stations=4), 1000).reshape(1000, 20, 4)
    # The nearest possible user is at distance 0, the farthest at sqrt 2; shadowing adds five deviations at most.
    span = [physics.MEAN_GAIN * ((distance + 0.1) / 0.35) ** -3 for distance in (math.sqrt(2), 0)]
    assert float(gains.min()) > span[0] * math.exp(-1.5)
    assert float(gains.max()) < span[1] * math.exp(1.5)
    # Median distance to a random point of the square is 0.512.
    assert float(gains.median()) == pytest.approx(physics.MEAN_GAIN * (0.612 / 0.35) ** -3, rel=0.05)
    assert len(set(gains.argmax(dim=2).flatten().tolist())) == 4


# --- numbering --------------------------------------------------------------------------------------------------------
@BOTH
@given(seed=SEEDS)
def test_renumbering_users_changes_neither_utility_nor_labels(scenario, seed):
    generator = torch.Generator().manual_seed(seed)
    gains = reference.spread_gains(3, 5, scenario.parameters.base_stations, generator)
    designs = scenario.initial_state(gains, generator)
    ordered, index = scenario.canonical_order(gains)
    renumbered = designs.gather(1, index)
    serving = ordered.reshape(3, 5, -1).amax(dim=2)
    assert bool((serving.diff(dim=1) <= 0).all())
    assert torch.equal(torch.zeros_like(designs).scatter(1, index, renumbered), designs)
    torch.testing.assert_close(scenario.utility(ordered, renumbered), scenario.utility(gains, designs))
    before, after = scenario.measure(gains, designs), scenario.measure(ordered, renumbered)
    for name in before:
        torch.testing.assert_close(after[name], before[name])


# --- dynamics ---------------------------------------------------------------------------------------------------------
@BOTH
@settings(max_examples=20)
@given(seed=SEEDS, random_start=st.booleans())
def test_the_return_telescopes(scenario, seed, random_start):
    generator, contexts = torch.Generator().manual_seed(seed), drawn(scenario, 3, seed)
    state = first = scenario.initial_state(contexts, generator if random_start else None)
    total = torch.zeros(3, dtype=torch.float64)
    for _ in range(scenario.horizon):
        state, reward = scenario.step(contexts, state, 3 * torch.rand(3, 5, generator=generator) - 1.5)
        assert torch.equal(state, state.round().clamp(0, 40))
        total += reward
    expected = scenario.utility(contexts, state) - scenario.utility(contexts, first)
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-10)


@given(st.lists(st.floats(-2, 2, width=32), min_size=5, max_size=5), SEEDS)
def test_a_step_changes_powers_by_whole_levels_within_the_range(values, seed):
    contexts, action = drawn(FIVE, 1), torch.tensor([values])
    start = FIVE.initial_state(contexts, torch.Generator().manual_seed(seed))
    state, _ = FIVE.step(contexts, start, action)
    for before, after, given_action in zip(start[0].tolist(), state[0].tolist(), action[0].tolist(), strict=True):
        change = round(4 * max(-1.0, min(1.0, given_action)))  # halves to even, as torch rounds
        assert after == max(0, min(40, before + change))


def test_full_actions_reach_full_power_within_the_horizon_and_back():
    contexts = drawn(FIVE)
    state = FIVE.initial_state(contexts)
    assert torch.equal(state, torch.zeros(4, 5))
    for sign, goal in ((1, 40.0), (-1, 0.0)):
        for _ in range(FIVE.horizon):
            state, _ = FIVE.step(contexts, state, torch.full((4, 5), float(sign)))
        assert torch.equal(state, torch.full((4, 5), goal))


def test_random_starts_are_whole_levels_spread_over_the_range():
    states = FIVE.initial_state(drawn(FIVE, 4000), torch.Generator().manual_seed(0))
    counts = torch.bincount(states.long().flatten(), minlength=41)
    assert len(counts) == 41
    np.testing.assert_allclose(counts, 20000 / 41, rtol=0.25)


@BOTH
def test_observations_are_powers_log_gains_and_clock(scenario):
    contexts = drawn(scenario)
    state = scenario.initial_state(contexts, torch.Generator().manual_seed(1))
    observation = scenario.observe(contexts, state, 4)
    assert observation.dtype == torch.float32
    assert torch.equal(observation[:, :5], state)
    np.testing.assert_allclose(observation[:, 5:-1], np.log10(contexts.double() / 1.54e-3), atol=1e-6)
    assert torch.equal(observation[:, -1], torch.full((4,), 0.25))
    start = 0
    for feature in scenario.observation_features:
        values = observation[:, start:start + feature.size]
        assert float(values.min()) >= feature.low
        assert float(values.max()) <= feature.high
        start += feature.size
    assert start == observation.shape[1]


# --- labels -----------------------------------------------------------------------------------------------------------
@BOTH
@given(seed=SEEDS, silent=st.integers(0, 5))
def test_labels_are_those_of_a_double_loop(scenario, seed, silent):
    generator = torch.Generator().manual_seed(seed)
    gains = reference.spread_gains(2, 5, scenario.parameters.base_stations, generator, 1e-6, 1.0)
    designs = scenario.initial_state(gains, generator)
    designs[:, :silent] = 0
    found = scenario.measure(gains, designs)
    assert list(found) == [label.name for label in scenario.labels]
    for row in range(2):
        expected = reference.labels(reference.as_rows(gains[row], 5), designs[row].tolist())
        for name, value in expected.items():
            assert found[name].dtype == torch.float64
            assert float(found[name][row]) == pytest.approx(value, rel=1e-10, abs=1e-12)


def test_the_reference_is_the_better_gain_blind_rule():
    contexts = drawn(FIVE)
    for row in range(4):
        gains = reference.as_rows(contexts[row], 5)
        best = max(reference.utility(gains, [level] * 5) for level in (31, 40))
        assert float(FIVE.reference_utility(contexts)[row]) == pytest.approx(best)


@BOTH
def test_heuristics_are_designs_and_ascent_beats_where_it_starts(scenario):
    contexts = drawn(scenario)
    value = {name: scenario.utility(contexts, rule(contexts)) for name, rule in scenario.heuristics.items()}
    assert set(value) == {"full_power", "noise_limited", "channel_inversion", "fractional_control", "coordinate_ascent"}
    assert bool((value["coordinate_ascent"] >= value["fractional_control"]).all())
    bound = scenario.certify(contexts).utility
    for one in value.values():
        assert bool((one <= bound).all())


@BOTH
def test_projection_meets_a_request_in_the_designs_own_precision(scenario):
    contexts, constraints = drawn(scenario), parse(["total_power<=90", "min_rate>=1"], scenario.labels)
    for kind in (torch.float32, torch.float64):
        design = scenario.project(contexts, torch.full((4, 5), 39.7, dtype=kind), constraints)
        assert design.dtype == kind
        assert bool(satisfied(constraints, scenario.measure(contexts, design), 4).all())


def test_strong_gains_are_general_ones_a_hundredfold():
    for stations in (1, 3):
        general, strong = network(base_stations=stations), network(base_stations=stations, gains="strong")
        torch.testing.assert_close(drawn(strong), 100 * drawn(general), rtol=1e-5, atol=0)
        torch.testing.assert_close(strong.fixed_observation(drawn(strong)), general.fixed_observation(drawn(general)),
                                   rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(strong.check_contexts(drawn(strong)), drawn(strong))
        assert strong.presets == {}


# --- what single users see and are paid -------------------------------------------------------------------------------
def test_users_see_themselves_and_the_crowd():
    contexts = drawn(FIVE)
    state = FIVE.initial_state(contexts, torch.Generator().manual_seed(1))
    views = FIVE.agent_observations(contexts, state, 3)
    assert views.shape == (4, 5, 5)
    assert views.dtype == torch.float32
    gain = contexts.double().reshape(4, 5, -1).amax(dim=2).numpy()
    power = state.double().numpy()
    for row in range(4):
        for user in range(5):
            own, level = gain[row, user], power[row, user]
            heard, crowd = (gain[row] * power[row]).sum(), gain[row].sum()
            expected = [math.log(own / 1.54e-3), level / 20 - 1, math.log1p(level) - 2, 3 * math.log1p(heard) - 1.5,
                        3 * math.log1p(15 * crowd) - 1.5]
            np.testing.assert_allclose(views[row, user], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["log", "rate"])
@pytest.mark.parametrize("stations", [1, 2])
@given(seed=SEEDS)
def test_users_are_paid_what_their_own_move_gained(kind, stations, seed):
    scenario, generator = network(4, utility=kind, base_stations=stations), torch.Generator().manual_seed(seed)
    contexts = drawn(scenario, 2, seed)
    before, after = scenario.initial_state(contexts, generator), scenario.initial_state(contexts, generator)
    paid = scenario.agent_rewards(contexts, before, after, torch.zeros(2))
    assert paid.dtype == torch.float32

    def training_utility(gains, powers):
        if kind == "rate":
            return reference.utility(gains, powers, "rate")
        floored = [math.log(max(rate, 0.1)) for rate in reference.rates(gains, powers)]
        return 6.948 * sum(floored) - 0.2206 * sum(powers)

    for row in range(2):
        gains, moved = reference.as_rows(contexts[row], 4), after[row].tolist()
        for user in range(4):
            stayed = [*moved[:user], float(before[row, user]), *moved[user + 1:]]
            gained = 0.25 * (training_utility(gains, moved) - training_utility(gains, stayed))
            expected = max(-10.0, min(10.0, math.copysign(math.log1p(abs(gained)), gained)))
            assert float(paid[row, user]) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_user_that_stays_is_paid_nothing():
    contexts, state = drawn(FIVE), torch.full((4, 5), 7.0)
    moved = state.clone()
    moved[:, 2] = 11
    paid = FIVE.agent_rewards(contexts, state, moved, torch.zeros(4))
    assert torch.equal(paid != 0, torch.tensor([False, False, True, False, False]).expand(4, -1))
