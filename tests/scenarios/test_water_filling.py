"""Water-filling against a general solver, its optimality conditions and solutions known by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, minimize

from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.water_filling import WaterFilling

SCENARIO = WaterFilling.create()
SMALL = WaterFilling.create(channels=4, budget=2.0)
SEEDS = st.integers(0, 2**31)
LIMITS = st.floats(0.05, 4)


def contexts(scenario, count=6, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def request(scenario, *texts):
    return parse(texts, scenario.labels)


def solve(gains, total, cap):
    """Return the optimal utility by sequential quadratic programming, which knows nothing of water."""
    size = len(gains)
    solved = minimize(lambda p: -np.log2(1 + gains * p).sum(), np.full(size, min(total / size, cap)) / 2,
                      jac=lambda p: -gains / (1 + gains * p) / np.log(2), method="SLSQP", bounds=Bounds(0, cap),
                      constraints=LinearConstraint(np.ones((1, size)), -np.inf, total),
                      options={"ftol": 1e-13, "maxiter": 500})
    return -solved.fun


# --- contexts ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gain", [0.7, 1.0, 13.0])
def test_half_of_the_gains_are_strong_half_weak_and_all_pass_the_check(gain):
    scenario = WaterFilling.create(gain=gain)
    gains = scenario.check_contexts(contexts(scenario, 2000)) / gain
    assert torch.equal((gains > 1).sum(dim=1), torch.full((2000,), 5))
    assert float(gains[:, :5].mean()) == pytest.approx(1.5, abs=0.02)
    assert float(gains[:, 5:].mean()) == pytest.approx(0.5, abs=0.02)


def test_equal_seeds_draw_equal_contexts():
    assert torch.equal(contexts(SCENARIO, seed=3), contexts(SCENARIO, seed=3))
    assert not torch.equal(contexts(SCENARIO, seed=3), contexts(SCENARIO, seed=4))


@given(SEEDS)
def test_canonical_order_renumbers_and_scattering_restores(seed):
    generator = torch.Generator().manual_seed(seed)
    given_gains, design = torch.rand(3, 10, generator=generator) + 0.1, torch.rand(3, 10, generator=generator)
    gains, index = SCENARIO.canonical_order(given_gains)
    canonical = design.gather(1, index)
    assert bool((gains.diff(dim=1) <= 0).all())
    torch.testing.assert_close(SCENARIO.utility(gains, canonical), SCENARIO.utility(given_gains, design))
    assert torch.equal(torch.zeros_like(design).scatter(1, index, canonical), design)


# --- the certificate --------------------------------------------------------------------------------------------------
def test_the_optimum_of_two_channels_by_hand():
    scenario = WaterFilling.create(channels=2, budget=1.0)
    both, one = torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0, 0.5]])  # grounds (0.5, 1) and (0.5, 2)
    torch.testing.assert_close(scenario.certify(both).design, torch.tensor([[0.75, 0.25]]), rtol=0, atol=2e-6)
    torch.testing.assert_close(scenario.certify(one).design, torch.tensor([[1.0, 0.0]]), rtol=0, atol=2e-6)
    assert float(scenario.certify(both).utility) == pytest.approx(np.log2(2.5 * 1.25), abs=1e-12)


@pytest.mark.parametrize("texts", [(), ("total_power<=1.2",), ("max_power<=0.5",), ("max_power<=0.3",),
                                   ("total_power<=1", "max_power<=0.4"), ("total_power<=9", "max_power<=9")])
def test_the_certificate_agrees_with_a_general_solver(texts):
    constraints, gains = request(SCENARIO, *texts), contexts(SCENARIO)
    limit = {constraint.label: min(3.0, constraint.threshold) for constraint in constraints}
    certificate = SCENARIO.certify(gains, constraints)
    truth = [solve(row, limit.get("total_power", 3.0), limit.get("max_power", 3.0)) for row in gains.double().numpy()]
    np.testing.assert_allclose(certificate.utility, truth, atol=1e-7)
    np.testing.assert_allclose(SCENARIO.utility(gains, certificate.design), truth, atol=1e-5)
    assert certificate.kind is CertificateKind.UPPER_BOUND


@given(SEEDS, LIMITS, LIMITS)
def test_the_design_meets_the_optimality_conditions(seed, total, cap):
    gains = contexts(SCENARIO, seed=seed)
    constraints = request(SCENARIO, f"total_power<={total}", f"max_power<={cap}")
    power = SCENARIO.certify(gains, constraints).design.double()
    slope = gains / (1 + gains * power)
    price = slope.where(power < cap - 1e-4, 0.0).amax(dim=1, keepdim=True)  # the steepest that could take more
    for holds in ((slope - price).where(power > 1e-4, 0.0) > -1e-4,  # who has power earns its price
                  (slope - price).where(power < cap - 1e-4, 0.0) < 1e-4):  # who has less than the cap earns no more
        assert bool(holds.all())
    spent = min(total, 10 * cap, 3.0)
    torch.testing.assert_close(power.sum(dim=1), torch.full((6,), spent).double(), rtol=1e-5, atol=0)


@given(SEEDS, LIMITS, LIMITS)
def test_no_admissible_design_beats_the_certificate(seed, total, cap):
    gains, generator = contexts(SMALL, seed=seed), torch.Generator().manual_seed(seed)
    constraints = request(SMALL, f"total_power<={total}", f"max_power<={cap}")
    certificate = SMALL.certify(gains, constraints)
    wild = SMALL.project(gains, 3 * torch.rand(6, 4, generator=generator) - 0.5, constraints)
    near = SMALL.project(gains, certificate.design + 0.01 * torch.randn(6, 4, generator=generator), constraints)
    for design in (wild, near, certificate.design):
        assert bool(satisfied(constraints, SMALL.measure(gains, design), 6).all())
        assert bool((SMALL.utility(gains, design) <= certificate.utility + 1e-12).all())


def test_tightening_a_request_never_raises_the_bound():
    gains = contexts(SCENARIO)
    bounds = [SCENARIO.certify(gains, request(SCENARIO, f"max_power<={cap}")).utility for cap in (0.1, 0.2, 0.4, 0.8)]
    assert bool((torch.stack(bounds).diff(dim=0) >= -1e-12).all())


@pytest.mark.parametrize("text", ["total_power<=-1", "max_power<=-0.1"])
def test_a_request_that_nothing_meets_is_said_to_be_infeasible(text):
    certificate = SCENARIO.certify(contexts(SCENARIO), request(SCENARIO, text))
    assert not bool(certificate.feasible.any())
    assert bool(certificate.utility.isnan().all())
    assert torch.equal(certificate.design, torch.zeros(6, 10))


def test_other_constraints_are_checked_on_the_optimum_and_promise_no_bound():
    gains = contexts(SCENARIO, 200)
    active = SCENARIO.measure(gains, SCENARIO.certify(gains).design)["active_channels"]
    asked = int(active.median())
    certificate = SCENARIO.certify(gains, request(SCENARIO, f"active_channels>={asked}"))
    assert certificate.kind is CertificateKind.BEST_KNOWN
    assert torch.equal(certificate.feasible, active >= asked)
    assert torch.equal(certificate.utility.isnan(), active < asked)
    assert 0 < int(certificate.feasible.sum()) < 200


# --- designs ----------------------------------------------------------------------------------------------------------
def test_labels_of_a_known_design():
    power = torch.tensor([[1.0, 0.006, 0.004, 0.0]])
    assert {name: float(value) for name, value in SMALL.measure(torch.ones(1, 4), power).items()} == pytest.approx(
        {"total_power": 1.01, "max_power": 1.0, "active_channels": 2.0})  # active from 0.01 * 2 / 4 = 0.005


def test_the_reference_is_the_better_of_the_two_heuristics():
    even, steep = torch.ones(1, 4), torch.tensor([[2.0, 0.01, 0.01, 0.01]])
    assert float(SMALL.reference_utility(even)) == pytest.approx(4 * np.log2(1.5), rel=1e-5)
    assert float(SMALL.reference_utility(steep)) == pytest.approx(np.log2(5), rel=1e-5)
    gains = contexts(SMALL, 50)
    assert bool((SMALL.reference_utility(gains) <= SMALL.certify(gains).utility).all())
    for rule in SMALL.heuristics.values():
        torch.testing.assert_close(rule(gains).sum(dim=1), torch.full((50,), 2.0), rtol=1e-5, atol=0)


@given(SEEDS)
def test_random_starts_are_admissible_and_differ(seed):
    start = SMALL.initial_state(contexts(SMALL), torch.Generator().manual_seed(seed))
    assert torch.equal(SMALL.admissible(start), start)
    assert len(start.unique(dim=0)) == 6


def test_the_picture_fills_the_ground_up_to_the_water_level():
    gains = torch.tensor([2.0, 1.6, 1.25, 1.0])  # ground 0.5, 0.625, 0.8, 1: two watts cover all of it
    axes, = SMALL.picture(gains, SMALL.certify(gains[None]).design, title="a title").axes
    assert axes.get_title() == "a title"
    ground, water = (area.get_paths()[0].vertices[:, 1].max() for area in axes.collections)
    assert ground == pytest.approx(1.0)
    assert water == pytest.approx((2 + 0.5 + 0.625 + 0.8 + 1) / 4, rel=1e-5)
