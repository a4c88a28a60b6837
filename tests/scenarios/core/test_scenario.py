"""What the base classes promise for every network, tried on the smallest one."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.errors import ContextError, ParameterError
from aign.scenarios.core import DesignScenario, Feature, Scenario, SequentialScenario, registry
from aign.scenarios.core.scenario import finite_or_none
from aign.scenarios.water_filling import WaterFilling

SCENARIO = WaterFilling.create(channels=4, budget=2.0)
FINITE = st.floats(-1e6, 1e6)


def contexts(count=5, seed=0):
    return SCENARIO.draw_contexts(count, torch.Generator().manual_seed(seed))


# --- building a scenario ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("values", "message"), [
    ({"channels": 1}, r"channels: .*greater than or equal to 2 \(given 1\)"),
    ({"channels": "many"}, r"channels: .*integer.*'many'"),
    ({"budget": -1.0}, r"budget: .*given -1\.0"),
    ({"channel": 3}, r"channel: Extra inputs.*Parameters: channels, budget, gain"),
    ({"channels": 0, "budget": 0.0}, r"channels: .*; budget: "),
])
def test_parameters_out_of_range_or_unknown_are_named(values, message):
    with pytest.raises(ParameterError, match=message):
        WaterFilling.create(**values)


@pytest.mark.parametrize("base", [Scenario, DesignScenario, SequentialScenario])
def test_a_network_has_at_most_a_dozen_methods_to_write(base):
    assert 0 < len(base.__abstractmethods__) <= 12, sorted(base.__abstractmethods__)


def test_what_learners_demonstrators_and_pictures_need_is_optional():
    optional = {"agent_observations", "agent_rewards", "perturbed_contexts", "vary_designs", "approach", "picture",
                "follow_heuristic", "per_entity"}
    assert not optional & Scenario.__abstractmethods__
    assert Scenario.presets == {}


def test_the_default_picture_is_a_bar_chart_of_the_design():
    design = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.5, 0.25, 0.0, 1.0]])
    axes = Scenario.picture(SCENARIO, contexts(1)[0], design, "a title").gca()
    assert [bar.get_height() for bar in axes.patches] == design[-1].tolist()
    assert axes.get_title() == "a title"


def test_sizes_are_the_sums_of_the_features():
    assert (SCENARIO.context_size, SCENARIO.state_size, SCENARIO.observation_size) == (4, 4, 9)
    assert SCENARIO.fixed_observation(contexts()).shape == (5, 9 - 4 - 1)


def test_a_label_is_found_by_name():
    assert SCENARIO.label("total_power").unit == "W"
    with pytest.raises(KeyError):
        SCENARIO.label("colour")


# --- contexts ---------------------------------------------------------------------------------------------------------
def test_good_contexts_pass_unchanged_and_one_context_becomes_a_batch():
    good = contexts()
    assert torch.equal(SCENARIO.check_contexts(good), good)
    assert torch.equal(SCENARIO.check_contexts(good[0].double()), good[:1])


@pytest.mark.parametrize("shape", [(3,), (2, 5), (1, 2, 4), (0,)])
def test_contexts_of_the_wrong_size_are_refused(shape):
    with pytest.raises(ContextError, match=rf"needs 4 context values \(4 x gain \[1/W\]\), given {shape[-1]}"):
        SCENARIO.check_contexts(torch.ones(shape))


@given(st.integers(0, 4), st.integers(0, 3), st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 2.1]))
def test_the_first_value_at_fault_is_named(row, column, value):
    wrong = contexts()
    wrong[row, column] = value
    message = rf"Context {row}: gain\[{column}\] = {value:g} 1/W; allowed: .*0\.001 to 2\."
    with pytest.raises(ContextError, match=message):
        SCENARIO.check_contexts(wrong)


@pytest.fixture(scope="module")
def every_network():
    """At least one network of each scenario, with values that depend on each other in every way there is."""
    asked = [("asp-selection", {"providers": 3, "tasks": 8, "fleet": fleet}) for fleet in ("drawn", 0)]
    asked += [("contract", {"types": types}) for types in (2, 10)]
    asked += [("gymnasium", {"environment": "CartPole-v1", "horizon": 5}), ("ip-optical-planning", {})]
    asked += [("queue-scheduling", {})]
    asked += [("power-allocation", {"users": 3}), ("power-allocation", {"users": 4, "base_stations": 2})]
    asked += [("stackelberg", {"prices": prices}) for prices in ("uniform", "per-device")] + [("water-filling", {})]
    asked += [(name, {}) for name in registry.names() if name not in {kind for kind, _ in asked}]
    return [registry.create(name, **parameters) for name, parameters in asked]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-3, 30.0))
def test_perturbed_contexts_are_possible_networks(every_network, seed, scale):
    for scenario in every_network:
        generator = torch.Generator().manual_seed(seed)
        drawn = scenario.draw_contexts(6, generator)
        moved = scenario.perturbed_contexts(drawn, torch.full((6, 1), scale), generator)
        assert torch.equal(scenario.check_contexts(moved), moved), scenario.spec()
        assert not torch.equal(moved, drawn), scenario.spec()


def test_noise_on_contexts_respects_bounds_and_kind(monkeypatch):
    features = (Feature("positive", "1", 0.5, 2.0, 2), Feature("signed", "1", -5.0, 5.0, 1))
    monkeypatch.setattr(SCENARIO, "context_features", features)
    given_ones, scale = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]).repeat(4000, 1), torch.full((8000, 1), 0.2)
    moved, wild = (SCENARIO.perturbed_contexts(given_ones, factor * scale, torch.Generator().manual_seed(0))
                   for factor in (1, 50))
    assert abs(float(moved[:, :2].log().std()) - 0.2) < 0.01
    assert abs(float((moved - given_ones)[:, 2].std()) - 0.2 * 0.5) < 0.005
    assert [float(wild[:, :2].amin()), float(wild[:, :2].amax())] == [0.5, 2.0]
    assert [float(wild[:, 2].amin()), float(wild[:, 2].amax())] == [-5.0, 5.0]


# --- dynamics of a design problem -------------------------------------------------------------------------------------
@given(st.integers(0, 2**31), st.booleans())
def test_the_return_telescopes_to_the_gain_in_utility(seed, random_start):
    generator, gains = torch.Generator().manual_seed(seed), contexts(seed=seed)
    state = first = SCENARIO.initial_state(gains, generator if random_start else None)
    total = torch.zeros(len(gains), dtype=torch.float64)
    for _ in range(SCENARIO.horizon):
        state, reward = SCENARIO.step(gains, state, 4 * torch.rand(len(gains), 4, generator=generator) - 2)
        total += reward
    expected = SCENARIO.utility(gains, state) - SCENARIO.utility(gains, first)
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-12)


def test_actions_are_clipped_to_one_step():
    gains = contexts()
    start = SCENARIO.initial_state(gains)
    first = torch.eye(4)[:1].expand(5, 4)
    assert torch.equal(SCENARIO.step(gains, start, 3 * first)[0], SCENARIO.step(gains, start, first)[0])
    assert torch.equal(SCENARIO.step(gains, 0.5 * first, -3 * first)[0], start)
    inside, _ = SCENARIO.step(gains, start, torch.full((5, 4), 0.5))
    torch.testing.assert_close(inside, torch.full((5, 4), 0.5 * SCENARIO.step_size))


def test_whole_number_steps_are_rounded():
    whole = WaterFilling.create(channels=4, budget=8.0)
    whole.integer_actions = True
    state, _ = whole.step(contexts(), torch.zeros(5, 4), torch.tensor([0.2, 0.3, 0.7, 0.8]).repeat(5, 1))
    torch.testing.assert_close(state, torch.tensor([0.0, 1.0, 1.0, 2.0]).repeat(5, 1))


@given(st.integers(0, 2**31))
def test_acting_towards_a_design_reaches_it_within_the_horizon(seed):
    generator, gains = torch.Generator().manual_seed(seed), contexts(seed=seed)
    goal = SCENARIO.admissible(2 * torch.rand(len(gains), 4, generator=generator))
    state = SCENARIO.initial_state(gains)
    for _ in range(SCENARIO.horizon):
        action = SCENARIO.action_towards(state, goal)
        assert action.dtype == torch.float32
        assert float(action.abs().max()) <= 1
        state, _ = SCENARIO.step(gains, state, action)
    torch.testing.assert_close(SCENARIO.design_of(state), goal, rtol=0, atol=1e-6)


def test_an_observation_is_state_fixed_part_and_clock():
    gains = contexts()
    state = SCENARIO.initial_state(gains, torch.Generator().manual_seed(1))
    observation = SCENARIO.observe(gains, state, 6)
    assert observation.dtype == torch.float32
    assert torch.equal(observation[:, :4], state)
    assert torch.equal(observation[:, 4:8], SCENARIO.fixed_observation(gains))
    assert torch.equal(observation[:, 8], torch.full((5,), 6 / 8))


def test_a_lone_decision_maker_sees_everything_and_is_paid_the_reward():
    gains = contexts()
    state = SCENARIO.initial_state(gains)
    following, reward = SCENARIO.step(gains, state, torch.ones(5, 4))
    assert torch.equal(SCENARIO.agent_observations(gains, state, 3)[:, 0], SCENARIO.observe(gains, state, 3))
    assert torch.equal(SCENARIO.agent_rewards(gains, state, following, reward), reward.float()[:, None])


# --- scores -----------------------------------------------------------------------------------------------------------
@given(st.floats())
def test_only_finite_numbers_reach_json(value):
    assert finite_or_none(value) == (value if math.isfinite(value) else None)
