"""Heuristics survive everything and lie between the optimum and shortest paths."""

import pytest
import torch

from aign.scenarios.ip_optical_planning import IpOpticalPlanning

POLSKA = IpOpticalPlanning.create()


@pytest.fixture(scope="module")
def contexts():
    return torch.cat([POLSKA.presets["published"][None], POLSKA.draw_contexts(7, torch.Generator().manual_seed(0))])


def test_shortest_paths_cost_what_was_measured(contexts):
    cost = POLSKA.measure(contexts, POLSKA.heuristics["shortest_path"](contexts))["cost"]
    assert float(cost[0]) == pytest.approx(1.039e7, rel=1e-3)
    assert float(cost[0] / POLSKA.measure(contexts[:1], POLSKA.certify(contexts[:1]).design)["cost"]) == pytest.approx(
        1.367, abs=1e-3)


@pytest.mark.parametrize(("name", "most"), [("reverse_delete", 1.12), ("round_up", 1.10)])
def test_better_rules_survive_and_come_close_to_the_optimum(contexts, name, most):
    found = POLSKA.heuristics[name](contexts)
    labels, best = POLSKA.measure(contexts, found), POLSKA.measure(contexts, POLSKA.certify(contexts).design)
    assert bool((labels["reliability"] == 1).all())
    assert bool((labels["ip"] == 1).all())
    ratio = labels["cost"] / best["cost"]
    assert bool((ratio >= 1 - 1e-12).all())
    assert float(ratio.mean()) <= most


def test_reverse_deletion_only_takes_away(contexts):
    assert bool((POLSKA.heuristics["reverse_delete"](contexts) <= POLSKA.heuristics["shortest_path"](contexts)).all())


def test_rules_do_not_look_at_their_neighbours(contexts):
    for rule in POLSKA.heuristics.values():
        assert torch.equal(rule(contexts[:3]), torch.cat([rule(row[None]) for row in contexts[:3]]))
