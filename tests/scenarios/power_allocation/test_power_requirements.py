"""Feasibility and repair against a search through every design, for requests that are hard, impossible or just met."""

import math

import numpy as np
import power_reference as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.power_allocation import physics
from aign.scenarios.power_allocation.requirements import (
    Requirements,
    feasible,
    fit_total,
    least_powers,
    repair,
    requirements,
)

SEEDS = st.integers(0, 2**31)
CLOSED_FORM = {"total_power": "<=", "max_power": "<=", "min_rate": ">=", "min_sinr_db": ">="}
SMALL = range(7)


def scenario(users, stations):
    return registry.create("power-allocation", users=users, base_stations=stations)


def random_request(names, values, generator, share):
    """Bounds on labels: drawn from what designs reach (`values`), exactly there or a little beside."""
    chosen = []
    for name in names:
        place = int(torch.randint(len(values[name]), (1,), generator=generator))
        beside = 1 + (0.2 * float(torch.rand(1, generator=generator)) - 0.1) * (share > 0.5)
        chosen.append(Constraint(name, CLOSED_FORM[name], float(values[name][place]) * beside))
    return chosen


def search(users, stations, seed, names, share, levels):
    """One random network and request, with every design and which of them meet the request."""
    generator = torch.Generator().manual_seed(seed)
    network = scenario(users, stations)
    context = reference.spread_gains(1, users, stations, generator)
    designs = reference.all_designs(users, levels)
    values = network.measure(context.expand(len(designs), -1), designs)
    constraints = random_request(names, values, generator, share)
    if max(levels) < physics.P_MAX:
        constraints.append(Constraint("max_power", "<=", float(max(levels))))
    meets = satisfied(constraints, values, len(designs))
    return network, context, designs, constraints, meets, generator


CASES = pytest.mark.parametrize(("users", "stations", "levels"), [
    (2, 1, range(41)), (2, 2, range(41)), (3, 1, SMALL), (3, 2, SMALL)])
REQUESTS = {"seed": SEEDS, "names": st.sets(st.sampled_from(sorted(CLOSED_FORM)), min_size=1).map(sorted),
            "share": st.floats(0, 1)}


@CASES
@given(**REQUESTS)
def test_feasibility_is_what_a_search_through_every_design_finds(users, stations, levels, seed, names, share):
    _, context, designs, constraints, meets, _ = search(users, stations, seed, names, share, levels)
    found, least = feasible(context, requirements(constraints, users), users)
    assert bool(found) == bool(meets.any())
    if bool(found):
        # The componentwise least of all designs that meet the request meets it, too.
        assert torch.equal(least[0], designs[meets].amin(dim=0).double())


@CASES
@given(**REQUESTS)
def test_repair_finds_a_design_whenever_there_is_one_and_then_stays(users, stations, levels, seed, names, share):
    network, context, designs, constraints, meets, generator = search(users, stations, seed, names, share, levels)
    wishes = torch.rand(8, users, generator=generator) * 60 - 10
    contexts, needs = context.expand(8, -1), requirements(constraints, users)
    repaired = repair(contexts, wishes, needs)
    assert torch.equal(repaired, repaired.round().clamp(0, physics.P_MAX))
    assert torch.equal(repair(contexts, repaired, needs), repaired)
    if bool(meets.any()):
        assert bool(satisfied(constraints, network.measure(contexts, repaired), 8).all())
        fine = designs[meets][torch.randint(int(meets.sum()), (8,), generator=generator)]
        assert torch.equal(repair(contexts, fine, needs), fine)


@CASES
@given(seed=SEEDS, start_seed=SEEDS)
def test_least_powers_are_the_componentwise_least_above_the_start(users, stations, levels, seed, start_seed):
    _, context, designs, constraints, meets, _ = search(users, stations, seed, ["min_rate"], 0, range(41)[:max(levels)])
    start = torch.randint(0, max(levels), (1, users), generator=torch.Generator().manual_seed(start_seed)).double() / 2
    target = requirements(constraints, users).target
    least = least_powers(context, start, target)
    meets &= (designs >= start).all(dim=1)
    if bool(meets.any()):
        assert torch.equal(least[0], designs[meets].amin(dim=0).double())
    else:
        assert float(least.max()) > designs.max()


def test_repair_stays_nearer_to_the_wish_than_the_least_powers():
    network = registry.create("power-allocation", users=8, gains="preset")
    contexts = network.draw_contexts(32, torch.Generator().manual_seed(0))
    needs = requirements([Constraint("min_sinr_db", ">=", -16.0), Constraint("total_power", "<=", 200.0)], 8)
    possible, least = feasible(contexts, needs, 8)
    assert bool(possible.all())
    wish = torch.full((32, 8), 40.0)
    wish[:, 5:] = 0  # breaks both: users 6 to 8 are silent, and raising them leaves too much
    distance = (repair(contexts, wish, needs) - torch.maximum(wish, least)).abs().sum(dim=1)
    assert bool((distance < 0.9 * (least - torch.maximum(wish, least)).abs().sum(dim=1)).all())


