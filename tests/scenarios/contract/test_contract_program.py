"""The linear programs against a general solver, against their own prices, and against requests nothing meets."""

import numpy as np
import pytest
import torch
from contract_reference import everybody_signs

from aign.scenarios.contract import Contract
from aign.scenarios.contract import program as programs
from aign.scenarios.contract.program import Program
from aign.scenarios.core.constraints import parse

SCENARIO = Contract.create(types=3)
CONTEXTS = SCENARIO.draw_contexts(12, torch.Generator().manual_seed(0))
MARKET = SCENARIO.market(CONTEXTS)


def program(row, *texts, served=3, strict=False, scenario=SCENARIO, market=MARKET):
    return Program(market.row(row), parse(texts, scenario.labels), served, strict)


def values(menu):
    return np.concatenate([menu.speed, menu.reward])


def extra_rows(row, payment=None, provider=None):
    """Return the same requests as rows of the general solver."""
    share, cost, none = MARKET.share[row].numpy(), MARKET.cost[row].numpy(), np.zeros(3)
    rows = []
    if payment is not None:
        rows.append((np.concatenate([none, -50 * share]), -payment))
    if provider is not None:
        rows.append((np.concatenate([-share * cost, share]), provider))
    return rows


@pytest.mark.parametrize("row", range(6))
@pytest.mark.parametrize(("texts", "options", "rows"), [
    ((), {}, {}),
    (("payment<=235",), {}, {"payment": 235}),
    (("payment<=260", "provider_utility>=1.5"), {}, {"payment": 260, "provider": 1.5}),
    (("ir_slack>=0.4", "ic_slack>=0.02"), {"rational": 0.4, "compatible": 0.02}, {}),
    (("latency<=10",), {"latency": 10}, {}),
])
def test_the_bound_agrees_with_a_general_solver(row, texts, options, rows):
    options = dict(options)
    if "latency" in options:
        options["lowest"] = max(1.0, float(MARKET.longest[row]) / options.pop("latency"))
    if options.get("lowest", 1.0) > 4:
        assert program(row, *texts).solve() is None
        return
    truth = everybody_signs(MARKET.share[row].numpy(), MARKET.cost[row].numpy(), 5.0, 1.0, 4.0, reward_max=10.0,
                            extra=extra_rows(row, **rows), **options)
    found = program(row, *texts).solve()
    assert (found is None) == (truth is None)
    if found is not None:
        assert found.cost <= truth + 1e-7  # never above the true optimum
        assert found.cost == pytest.approx(truth, abs=5e-4 if "compatible" in options else 5e-5)


@pytest.mark.parametrize("text", ["payment<=235", "payment>=330", "provider_utility<=1.6", "provider_utility>=2.5",
                                  "ir_slack>=0.5", "ic_slack>=0.05"])
def test_prices_are_what_one_more_unit_of_the_threshold_adds(text):
    constraint, = parse([text], SCENARIO.labels)
    step, checked = 1e-4, 0
    for row in range(12):
        near = [program(row, str(constraint.at(constraint.threshold + move))).solve() for move in (-step, step)]
        if None not in near:
            slope = (near[0].cost - near[1].cost) / (2 * step)
            assert program(row, text).solve().prices[constraint] == pytest.approx(slope, abs=2e-3)
            checked += abs(slope) > 1e-3
    assert checked > 0


@pytest.mark.parametrize("texts", [("payment<=100",), ("latency<=0.5",), ("latency<=-1",), ("ir_slack>=9",),
                                   ("ic_slack>=9",), ("provider_utility>=9",), ("payment>=600",),
                                   ("payment<=250", "provider_utility>=4")])
def test_what_no_menu_meets_is_proven(texts):
    for row in range(12):
        assert program(row, *texts).solve() is None
        assert program(row, *texts).nearest(np.ones(3), np.ones(3)) is None


@pytest.mark.parametrize("steps", [0, 22])  # before there is any menu; after the first tangents
def test_where_the_solver_gives_up_the_cost_is_never_too_high(monkeypatch, steps):
    whole = [program(row, "payment<=260").solve().cost for row in range(12)]
    monkeypatch.setattr(programs, "OPTIONS", {**programs.OPTIONS, "maxiter": steps, "presolve": False})
    short = [program(row, "payment<=260").solve() for row in range(12)]
    assert all(found is not None and 0 < found.cost <= cost for found, cost in zip(short, whole, strict=True))
    assert min(found.cost - cost for found, cost in zip(short, whole, strict=True)) < -1e-6
    assert [found.menu is None and found.prices == {} for found in short] == [steps == 0] * 12
    assert steps or program(0).nearest(np.ones(3), np.ones(3)) is None


def test_fewer_types_cost_less_but_may_be_too_few():
    for row in range(5):
        costs = [program(row, served=served).solve().cost for served in (0, 1, 2, 3)]
        assert costs[0] == 0
        assert costs == sorted(costs)
        assert program(row, "served>=1", served=2).solve() is None
        assert program(row, "served>=1").solve() is not None
        assert program(row, "ir_slack>=0", served=2).solve() is None
        assert program(row, "payment>=1", served=0).solve() is None
        assert program(row, "payment<=1", served=0).solve() is not None


@pytest.mark.parametrize("texts", [(), ("payment<=240",), ("ir_slack>=0.3", "ic_slack>=0.01"), ("latency<=12",),
                                   ("ir_slack<=0.1",), ("latency>=4",), ("monotonicity>=0.1",)])
def test_the_nearest_menu_stays_where_it_is_met_and_no_other_is_nearer(texts):
    generator = np.random.default_rng(0)
    for row in range(6):
        wanted = program(row, *texts, strict=True)
        speed, reward = generator.uniform(1, 4, 3), generator.uniform(0, 10, 3)
        found = wanted.nearest(speed, reward)
        if found is None:
            continue
        again = wanted.nearest(found.speed, found.reward)
        np.testing.assert_allclose(values(again), values(found), atol=1e-7)
        distance = np.abs(values(found) - np.concatenate([speed, reward])).sum()
        other = wanted.solve()
        if other is not None:
            assert distance <= np.abs(values(other.menu) - np.concatenate([speed, reward])).sum() + 1e-7
