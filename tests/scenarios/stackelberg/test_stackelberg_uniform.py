"""The optimal uniform price against a fine grid, with and without constraints; the nearest price against the grid."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.stackelberg import Stackelberg

SEEDS = st.integers(0, 2**31)
SCENARIOS = {layers: Stackelberg.create(layers=layers, devices=6) for layers in ("continuous", "integer")}
GRID = np.linspace(0.01, 2, 20_001)
REQUESTS = [("payment<=15",), ("payment>=30", "max_price<=1.5"), ("offload_ratio>=0.6",), ("offload_ratio<=0.3",),
            ("max_price<=0.25",), ("max_price>0.5",), ("fairness>=0.9",), ("fairness<=0.7",), ("participation>=0.9",),
            ("not participation>=0.9",), ("profit<=100",), ("profit>=125", "fairness>=0.93"),
            ("payment<=20", "offload_ratio>=0.4", "fairness>=0.8")]
BOTH = pytest.mark.parametrize("layers", list(SCENARIOS))


def contexts(scenario, seed=0, count=4):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def on_grid(scenario, context, constraints=()):
    """Return utility of every price of the grid, computed device by device, minus infinity where it is not allowed."""
    n, values = scenario.parameters.devices, context.double().numpy()
    capacity, taste, cost = (1 + values[:n] - 0.116) / 0.358, values[n:2 * n], values[2 * n]
    price = GRID.astype(np.float32).astype(np.float64)
    layers = np.stack([answer(scenario.whole, k, alpha, price) for k, alpha in zip(capacity, taste, strict=True)])
    utility = 30.0 * n - price * layers.sum(0) - cost * 0.358 * (12 * n - layers.sum(0))
    squares = (layers**2).sum(0)
    labels = {"payment": price * layers.sum(0), "offload_ratio": layers.sum(0) / (12 * n), "max_price": price,
              "fairness": np.where(squares > 0, layers.sum(0) ** 2 / np.maximum(n * squares, 1e-300), 1.0),
              "profit": utility, "participation": (layers > 0).mean(0)}
    allowed = satisfied(constraints, {name: torch.from_numpy(value) for name, value in labels.items()}, len(price))
    return np.where(allowed.numpy(), utility, -np.inf)


def answer(whole, capacity, taste, price):
    if not whole:
        return np.clip(capacity - taste / price, 0, 12)
    level = np.arange(13)[:, None]
    kept = np.maximum(capacity - level, 1e-300)
    earned = np.where(capacity > level, price * level + taste * np.log(kept), -np.inf)
    return 12 - (earned[::-1] >= earned.max(0) - 1e-13).argmax(0).astype(float)


def steepest(context, certificate, row):
    """Return a bound on the slope of the utility of continuous layers near the optimal price."""
    price = float(certificate.design[row, 0]) * 0.99
    return 12 * 6 + float(context[12]) * 0.358 * float(context[6:12].sum()) / price**2


@BOTH
@settings(max_examples=30)
@given(seed=SEEDS)
def test_no_price_of_a_fine_grid_beats_the_optimum(layers, seed):
    scenario = SCENARIOS[layers]
    drawn = contexts(scenario, seed, 2)
    certificate = scenario.certify(drawn)
    for row, context in enumerate(drawn):
        best = on_grid(scenario, context).max()
        assert best <= float(certificate.utility[row]) + 1e-9
        # Between two prices of the grid the optimum gains at most what a step of the price costs.
        assert float(certificate.utility[row]) - best <= 12 * 6 * (GRID[1] - GRID[0]) + (3 if scenario.whole else 0)
    torch.testing.assert_close(scenario.utility(drawn, certificate.design), certificate.utility, rtol=0, atol=1e-9)
    assert certificate.kind is CertificateKind.EXHAUSTIVE


def test_when_every_device_answers_with_a_part_the_optimum_is_the_square_root_formula():
    scenario = Stackelberg.create(layers="continuous", devices=3)
    power, taste, cost = torch.tensor([2.0, 2.5, 3.0]), torch.tensor([0.8, 0.9, 1.0]), torch.tensor([3.0])
    context = torch.cat([power, taste, cost])[None]
    capacity = (1 + power - 0.116) / 0.358
    expected = (3.0 * 0.358 * taste.sum() / capacity.sum()).sqrt()
    design = scenario.certify(context).design[0]
    assert float(design[0]) == pytest.approx(float(expected), rel=1e-6)
    torch.testing.assert_close(12 * design[1:], capacity - taste / expected, rtol=1e-5, atol=0)
    assert bool((design[1:] > 0).all() and (design[1:] < 1).all())


def test_whole_layers_are_bought_at_a_threshold():
    scenario = SCENARIOS["integer"]
    drawn = contexts(scenario, count=20)
    design = scenario.certify(drawn).design
    thresholds = scenario.game(drawn).devices.thresholds().flatten(1)
    assert float((thresholds - design[:, :1]).abs().amin(1).max()) < 1e-6


@BOTH
@pytest.mark.parametrize("texts", REQUESTS)
def test_the_constrained_optimum_is_that_of_the_grid(layers, texts):
    scenario = SCENARIOS[layers]
    drawn, constraints = contexts(scenario), parse(texts, scenario.labels)
    certificate = scenario.certify(drawn, constraints)
    labels = scenario.measure(drawn, certificate.design)
    assert bool(satisfied(constraints, labels, len(drawn))[certificate.feasible].all())
    for row, context in enumerate(drawn):
        best = on_grid(scenario, context, constraints).max()
        if not bool(certificate.feasible[row]):
            assert best == -np.inf
            assert bool(certificate.utility[row].isnan())
            continue
        assert best <= float(certificate.utility[row]) + 1e-9
        if not scenario.whole and best > -np.inf:
            assert float(certificate.utility[row]) - best <= (GRID[1] - GRID[0]) * steepest(context, certificate, row)


@BOTH
@settings(max_examples=8)
@given(seed=SEEDS, texts=st.sampled_from(REQUESTS))
def test_projection_finds_the_nearest_price_that_meets_the_request(layers, seed, texts):
    scenario = SCENARIOS[layers]
    drawn, constraints = contexts(scenario, seed), parse(texts, scenario.labels)
    given_price = 0.01 + torch.rand(4, 1, generator=torch.Generator().manual_seed(seed))
    design = torch.cat([given_price, torch.zeros(4, 6)], 1)
    projected = scenario.project(drawn, design, constraints)
    met = satisfied(constraints, scenario.measure(drawn, projected), 4)
    assert torch.equal(met, scenario.certify(drawn, constraints).feasible)
    for row, context in enumerate(drawn):
        allowed = GRID[np.isfinite(on_grid(scenario, context, constraints))]
        if len(allowed):
            distance = abs(float(projected[row, 0]) - float(given_price[row]))
            assert distance <= np.abs(allowed - float(given_price[row])).min() + 1e-6
    assert torch.equal(scenario.project(drawn, projected, constraints), projected)


def test_a_request_that_nothing_meets_is_said_to_be_impossible():
    scenario = SCENARIOS["continuous"]
    constraints = parse(["offload_ratio>=0.99", "max_price<=0.2"], scenario.labels)
    certificate = scenario.certify(contexts(scenario), constraints)
    assert not bool(certificate.feasible.any())
    assert bool(certificate.proven_infeasible.all())
    assert bool(certificate.utility.isnan().all())
