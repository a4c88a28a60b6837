"""Lightpaths over fibres: candidates, and optima against enumeration of lightpaths on small networks."""

import itertools

import numpy as np
import pytest
from small_networks import routed

from aign.errors import ParameterError
from aign.scenarios.ip_optical_planning import two_layers
from aign.scenarios.ip_optical_planning.solver.search import Search
from aign.scenarios.ip_optical_planning.topology import Topology, load
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


@pytest.mark.parametrize("seed", range(4))
def test_the_answer_is_the_cheapest_of_all_lightpaths(seed):
    topology, lightpaths = ring(), two_layers.candidates(ring(), paths=1)
    prices = Prices(fibre=0.002, channels=2)
    instance = two_layers.instance(topology, demand(seed), 1.0, lightpaths, prices)
    answer = Search(instance).run()
    most = 3
    best = np.inf
    for plan in itertools.product(range(most + 1), repeat=len(lightpaths)):
        modules = np.array(plan, float)
        pairs = np.ceil(lightpaths.over @ modules / 2)
        cost = float(modules @ instance.price + pairs @ (0.002 * topology.length / 100))
        if cost < best and all(routed(instance, modules, scenario) for scenario in range(instance.scenarios)):
            best = cost
    assert answer.cost == pytest.approx(best)
    assert answer.bound == pytest.approx(best)
    modules, pairs = np.split(answer.plan, [len(lightpaths)])
    assert (2 * pairs >= lightpaths.over @ modules).all()


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
