"""Certificates of requests: against searches through every design, and against what moving a threshold gains."""

import math

import numpy as np
import power_reference as reference
import pytest
import torch

from aign.scenarios.core import registry
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import Constraint, parse, satisfied
from aign.scenarios.power_allocation import certify as certify_module
from aign.scenarios.power_allocation import physics
from aign.scenarios.power_allocation.concave_bound import upper_bound
from aign.scenarios.power_allocation.requirements import Requirements

TWO = registry.create("power-allocation", users=2)
TWENTY = registry.create("power-allocation", users=20, gains="preset")
SIX = registry.create("power-allocation", users=6, base_stations=2)


def drawn(network, count=3, seed=0):
    return network.draw_contexts(count, torch.Generator().manual_seed(seed))


def request(network, *texts):
    return parse(texts, network.labels)


# --- two users: every design is tried ---------------------------------------------------------------------------------
def test_the_published_optimum_of_two_users_is_found():
    found = TWO.certify(TWO.presets["aign-two-users"][None])
    assert found.kind is CertificateKind.EXHAUSTIVE
    assert found.design.tolist() == [[28.0, 31.0]]
    assert float(found.utility) == pytest.approx(26.1009, abs=6e-5)
    assert bool(found.feasible)


@pytest.mark.parametrize("kind", ["log", "rate"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_users_under_bounds_on_all_labels_against_plain_search(seed, kind):
    network, generator = registry.create("power-allocation", users=2, utility=kind), torch.Generator().manual_seed(seed)
    context = reference.spread_gains(1, 2, 1, generator)
    gains = reference.as_rows(context[0], 2)
    designs = [(one, two) for one in range(41) for two in range(41)]
    table = [reference.labels(gains, design) for design in designs]
    place = int(torch.randint(len(designs), (1,), generator=generator))
    # Around the labels of one design, so that some designs remain; never on it, where rounding would decide.
    loose = {name: (0.05 + 0.3 * float(torch.rand(1, generator=generator))) * (1 + abs(value))
             for name, value in table[place].items()}
    for names in (["total_power", "min_rate"], ["max_power", "jain_fairness", "energy_efficiency"], sorted(loose)):
        upper = {"total_power", "max_power"}
        constraints = [Constraint(name, "<=" if name in upper else ">=",
                                  table[place][name] + (loose[name] if name in upper else -loose[name]))
                       for name in names]
        best = max(reference.utility(gains, design, kind) for design, values in zip(designs, table, strict=True)
                   if all(one.holds(torch.tensor(values[one.label])) for one in constraints))
        found = network.certify(context, constraints)
        assert float(found.utility) == pytest.approx(best, rel=1e-11)
        assert reference.utility(gains, found.design[0].tolist(), kind) == pytest.approx(best, rel=1e-11)
        assert bool(satisfied(constraints, network.measure(context, found.design), 1))


def test_rate_utility_of_two_users_silences_the_weak_one():
    network = registry.create("power-allocation", users=2, utility="rate")
    context = torch.tensor([[0.5, 0.01]])
    designs = reference.all_designs(2)
    value = network.utility(context.expand(len(designs), -1), designs)
    found = network.certify(context)
    assert torch.equal(found.design[0], designs[int(value.argmax())])
    assert float(found.design[0, 1]) == 0


# --- impossible requests ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("network", [TWO, TWENTY, SIX, registry.create("power-allocation", users=3, utility="rate")])
@pytest.mark.parametrize("texts", [["min_rate>=1e6"], ["max_power<=-1"], ["max_power<=1", "min_sinr_db>=10"],
                                   ["total_power<=1", "min_rate>=1"]])
def test_impossible_requests_are_infeasible_without_a_utility(network, texts):
    found = network.certify(drawn(network), request(network, *texts))
    assert not bool(found.feasible.any())
    assert bool(found.utility.isnan().all())
    assert torch.equal(found.design, network.admissible(found.design))
    assert all(bool(price.isnan().all()) for price in found.prices.values())


def test_a_request_that_only_silence_meets_is_feasible_but_has_no_bound():
    constraints = request(TWENTY, "total_power<=19")
    found = TWENTY.certify(drawn(TWENTY), constraints)
    assert bool(found.feasible.all())
    assert bool(found.utility.isnan().all())
    assert bool((found.design.sum(dim=1) <= 19).all())
    assert "every user at level 1 or more" in found.statement


@pytest.mark.parametrize("network", [TWO, SIX])
def test_no_contexts_get_an_empty_certificate(network):
    found = network.certify(torch.empty(0, network.context_size))
    assert found.utility.shape == (0,)
    assert found.design.shape == (0, network.state_size)


# --- the concave bound ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("network", "texts"), [
    (TWENTY, []), (TWENTY, ["total_power<=150"]), (TWENTY, ["max_power<=9"]), (TWENTY, ["min_sinr_db>=-17"]),
    (TWENTY, ["min_rate>=9", "total_power<=340"]), (SIX, []), (SIX, ["total_power<=40"]), (SIX, ["max_power<=9"]),
    (SIX, ["min_rate>=3"]), (SIX, ["max_power<=30", "min_rate>=2", "total_power<=90"])])
