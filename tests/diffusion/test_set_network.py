import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.diffusion.set_network import SetDenoiser, SharedInverseDynamics, by_entity, in_runs

LENGTH, CONDITIONS = 4, 3
STATES, FIXED = [1, 2], [2]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SetDenoiser(LENGTH, STATES, FIXED, CONDITIONS, channels=16, depth=2, embedding=16).eval()


def batch(users, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    state, known = users * sum(STATES), users * (sum(FIXED) + sum(STATES))
    return (torch.randn(count, LENGTH, state, generator=generator), torch.arange(count) * 7,
            torch.randn(count, known, generator=generator), torch.randn(count, CONDITIONS, generator=generator),
            torch.rand(count, CONDITIONS, generator=generator) < 0.5)


def reordered(values, widths, order):
    return in_runs(by_entity(values, widths, len(order))[..., order, :], widths)


@given(st.permutations(range(5)), st.integers(0, 5))
@settings(deadline=None)
def test_users_in_another_order_get_the_same_plan_in_that_order(network, order, seed):
    noisy, step, known, conditions, shown = batch(5, seed=seed)
    fixed, first = known.split([5 * sum(FIXED), 5 * sum(STATES)], dim=1)
    moved = torch.cat([reordered(fixed, FIXED, order), reordered(first, STATES, order)], dim=1)
    with torch.no_grad():
        expected = reordered(network(noisy, step, known, conditions, shown), STATES, order)
        found = network(reordered(noisy, STATES, order), step, moved, conditions, shown)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("users", [1, 2, 9])
def test_any_number_of_users(network, users):
    noisy, *rest = batch(users)
    assert network(noisy, *rest).shape == noisy.shape


def test_every_user_hears_of_every_other_and_of_their_number(network):
    noisy, step, known, conditions, shown = batch(4)
    changed = noisy.clone()
    changed[:, :, 3] += 1.0
    with torch.no_grad():
        before = network(noisy, step, known, conditions, shown)
        moved = (network(changed, step, known, conditions, shown) - before).abs()
        assert (moved[:, :, :4].sum(dim=1) > 1e-6).all()
        doubled = in_runs(by_entity(noisy, STATES, 4).repeat(1, 1, 2, 1), STATES)
        parts = known.split([4 * sum(FIXED), 4 * sum(STATES)], dim=1)
        twice = torch.cat([in_runs(by_entity(part, widths, 4).repeat(1, 2, 1), widths)
                           for part, widths in zip(parts, (FIXED, STATES), strict=True)], dim=1)
        plan = network(doubled, step, twice, conditions, shown)[:, :, :4]
    assert (plan - before[:, :, :4]).abs().max() > 1e-6


def test_hidden_conditions_change_nothing_and_shown_ones_do(network):
    noisy, step, known, conditions, _ = batch(3)
    hidden = torch.zeros_like(conditions, dtype=torch.bool)
    with torch.no_grad():
        assert torch.equal(network(noisy, step, known, conditions, hidden),
                           network(noisy, step, known, conditions + 5, hidden))
        assert not torch.equal(network(noisy, step, known, conditions, ~hidden),
                               network(noisy, step, known, conditions + 5, ~hidden))


def test_regrouping_is_undone():
    values = torch.arange(24.0).reshape(2, 12)
    grouped = by_entity(values, [1, 2], 4)
    assert grouped[0, 1].tolist() == [1.0, 6.0, 7.0], "one value of the first run, two of the second"
    assert torch.equal(in_runs(grouped, [1, 2]), values)


# --- resources in common ----------------------------------------------------------------------------------------------
NUMBERED = [2, 3]
"""Two values of an entity, then the numbers of three resources in its reach."""


def known_with(numbers, seed=0):
    """Return fixed values and a first state of as many entities as have numbers (N, 3)."""
    generator, users = torch.Generator().manual_seed(seed), len(numbers)
    fixed = torch.cat([torch.randn(1, users * 2, generator=generator), numbers.flatten()[None].float()], dim=1)
    return torch.cat([fixed, torch.randn(1, users * sum(STATES), generator=generator)], dim=1)


def without_mean(seed=0):
    """Return a network of one block whose entities do not see the mean entity."""
    torch.manual_seed(seed)
    network = SetDenoiser(1, STATES, NUMBERED, CONDITIONS, channels=16, depth=1, embedding=16, resources=1).eval()
    torch.nn.init.zeros_(network.layers[0].mean.weight)
    return network


def planned(network, noisy, numbers):
    conditions = torch.zeros(1, CONDITIONS)
    with torch.no_grad():
        return network(noisy, torch.zeros(1), known_with(numbers), conditions, conditions.bool())


def test_entities_see_those_alone_who_may_use_the_same_resource():
    numbers = torch.tensor([[1, 2, 0], [2, 0, 0], [3, 0, 0], [0, 0, 0], [3, 1, 4]])
    network, noisy = without_mean(), torch.randn(1, 1, 15, generator=torch.Generator().manual_seed(1))
    before = by_entity(planned(network, noisy, numbers), STATES, 5)
    for changed, seen_by in ((0, {0, 1, 4}), (1, {0, 1}), (2, {2, 4}), (3, {3}), (4, {0, 2, 4})):
        other = by_entity(noisy, STATES, 5).clone()
        other[:, :, changed] += 1.0
        after = by_entity(planned(network, in_runs(other, STATES), numbers), STATES, 5)
        assert {user for user in range(5) if not torch.equal(after[0, 0, user], before[0, 0, user])} == seen_by


def test_how_resources_are_numbered_does_not_matter_nor_how_many_there_are():
    numbers = torch.tensor([[1, 2, 0], [2, 0, 0], [3, 1, 2]])
    network, noisy = without_mean(), torch.randn(1, 1, 9, generator=torch.Generator().manual_seed(1))
    renumbered = torch.tensor([0, 30, 4, 17])[numbers]
    torch.testing.assert_close(planned(network, noisy, renumbered), planned(network, noisy, numbers))


def test_each_trajectory_has_resources_of_its_own():
    first, second = torch.tensor([[1, 0, 0], [1, 0, 0]]), torch.tensor([[1, 2, 0], [3, 2, 0]])
    network, noisy = without_mean(), torch.randn(2, 1, 6, generator=torch.Generator().manual_seed(1))
    known, conditions = torch.cat([known_with(first), known_with(second)]), torch.zeros(2, CONDITIONS)
    with torch.no_grad():
        together = network(noisy, torch.zeros(2), known, conditions, conditions.bool())
    alone = torch.cat([planned(network, noisy[:1], first), planned(network, noisy[1:], second)])
    torch.testing.assert_close(together, alone)


def test_the_head_does_not_see_numbers_of_resources():
    head = SharedInverseDynamics(STATES, NUMBERED, 2, hidden=8, resources=1).eval()
    torch.nn.init.normal_(head.head.refine[-1].weight)
    states, fixed = torch.randn(1, 9), torch.randn(1, 6)
    numbers = [torch.cat([fixed, number * torch.ones(1, 9)], dim=1) for number in (1, 7)]
    assert torch.equal(head(states, states + 1, numbers[0]), head(states, states + 1, numbers[1]))


def test_one_head_serves_every_user():
    head = SharedInverseDynamics(STATES, FIXED, 2, hidden=8).eval()
    torch.nn.init.normal_(head.head.refine[-1].weight)
    generator = torch.Generator().manual_seed(3)
    now, following = (torch.randn(4, 15, generator=generator) for _ in range(2))
    fixed = torch.randn(4, 10, generator=generator)
    together = head(now, following, fixed).unflatten(1, (5, 2))
    for user in range(5):
        own = [by_entity(values, widths, 5)[:, user] for values, widths in ((now, STATES), (following, STATES),
                                                                          (fixed, FIXED))]
        torch.testing.assert_close(together[:, user], head.head(*own))


def test_the_linear_path_is_fitted_over_all_users():
    head = SharedInverseDynamics([1], [1], 1, hidden=8).eval()
    changes = torch.linspace(-0.1, 0.1, 24).reshape(8, 3)
    head.fit_linear(changes, 4 * changes)
    found = head(torch.zeros(8, 3), changes, torch.zeros(8, 3))
    torch.testing.assert_close(found, 4 * changes, atol=1e-5, rtol=0)