# --- continuous closed form -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stations", [1, 2, 4])
@given(seed=SEEDS, decibels=st.floats(-25, 0))
def test_least_powers_lie_above_the_continuous_solution(stations, seed, decibels):
    """Foschini and Miljanic 1993: (I - DF)^-1 v where the spectral radius of DF is below 1, else nothing."""
    users, target = 6, physics.sinr_target("min_sinr_db", decibels)
    context = scenario(users, stations).draw_contexts(1, torch.Generator().manual_seed(seed))
    cross = physics.cross_gains(physics.gain_matrix(context, users))[0].numpy()
    relative = target * cross / np.diag(cross)[:, None] * (1 - np.eye(users))
    least = least_powers(context, torch.zeros(1, users), target)[0].numpy()
    if np.abs(np.linalg.eigvals(relative)).max() >= 1:
        assert least.max() > physics.P_MAX
        return
    continuous = np.linalg.solve(np.eye(users) - relative, target / np.diag(cross))
    if continuous.max() > physics.P_MAX:
        assert least.max() > physics.P_MAX
    elif least.max() <= physics.P_MAX:
        assert (least >= continuous * (1 - 1e-9)).all()
        assert bool((physics.sinr(context, torch.tensor(least)[None]) >= target).all())


def test_symmetric_users_cannot_reach_one_over_their_number():
    users = 20
    context = torch.full((1, users), physics.MEAN_GAIN)
    ceiling = 1 / (users - 1)
    assert float(least_powers(context, torch.zeros(1, users), 1.0001 * ceiling).max()) > physics.P_MAX
    # p g / (1 + 19 p g) = s solved for p, rounded up.
    ratio = 0.4 * ceiling
    expected = math.ceil(ratio / (1 - ratio * (users - 1)) / physics.MEAN_GAIN)
    assert torch.equal(least_powers(context, torch.zeros(1, users), ratio), torch.full((1, users), float(expected),
                                                                                       dtype=torch.float64))


def test_a_long_chain_of_raises_is_followed_to_its_end():
    # Just above what the noise-free system allows, powers creep up level by level until they pass the range.
    users = 100
    context = torch.full((1, users), 1.0)
    target = 1 / (users - 1) * (1 - 1e-3)
    least = least_powers(context, torch.zeros(1, users), target)
    meets = physics.sinr(context, least) >= target
    assert bool(meets.all()) or float(least.max()) > physics.P_MAX


# --- sorting a request ------------------------------------------------------------------------------------------------
def test_constraints_are_sorted_into_closed_form_and_rest():
    rest = (Constraint("jain_fairness", ">=", 0.5), Constraint("total_power", ">=", 10.0),
            Constraint("min_rate", "<=", 99.0))
    needs = requirements([Constraint("total_power", "<=", 50.7), Constraint("max_power", "<=", 12.9), *rest], 4)
    assert needs == Requirements(12, 50.0, 0.0, rest)
    assert requirements([], 4) == Requirements(40, 160.0, 0.0, ())


def test_the_tightest_of_several_bounds_counts():
    rate, ratio = Constraint("min_rate", ">=", 30.0), Constraint("min_sinr_db", ">=", -20.0)
    needs = requirements([Constraint("max_power", "<=", 99.0), Constraint("max_power", "<=", 7.0), rate, ratio], 3)
    assert needs.cap == 7
    assert needs.target == max(physics.sinr_target("min_rate", 30.0), physics.sinr_target("min_sinr_db", -20.0))


@pytest.mark.parametrize("constraint", [Constraint("max_power", "<=", -1.0), Constraint("total_power", "<=", -1.0),
                                        Constraint("min_rate", ">=", 1e7), Constraint("min_sinr_db", ">=", 1e5)])
def test_impossible_requests_are_told_apart_and_leave_an_admissible_design(constraint):
    network = scenario(3, 1)
    contexts = network.draw_contexts(2, torch.Generator().manual_seed(0))
    assert not bool(feasible(contexts, requirements([constraint], 3), 3)[0].any())
    design = network.project(contexts, torch.full((2, 3), 20.0), [constraint])
    assert torch.equal(design, network.admissible(design))


def test_what_silence_meets_is_met_by_silence():
    network = scenario(3, 1)
    contexts = network.draw_contexts(2, torch.Generator().manual_seed(0))
    constraints = [Constraint("min_sinr_db", ">=", -120.0), Constraint("max_power", "<=", 0.0)]
    assert bool(satisfied(constraints, network.measure(contexts, torch.zeros(2, 3)), 2).all())
    assert torch.equal(network.project(contexts, torch.full((2, 3), 20.0), constraints), torch.zeros(2, 3))
    assert bool(feasible(contexts, requirements(constraints, 3), 3)[0].all())


# --- rounding within a budget -----------------------------------------------------------------------------------------
@settings(max_examples=100)
@given(SEEDS, st.integers(0, 120), st.booleans())
def test_rounding_uses_a_budget_up_and_never_exceeds_it(seed, budget, raised):
    generator = torch.Generator().manual_seed(seed)
    floor = torch.randint(0, 6 if raised else 1, (5, 4), generator=generator).double()
    powers = floor + 40 * torch.rand(5, 4, generator=generator, dtype=torch.float64)
    whole = fit_total(powers, float(budget), floor)
    assert torch.equal(whole, whole.round())
    for row in range(5):
        if float(powers[row].round().sum()) <= budget:
            assert torch.equal(whole[row], powers[row].round())
        elif float(floor[row].sum()) <= budget:
            assert float(whole[row].sum()) == budget
            assert bool((whole[row] >= floor[row]).all())
            assert bool((whole[row] <= powers[row].ceil()).all())
        else:
            assert torch.equal(whole[row], floor[row])