def test_the_design_meets_the_request_and_comes_close_to_the_bound(network, texts):
    constraints, contexts = request(network, *texts), drawn(network, 6)
    found = network.certify(contexts, constraints)
    assert found.kind is CertificateKind.UPPER_BOUND
    possible = found.feasible
    assert bool(possible.any())
    assert torch.equal(found.utility.isnan(), ~possible)
    assert bool(satisfied(constraints, network.measure(contexts, found.design), 6)[possible].all())
    assert torch.equal(found.design, network.admissible(found.design))
    gap = (found.utility - network.utility(contexts, found.design))[possible]
    assert float(gap.min()) > 0
    assert float(gap.max()) < 0.03 * network.parameters.users  # what rounding to whole levels costs


@pytest.mark.parametrize(("users", "utility", "level"), [(20, 254.09, 20), (50, 488.98, 15), (80, 632.65, 12)])
def test_equal_users_get_the_best_common_level(users, utility, level):
    network = registry.create("power-allocation", users=users)
    found = network.certify(network.presets["aign-symmetric"][None])
    assert float(found.utility) == pytest.approx(utility, rel=1e-3)
    assert float(found.utility) >= utility - 0.006
    assert bool(((found.design - level).abs() <= 1).all())


def test_the_statement_names_premises_and_what_is_ignored():
    silent = torch.tensor([[0.5, 0.5, 1e-6]])
    three = registry.create("power-allocation", users=3)
    assert "raising one to level 1 always pays" in TWENTY.certify(drawn(TWENTY)).statement
    assert "silence may pay" in three.certify(silent).statement
    assert "silence may pay" in three.certify(silent, request(three, "total_power<=100")).statement
    constrained = TWENTY.certify(drawn(TWENTY), request(TWENTY, "total_power<=200", "jain_fairness>=0.5")).statement
    assert "every user at level 1 or more" in constrained
    assert "ignores jain_fairness>=0.5" in constrained
    rate = registry.create("power-allocation", users=3, utility="rate")
    assert "ignores jain_fairness>=0.5" in rate.certify(silent, request(rate, "jain_fairness>=0.5")).statement


def test_working_in_chunks_changes_nothing(monkeypatch):
    contexts = drawn(SIX, 5)
    contexts[-1] = 1e-5  # nobody reaches the target there, and silence may pay
    constraints = request(SIX, "min_rate>=1", "total_power<=200")
    whole = [SIX.certify(contexts), SIX.certify(contexts, constraints)]
    monkeypatch.setattr(certify_module, "CHUNK_VALUES", 36)
    parts = [SIX.certify(contexts), SIX.certify(contexts, constraints)]
    assert whole[1].feasible.tolist() == [True] * 4 + [False]
    for one, other in zip(whole, parts, strict=True):
        assert (one.kind, one.statement, one.prices.keys()) == (other.kind, other.statement, other.prices.keys())
        torch.testing.assert_close(one.utility, other.utility, rtol=1e-6, atol=0, equal_nan=True)
        assert torch.equal(one.design, other.design)
        for name, price in one.prices.items():
            torch.testing.assert_close(price, other.prices[name], rtol=1e-2, atol=1e-6, equal_nan=True)


# --- shadow prices ----------------------------------------------------------------------------------------------------
def difference(context, users, change, **needs):
    """Central difference of the bound in one entry of the requirements."""
    base = {"cap": 40, "budget": 40.0 * users, "target": 0.0, "rest": (), **needs}
    (name, size), = change.items()
    values = [float(upper_bound(context, users, Requirements(**{**base, name: base[name] + side * size})).utility)
              for side in (1, -1)]
    return (values[0] - values[1]) / (2 * size)


