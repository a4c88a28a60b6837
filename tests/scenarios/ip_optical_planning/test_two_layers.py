"""Lightpaths over fibres: candidates, what plans may be asked for, and optima against a program with all flows."""

import numpy as np
import pytest
from flow_program import least_cost
from small_networks import routed

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology, load
from aign.scenarios.ip_optical_planning import two_layers
from aign.scenarios.ip_optical_planning.solver.answers import Answer, Limits
from aign.scenarios.ip_optical_planning.solver.search import Search
from aign.scenarios.ip_optical_planning.two_layers import Prices


def ring(nodes=4):
    ends = np.array([[node, (node + 1) % nodes] for node in range(nodes)])
    return Topology("ring", tuple("ABCDEFG"[:nodes]), np.zeros((nodes, 2)), ends, np.full(nodes, 50_000.0),
                    np.array([[0, 2]]), np.array([1.0]))


def demand(seed, nodes=4):
    values = np.random.default_rng(seed).integers(0, 3, (nodes, nodes)).astype(float) / 4
    return np.triu(values, 1) + np.triu(values, 1).T


def test_candidates_run_over_shortest_paths_and_hold_all_direct_ones():
    lightpaths = two_layers.candidates(ring(), paths=2)
    assert lightpaths.direct.sum() == 4
    assert len(lightpaths) == 4 + 4 + 2 * 2  # direct ones, the other way round, two ways to the opposite node
    assert sorted(lightpaths.over.sum(0).tolist()) == [1] * 4 + [2] * 4 + [3] * 4
    assert lightpaths.length.tolist() == (500.0 * lightpaths.over.sum(0)).tolist()
    assert len(two_layers.candidates(ring(), paths=2, hops=1)) == 4
    assert len(two_layers.candidates(load("polska"), paths=2)) == 132


def test_prices_count_ports_and_regenerators():
    assert Prices().lightpath(1500.0) == 3.0
    assert Prices().lightpath(1500.1) == 4.0
    assert Prices(port=2, regeneration=5, reach=100).lightpath(350) == 4 + 3 * 5


@pytest.mark.parametrize("wanted", [{}, {"routed": False, "share": 0.5}, {"spare": 1}, {"survived": 0.5},
                                    {"spare": 1, "survived": 0.75, "share": 0.8}])
def test_the_answer_is_that_of_the_program_with_all_flows(wanted):
    topology, lightpaths = ring(), two_layers.candidates(ring(), paths=1)
    instance = two_layers.instance(topology, demand(1), 1.0, lightpaths, Prices(fibre=0.002, channels=3), **wanted)
    answer = Search(instance).run()
    assert answer.cost == pytest.approx(least_cost(instance))
    assert answer.gap == pytest.approx(0, abs=1e-9)
    modules, pairs = np.split(answer.plan, [len(lightpaths)])
    assert ((3 - wanted.get("spare", 0)) * pairs >= lightpaths.over @ modules).all()
    assert len(answer.dropped) <= round((1 - wanted.get("survived", 1)) * topology.links)


def test_a_budget_is_met_or_proven_too_small():
    instance = two_layers.instance(ring(), demand(1), 1.0, two_layers.candidates(ring(), paths=1))
    least = Search(instance).run().cost
    assert Search(instance, Limits(budget=least)).run().within(least) is True
    enough = Search(instance, Limits(budget=2 * least)).run()
    assert enough.cost <= 2 * least
    small = Search(instance, Limits(budget=0.9 * least)).run()
    assert small.within(0.9 * least) is False
    assert Answer(small.plan, small.cost, 0.0).within(0.9 * least) is None


def test_nothing_to_route_costs_nothing():
    instance = two_layers.instance(ring(), demand(1), 1.0, two_layers.candidates(ring(), 1), routed=False, survived=0.0)
    answer = Search(instance).run()
    assert (answer.cost, answer.gap, answer.plan.sum()) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"survived": -0.1}, {"spare": 8}])
def test_shares_lie_between_0_and_1_and_a_channel_is_left(wrong):
    with pytest.raises(ParameterError, match="shares from 0 to 1, and 0 to 7 spare channels"):
        two_layers.instance(ring(), demand(1), 1.0, two_layers.candidates(ring()), **wrong)


def test_bypass_is_cheaper_than_direct_lightpaths_and_survives_every_fibre_cut():
    topology, traffic = ring(), demand(1)
    cost = {}
    for paths in (0, 2):
        lightpaths = two_layers.candidates(topology, paths)
        instance = two_layers.instance(topology, traffic, 1.0, lightpaths, Prices(fibre=0.0005))
        answer = Search(instance).run()
        cost[paths] = answer.cost
        modules = answer.plan[:len(lightpaths)]
        for cut in range(topology.links):
            dead = lightpaths.over[cut]
            scenario = instance.failures.dead.tolist().index(dead.tolist()) + 1
            assert routed(instance, modules, scenario)
    assert cost[2] <= cost[0]


def test_no_paths_below_zero_and_no_hops_below_one():
    for wrong in ({"paths": -1}, {"hops": 0}):
        with pytest.raises(ParameterError, match="allowed: 0 or more paths, 1 or more hops"):
            two_layers.candidates(ring(), **wrong)
