"""Requests on two and three users are held against every design there is."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import satisfied
from aign.scenarios.power_allocation.physics import P_MAX
from aign.trajectories.contexts import ContextPool
from studies import request_anchors, request_drawing, request_sets
from studies.request_sets import FAMILIES, HELD_OUT, HELD_OUT_PAIRS, INFEASIBLE, WORST_USER, StudyRequest


def contexts_of(users, count=10):
    scenario = registry.create("power-allocation", users=users)
    return scenario, ContextPool.draw(scenario, {"test": count}, seed=4)["test"]


def everything(scenario, context):
    """All designs with their utilities and labels."""
    level = torch.arange(P_MAX + 1.0)
    grid = torch.cartesian_prod(*[level] * scenario.state_size)
    repeated = context.expand(len(grid), -1)
    return grid, scenario.utility(repeated, grid), scenario.measure(repeated, grid)


def drawn(users, family, count, seed=0):
    scenario, contexts = contexts_of(users)
    generator = torch.Generator().manual_seed(seed)
    return scenario, *request_drawing.draw(scenario, contexts, family, count, generator)


@pytest.mark.parametrize(("users", "family", "count"), [(2, "single", 12), (2, "pair", 9), (3, "single", 6),
                                                        (3, "pair", 6)])
def test_feasible_requests_are_feasible_and_every_constraint_costs_something(users, family, count):
    scenario, requests, draws = drawn(users, family, count)
    assert len(requests) == count <= draws
    for one in requests:
        _, utility, labels = everything(scenario, one.context)
        met = satisfied(one.constraints, labels, len(utility))
        assert bool(met.any())
        best = float(utility[met].max())
        if one.certified:
            assert best <= one.optimum * (1 + 1e-9)
        else:
            assert one.optimum <= best * (1 + 1e-9)  # best known: reached by some design
        assert one.optimum >= 0.9 * one.free
        free = scenario.certify(one.context[None]).design
        values = scenario.measure(one.context[None], free)
        assert not any(bool(constraint.holds(values[constraint.label])) for constraint in one.constraints)


def test_the_optimum_of_two_users_is_the_best_of_all_designs():
    scenario, requests, _ = drawn(2, "pair", 9)
    for one in requests:
        _, utility, labels = everything(scenario, one.context)
        assert one.certified
        assert one.optimum == float(utility[satisfied(one.constraints, labels, len(utility))].max())


@pytest.mark.parametrize(("users", "count"), [(2, 24), (3, 12)])
def test_no_design_meets_an_infeasible_request_but_a_slightly_laxer_one_is_met(users, count):
    scenario, requests, _ = drawn(users, INFEASIBLE, count)
    for one in requests:
        _, utility, labels = everything(scenario, one.context)
        assert not bool(satisfied(one.constraints, labels, len(utility)).any())
        assert math.isnan(one.optimum)
        first, *rest = one.constraints
        assert 0.01 <= one.tightness[0] <= 0.3
        closed = [other for other in rest if other.label in (*WORST_USER, *request_sets.POWER)]
        laxer = first.at(lax(first, one.tightness[0]))
        assert bool(satisfied([laxer, *closed], labels, len(utility)).any()), f"{first} {laxer}"


def lax(constraint, share):
    """The threshold the share lies beyond, a little relaxed for the rounding."""
    if constraint.label == "min_sinr_db":
        return constraint.threshold - 10 * math.log10(1 + share) - 0.01
    if constraint.upper:
        return (constraint.threshold + 1) / (1 - share)  # whole levels are rounded down
    return constraint.threshold / (1 + share) * 0.999


def test_two_labels_of_one_meaning_and_the_held_out_pairs_are_never_in_ordinary_requests():
    scenario, _ = contexts_of(2, 1)
    for family in ("single", "pair", "triple"):
        for labels in request_drawing.label_sets(scenario, family):
            assert len(set(labels)) == request_sets.SIZES[family]
            assert not set(WORST_USER) <= set(labels)
            assert not any(set(pair) <= set(labels) for pair in HELD_OUT_PAIRS)
    assert set(request_drawing.label_sets(scenario, HELD_OUT)) == set(HELD_OUT_PAIRS)
    assert len(request_drawing.label_sets(scenario, "single")) == 6
    assert len(request_drawing.label_sets(scenario, "pair")) == 15 - 1 - 2


def test_held_out_pairs_are_drawn_on_many_users():
    _, requests, draws = drawn(20, HELD_OUT, 2)
    assert [{one.label for one in asked.constraints} for asked in requests] == [set(pair) for pair in HELD_OUT_PAIRS]
    assert draws >= 2
    assert all(asked.certified and asked.optimum <= asked.free for asked in requests)


def test_the_fairest_design_has_the_greatest_worst_rate_of_all():
    for users in (2, 3):
        scenario, contexts = contexts_of(users, 3)
        for context in contexts.values:
            _, _, labels = everything(scenario, context)
            found = scenario.measure(context[None], request_anchors.fairest(scenario, context)[None])["min_rate"]
            assert float(found) == pytest.approx(float(labels["min_rate"].max()), rel=1e-5)


def test_the_most_efficient_design_is_near_the_best_with_nobody_silent():
    scenario, contexts = contexts_of(2, 4)
    designs = request_anchors.most_efficient(scenario, contexts.values)
    assert bool((designs >= 1).all())
    found = scenario.measure(contexts.values, designs)["energy_efficiency"]
    for context, value in zip(contexts.values, found, strict=True):
        grid, _, labels = everything(scenario, context)
        best = labels["energy_efficiency"][(grid >= 1).all(dim=1)].max()
        assert 0.98 * float(best) <= float(value) <= float(best)


def test_the_same_seed_draws_the_same_requests_which_survive_json():
    scenario, first, _ = drawn(2, "pair", 5, seed=3)
    _, again, _ = drawn(2, "pair", 5, seed=3)
    _, other, _ = drawn(2, "pair", 5, seed=4)
    as_json = [one.to_json() for one in first]
    assert as_json == [one.to_json() for one in again] != [one.to_json() for one in other]
    for one, values in zip(first, json.loads(json.dumps(as_json)), strict=True):
        back = StudyRequest.from_json(values, scenario)
        assert torch.equal(back.context, one.context)
        assert back.constraints == one.constraints
        assert (back.optimum, back.certified, back.family) == (one.optimum, one.certified, one.family)


def test_an_infeasible_request_survives_json():
    scenario, requests, _ = drawn(2, INFEASIBLE, 2)
    back = StudyRequest.from_json(json.loads(json.dumps(requests[0].to_json(), allow_nan=False)), scenario)
    assert math.isnan(back.optimum)
    assert back.constraints == requests[0].constraints


def test_a_family_without_feasible_requests_ends_with_fewer(monkeypatch):
    monkeypatch.setattr(request_drawing, "ATTEMPTS", 20)
    _, requests, draws = drawn(2, HELD_OUT, 3)
    assert len(requests) < 3
    assert draws >= 2 * 20
    statistics = request_sets.statistics(requests, draws)
    assert statistics["requests"] == len(requests)


def test_statistics_say_how_tight_and_how_costly():
    _, requests, draws = drawn(2, "pair", 6)
    found = request_sets.statistics(requests, draws)
    shares = [share for one in requests for share in one.tightness]
    assert found["tightness"]["mean"] == pytest.approx(sum(shares) / 12)
    assert found["tightness"]["least"] == min(shares)
    cost = found["constrained_over_free_utility"]
    assert cost["greatest"] == pytest.approx(max(one.optimum / one.free for one in requests))
    assert found["accepted_draws"] == 6 / draws
    assert sum(found["sets_of_labels"].values()) == 6


@given(st.floats(0.01, 0.3), st.sampled_from(["min_rate", "min_sinr_db", "total_power", "max_power"]))
def test_beyond_is_a_share_of_the_edge(share, label):
    edge = -18.0 if label == "min_sinr_db" else 7.0
    found = request_anchors.beyond(label, edge, share)
    if label == "min_sinr_db":
        assert 10 ** (found / 10) == pytest.approx((1 + share) * 10 ** (edge / 10))
    else:
        assert found == pytest.approx(edge * (1 - share if label in request_sets.POWER else 1 + share))


def test_thresholds_lie_between_the_optimum_and_the_extreme():
    scenario, contexts = contexts_of(3, 4)
    anchors = request_anchors.Anchors.of(scenario, contexts.values)
    assert set(anchors.optimum) == set(anchors.extreme)
    for label in scenario.labels:
        ends = [anchors.threshold(label.name, 1, share) for share in (0.0, 0.5, 1.0)]
        assert ends[0] == float(anchors.optimum[label.name][1])
        assert ends[2] == pytest.approx(float(anchors.extreme[label.name][1]))
        assert ends[1] == pytest.approx((ends[0] + ends[2]) / 2)
        harder = ends[2] < ends[0] if label.better == "lower" else ends[2] > ends[0]
        assert harder or ends[2] == ends[0]
    assert len(FAMILIES) == 4