def test_the_price_of_total_power_is_the_slope_of_the_bound():
    context, limit = drawn(SIX, 1), Constraint("total_power", "<=", 60.0)
    price = float(SIX.certify(context, [limit]).prices[limit])
    assert price == pytest.approx(difference(context, 6, {"budget": 0.05}, budget=60.0), rel=1e-3)
    assert price > 0


def test_the_price_of_max_power_is_the_slope_of_the_bound():
    context, limit = drawn(SIX, 1), Constraint("max_power", "<=", 9.0)
    price = float(SIX.certify(context, [limit]).prices[limit])
    assert price == pytest.approx(difference(context, 6, {"cap": 0.01}, cap=9.0), rel=1e-3)
    assert price > 0


@pytest.mark.parametrize(("label", "threshold", "size"), [("min_rate", 11.5, 0.01), ("min_sinr_db", -17.0, 0.005)])
def test_the_price_of_a_floor_is_the_slope_of_the_bound(label, threshold, size):
    context = drawn(TWENTY, 1)
    constraint = Constraint(label, ">=", threshold)
    price = float(TWENTY.certify(context, [constraint]).prices[constraint])
    sides = [physics.sinr_target(label, threshold + side * size) for side in (1, -1)]
    change = [float(upper_bound(context, 20, Requirements(40, 800.0, target, ())).utility) for target in sides]
    slope = (change[0] - change[1]) / (2 * size)
    assert price == pytest.approx(slope, rel=1e-2)
    assert price < 0


def test_what_does_not_bind_costs_nothing():
    context = torch.full((1, 3), 2e-5)  # so weak that everybody is at full power
    three = registry.create("power-allocation", users=3)
    texts = ["total_power<=500", "max_power<=40", "min_rate>=0.01", "min_sinr_db>=-90"]
    found = three.certify(context, request(three, *texts))
    assert bool((found.design >= 31).all())
    prices = {str(one): float(price) for one, price in found.prices.items()}
    assert prices.keys() == set(texts)
    assert prices["total_power<=500"] == prices["max_power<=40"] == prices["min_sinr_db>=-90"] == 0
    assert prices["min_rate>=0.01"] == pytest.approx(0, abs=1e-3)
    assert three.certify(context, request(three, "jain_fairness>=0.1")).prices == {}


def test_the_price_of_a_binding_cap_vanishes_beyond_the_range_of_levels():
    context = torch.tensor([[1e-2, 1e-2, 1e-4]])
    three = registry.create("power-allocation", users=3)
    capped, free = (three.certify(context, request(three, "min_sinr_db>=-24.5", f"max_power<={cap}"))
                    for cap in (39, 45))
    assert float(capped.design.max()) == 39  # what the weak user needs against the strong ones
    assert float(free.design.max()) == 40
    assert float(capped.prices[Constraint("max_power", "<=", 39.0)]) > 1e-3
    assert float(free.prices[Constraint("max_power", "<=", 45.0)]) == 0


# --- rate utility -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stations", [1, 2])
def test_best_known_rates_are_attained_and_match_a_search_of_three_users(stations):
    network = registry.create("power-allocation", users=3, base_stations=stations, utility="rate")
    contexts, designs = drawn(network, 3), reference.all_designs(3)
    found = network.certify(contexts)
    assert found.kind is CertificateKind.BEST_KNOWN
    assert "no bound is claimed" in found.statement
    assert torch.equal(found.utility, network.utility(contexts, found.design))
    for row, context in enumerate(contexts):
        best = float(network.utility(context.expand(len(designs), -1), designs).max())
        assert float(found.utility[row]) <= best + 1e-9
        assert float(found.utility[row]) >= 0.99 * best


def test_best_known_rates_meet_the_request():
    network = registry.create("power-allocation", users=4, utility="rate")
    contexts, constraints = drawn(network), request(network, "min_rate>=5", "total_power<=120")
    found = network.certify(contexts, constraints)
    assert bool(found.feasible.all())
    assert bool(satisfied(constraints, network.measure(contexts, found.design), 3).all())
    assert torch.equal(found.utility, network.utility(contexts, found.design))
    assert np.all(found.utility.numpy() <= network.certify(contexts).utility.numpy() + 1e-9)


def test_certificates_are_reproducible():
    for network in (SIX, registry.create("power-allocation", users=4, utility="rate")):
        first, second = (network.certify(drawn(network)) for _ in range(2))
        assert torch.equal(first.utility, second.utility)
        assert torch.equal(first.design, second.design)
        assert math.isfinite(float(first.utility.sum()))
