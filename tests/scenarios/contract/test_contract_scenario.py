"""The contract scenario as a decision process: contexts, order, dynamics, labels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import ContextError
from aign.scenarios.contract import Contract
from aign.scenarios.core.registry import create

PAIR = Contract.create()
TEN = Contract.create(types=10)
SEEDS = st.integers(0, 2**31)
KNOWN = torch.tensor([[0.25, 0.75, 20.0, 60.0, 30.0]])


def contexts(scenario, count=6, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


# --- contexts ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("types", [2, 3, 5, 10])
def test_contexts_are_stratified_ordered_and_pass_the_check(types):
    scenario = Contract.create(types=types)
    drawn = scenario.check_contexts(contexts(scenario, 3000))
    share, complexity, longest = drawn.split([types, types, 1], 1)
    torch.testing.assert_close(share.sum(1), torch.ones(3000))
    assert float(share.min()) >= 0.1 / types - 1e-6
    assert bool((complexity.diff(dim=1) > 0).all())
    edges = torch.tensor([10.0, 50, 100]) if types == 2 else torch.linspace(10, 100, types + 1)
    assert bool(((complexity >= edges[:-1]) & (complexity <= edges[1:])).all())
    assert torch.allclose(complexity.mean(0), (edges[1:] + edges[:-1]) / 2, atol=1.5)
    assert 5 <= float(longest.min()) < 6 < 59 < float(longest.max()) <= 60


def test_the_first_of_two_types_has_a_uniform_probability():
    share = contexts(PAIR, 4000)[:, 0]
    assert torch.allclose(share.quantile(torch.tensor([0.1, 0.5, 0.9])), torch.tensor([0.14, 0.5, 0.86]), atol=0.02)


@pytest.mark.parametrize(("values", "message"), [
    ([0.25, 0.25, 20, 60, 30], "share sum to 0.5; allowed: 1"), ([0.0, 1.0, 20, 60, 30], r"share\[0\] = 0"),
    ([0.5, 0.5, 20, 101, 30], r"complexity\[1\] = 101"), ([0.5, 0.5, 20, 60], "needs 5 context values")])
def test_wrong_contexts_are_refused(values, message):
    with pytest.raises(ContextError, match=message):
        PAIR.check_contexts(torch.tensor([values]))


@given(SEEDS)
def test_renumbering_types_changes_nothing(seed):
    generator = torch.Generator().manual_seed(seed)
    ordered = contexts(TEN, 3, seed)
    design = TEN.initial_state(ordered, generator)
    mixed = torch.randperm(10, generator=generator)
    places = torch.cat([mixed, 10 + mixed])
    given_order = torch.cat([ordered[:, places], ordered[:, 20:]], 1)
    again, index = TEN.canonical_order(given_order)
    assert torch.equal(again, ordered)
    assert torch.equal(design[:, places].gather(1, index), design)
    torch.testing.assert_close(TEN.utility(given_order, design[:, places]), TEN.utility(ordered, design))


def test_presets_pass_the_check_and_the_spec_rebuilds_the_scenario():
    for scenario in (PAIR, TEN):
        for values in scenario.presets.values():
            assert torch.equal(scenario.check_contexts(values)[0], values)
        assert create(**scenario.spec()).spec() == scenario.spec()


# --- dynamics ---------------------------------------------------------------------------------------------------------
def test_episodes_start_with_nothing_offered_and_reach_the_best_menu():
    for scenario in (PAIR, TEN):
        drawn = contexts(scenario, 20)
        state, target = scenario.initial_state(drawn), scenario.certify(drawn).design
        assert not bool(scenario.measure(drawn, state)["served"].any())
        total = torch.zeros(20).double()
        first = scenario.utility(drawn, state)
        for _ in range(scenario.horizon):
            state, reward = scenario.step(drawn, state, scenario.action_towards(state, target))
            total += reward
        assert torch.equal(state, target)  # exactly, through float32 actions
        torch.testing.assert_close(total, scenario.utility(drawn, target) - first)


@given(SEEDS)
def test_states_stay_on_the_grid_within_bounds(seed):
    generator, drawn = torch.Generator().manual_seed(seed), contexts(PAIR, 6, seed)
    state = PAIR.initial_state(drawn, generator)
    for _ in range(3):
        assert state.dtype == torch.float32
        assert torch.equal(PAIR.admissible(state), state)
        assert torch.equal(state * 2**16, (state * 2**16).round())
        state, _ = PAIR.step(drawn, state, 2 * torch.rand(6, 4, generator=generator) - 1)


def test_observations_have_the_documented_parts_within_bounds():
    drawn = contexts(TEN, 100)
    seen = TEN.observe(drawn, TEN.initial_state(drawn, torch.Generator().manual_seed(0)), 4)
    assert seen.shape == (100, TEN.observation_size) == (100, 52)
    bounds = [(f.low, f.high) for f in TEN.observation_features for _ in range(f.size)]
    low, high = torch.tensor(bounds).T
    assert bool(((seen >= low) & (seen <= high)).all())
    assert torch.equal(seen[:, 20:30], drawn[:, :10])
    assert seen[:, -1].tolist() == [0.5] * 100
    assert float(TEN.fixed_observation(drawn).abs().max()) <= 4


# --- labels -----------------------------------------------------------------------------------------------------------
def test_labels_of_a_known_menu():
    labels = PAIR.measure(KNOWN, torch.tensor([[2.0, 1.0, 4.5, 3.25]]))
    assert {name: float(value) for name, value in labels.items()} == pytest.approx({
        "ir_slack": 0.25, "ic_slack": 0.25, "monotonicity": 1.0, "payment": 50 * (0.25 * 4.5 + 0.75 * 3.25),
        "latency": 30.0, "served": 1.0, "provider_utility": 0.25 * 2.5 + 0.75 * 0.25})
    assert set(labels) == {label.name for label in PAIR.labels}


def test_labels_of_a_menu_that_one_type_refuses():
    labels = PAIR.measure(KNOWN, torch.tensor([[2.0, 1.5, 4.5, 3.0]]))
    assert {name: float(value) for name, value in labels.items()} == pytest.approx({
        "ir_slack": -1.5, "ic_slack": 0.0, "monotonicity": 0.5, "payment": 50 * 0.25 * 4.5, "latency": 20.0,
        "served": 0.25, "provider_utility": 0.25 * 2.5})


def test_utility_is_per_provider_and_the_payment_of_all():
    many, menu = Contract.create(asps=100), torch.tensor([[2.0, 1.0, 4.5, 3.25]])
    assert torch.equal(many.utility(KNOWN, menu), PAIR.utility(KNOWN, menu))
    assert torch.equal(many.measure(KNOWN, menu)["payment"], 2 * PAIR.measure(KNOWN, menu)["payment"])


def test_a_row_does_not_depend_on_its_batch():
    drawn = contexts(TEN, 50)
    designs = TEN.initial_state(drawn, torch.Generator().manual_seed(2))
    for rows in (slice(7, 8), slice(20, 33)):
        assert torch.equal(TEN.utility(drawn[rows], designs[rows]), TEN.utility(drawn, designs)[rows])
        assert torch.equal(TEN.project(drawn[rows], designs[rows]), TEN.project(drawn, designs)[rows])
        part, whole = TEN.measure(drawn[rows], designs[rows]), TEN.measure(drawn, designs)
        assert all(torch.equal(part[name], whole[name][rows]) for name in whole)


def test_shares_tell_what_each_type_is_offered_and_keeps():
    shares = PAIR.per_entity(KNOWN, torch.tensor([[2.0, 1.0, 4.5, 3.25]]))
    assert {name: value[0].tolist() for name, value in shares.items()} == {
        "speed [1]": [2.0, 1.0], "reward [credit]": [4.5, 3.25], "payoff [credit]": [2.5, 0.25]}
