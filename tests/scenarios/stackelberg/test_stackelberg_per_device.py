"""Prices per device under a shared budget: against a general solver, brute force, and relaxed requests."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, NonlinearConstraint, minimize

from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.stackelberg import Stackelberg

SEEDS = st.integers(0, 2**31)
CONTINUOUS = Stackelberg.create(prices="per-device", layers="continuous", devices=5)
WHOLE = Stackelberg.create(prices="per-device", layers="integer", devices=3)
REQUESTS = [(), ("payment<=4",), ("max_price<=0.2",), ("offload_ratio>=0.45",), ("payment<=9", "max_price<=0.3"),
            ("offload_ratio>=0.4", "max_price<=0.3"), ("payment<=6", "offload_ratio>=0.3", "max_price<=0.4")]


def contexts(scenario, seed=0, count=4):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def limits(texts):
    given_limits = {constraint.label: constraint.threshold for constraint in parse(texts, CONTINUOUS.labels)}
    return given_limits.get("payment", np.inf), given_limits.get("max_price", 2.0), given_limits.get("offload_ratio", 0)


def types(scenario, context):
    n, values = scenario.parameters.devices, context.double().numpy()
    return (1 + values[:n] - 0.116) / 0.358, values[n:2 * n], values[2 * n], values[2 * n + 1]


def solve(context, texts):
    """Return the best utility over layers by sequential quadratic programming, NaN where it finds none."""
    capacity, taste, cost, budget = types(CONTINUOUS, context)
    payment, cap, ratio = limits(texts)
    top = np.clip(capacity - taste / cap, 0, 12)

    def paid(layers):
        return (taste * layers / (capacity - layers)).sum()

    def slope(layers):
        return taste * capacity / (capacity - layers) ** 2

    saving = cost * 0.358
    found = minimize(lambda x: paid(x) - saving * x.sum(), top / 2, jac=lambda x: slope(x) - saving, method="SLSQP",
                     bounds=[(0, t) for t in top], options={"ftol": 1e-12, "maxiter": 500}, constraints=[
                         NonlinearConstraint(paid, -np.inf, min(budget, payment), jac=slope),
                         LinearConstraint(np.ones((1, 5)), ratio * 60, np.inf)])
    return 150 - saving * 60 - found.fun if found.success else np.nan


@pytest.mark.parametrize("texts", REQUESTS)
def test_continuous_layers_agree_with_a_general_solver(texts):
    drawn, constraints = contexts(CONTINUOUS, count=8), parse(texts, CONTINUOUS.labels)
    certificate = CONTINUOUS.certify(drawn, constraints)
    truth = np.array([solve(context, texts) for context in drawn])
    assert np.array_equal(np.isnan(truth), certificate.utility.isnan().numpy())
    known = certificate.feasible
    assert torch.equal(known, ~certificate.utility.isnan())
    np.testing.assert_allclose(certificate.utility[known], truth[known.numpy()], atol=1e-6)
    earned = CONTINUOUS.utility(drawn, certificate.design)[known]
    np.testing.assert_allclose(earned, certificate.utility[known], atol=1e-4)
    assert bool((earned <= certificate.utility[known] + 1e-9).all())
    assert bool(satisfied(constraints, CONTINUOUS.measure(drawn, certificate.design), 8)[known].all())


def brute_force(context, texts):
    """Return the best utility over all 13^3 assignments of whole layers, each at its cheapest price."""
    capacity, taste, cost, budget = types(WHOLE, context)
    payment, cap, ratio = limits(texts)
    price = np.full((3, 13), 0.01)
    for device, level in product(range(3), range(1, 13)):
        k = capacity[device]
        price[device, level] = taste[device] * np.log((k - level + 1) / (k - level)) if k > level else np.inf
    best = -np.inf
    for chosen in product(range(13), repeat=3):
        paid = sum(price[device, level] * level for device, level in enumerate(chosen) if level)
        highest = max(price[device, level] for device, level in enumerate(chosen))
        if paid <= min(budget, payment) and highest <= cap and sum(chosen) >= 36 * ratio:
            best = max(best, 90 - paid - cost * 0.358 * (36 - sum(chosen)))
    return best


@pytest.mark.parametrize("texts", [(), ("payment<=3",), ("max_price<=0.2",), ("offload_ratio>=0.5",),
                                   ("payment<=3", "max_price<=0.15", "offload_ratio>=0.3")])
def test_whole_layers_agree_with_brute_force(texts):
    drawn, constraints = contexts(WHOLE, seed=1), parse(texts, WHOLE.labels)
    certificate = WHOLE.certify(drawn, constraints)
    truth = np.array([brute_force(context, texts) for context in drawn])
    assert np.array_equal(np.isfinite(truth), certificate.feasible.numpy())
    known = certificate.feasible
    np.testing.assert_allclose(certificate.utility[known], truth[known.numpy()], atol=1e-5)
    torch.testing.assert_close(WHOLE.utility(drawn, certificate.design)[known], certificate.utility[known], rtol=0,
                               atol=1e-9)
    assert bool(satisfied(constraints, WHOLE.measure(drawn, certificate.design), 4)[known].all())
    assert certificate.kind is CertificateKind.EXHAUSTIVE


@settings(max_examples=25)
@given(SEEDS)
def test_no_settled_prices_beat_the_certificate(seed):
    generator = torch.Generator().manual_seed(seed)
    for scenario in (CONTINUOUS, WHOLE):
        drawn, n = contexts(scenario, seed), scenario.prices
        certificate = scenario.certify(drawn)
        wild = torch.rand(4, 2 * n, generator=generator)
        near = certificate.design * (1 + 0.05 * torch.randn(4, 2 * n, generator=generator))
        for design in (wild, near, certificate.design):
            assert bool((scenario.utility(drawn, design) <= certificate.utility + 1e-9).all())
            assert bool((scenario.measure(drawn, design)["payment"] <= drawn[:, -1].double()).all())


def test_constraints_without_a_closed_form_leave_an_upper_bound():
    drawn, constraints = contexts(CONTINUOUS, count=40), parse(["fairness>=0.9"], CONTINUOUS.labels)
    certificate, free = CONTINUOUS.certify(drawn, constraints), CONTINUOUS.certify(drawn)
    assert certificate.kind is CertificateKind.UPPER_BOUND
    assert "checked" in certificate.statement
    torch.testing.assert_close(certificate.utility, free.utility)
    fair = CONTINUOUS.measure(drawn, free.design)["fairness"] >= 0.9
    assert torch.equal(certificate.feasible, fair)
    assert not bool(certificate.proven_infeasible.any())


def test_a_required_profit_beyond_the_optimum_is_impossible():
    drawn = contexts(CONTINUOUS)
    optimum = CONTINUOUS.certify(drawn).utility
    certificate = CONTINUOUS.certify(drawn, parse([f"profit>={float(optimum.median())}"], CONTINUOUS.labels))
    assert torch.equal(certificate.proven_infeasible, optimum < optimum.median() * (1 - 1e-9))


@pytest.mark.parametrize("scenario", [CONTINUOUS, WHOLE], ids=["continuous", "integer"])
@pytest.mark.parametrize("texts", REQUESTS)
def test_projection_meets_every_request_that_can_be_met(scenario, texts):
    drawn, constraints = contexts(scenario, seed=2, count=16), parse(texts, scenario.labels)
    wild = 1.2 * torch.rand(16, 2 * scenario.prices, generator=torch.Generator().manual_seed(3))
    projected = scenario.project(drawn, wild, constraints)
    met = satisfied(constraints, scenario.measure(drawn, projected), 16)
    assert torch.equal(met, scenario.certify(drawn, constraints).feasible)
    kept = scenario.project(drawn, projected, constraints)
    assert torch.equal(kept[met], projected[met])


@pytest.mark.parametrize("text", ["payment<=-1", "max_price<=0.001", "offload_ratio>=0.99"])
def test_requests_beyond_all_bounds_are_impossible(text):
    for scenario in (CONTINUOUS, WHOLE):
        certificate = scenario.certify(contexts(scenario), parse([text], scenario.labels))
        assert bool(certificate.proven_infeasible.all())
        assert bool(certificate.utility.isnan().all())
