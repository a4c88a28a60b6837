"""Catalogue, paths, and what becomes of a design: against hand-worked figures and another library."""

import math

import networkx as nx
import pytest
import torch
from delivery_cases import every_design, triangle

from aign.errors import ParameterError
from aign.scenarios.core.topology import load
from aign.scenarios.video_delivery import bitrates, labels, rules
from aign.scenarios.video_delivery.catalogue import class_sizes, popularity
from aign.scenarios.video_delivery.paths import candidate_paths

CONTEXT = torch.tensor([[1.1, 2.2, 1.0]])


def test_popularity_is_that_of_the_ranks_in_a_class():
    sizes = class_sizes(3, 1)
    assert sizes.tolist() == [1, 2, 4]
    weights = [rank**-0.8 for rank in range(1, 8)]
    expected = [sum(part) / sum(weights) for part in (weights[:1], weights[1:3], weights[3:])]
    assert popularity(sizes, 0.8).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["polska", "nobel-germany"])
def test_paths_are_the_shortest_simple_ones(name):
    topology = load(name)
    paths = candidate_paths(topology, None, 4)
    degree = [int((topology.ends == node).sum()) for node in range(topology.size)]
    assert degree[paths.origin] == max(degree)
    graph = nx.Graph()
    graph.add_weighted_edges_from((a, b, length / 100) for (a, b), length in
                                  zip(topology.ends.tolist(), topology.length, strict=True))
    for place, node in enumerate(paths.edges.tolist()):
        every = sorted(nx.path_weight(graph, way, "weight") for way in nx.all_simple_paths(graph, node, paths.origin))
        assert paths.kilometres[place, :, -1].tolist() == pytest.approx(every[:4])
        names = [*paths.edges.tolist(), paths.origin]
        for row in paths.nodes[place].tolist():
            way = [names[number] for number in row[:row.index(len(names) - 1) + 1]]
            assert len(set(way)) == len(way)
            assert nx.is_path(graph, way)


def test_an_unknown_origin_is_refused():
    with pytest.raises(ParameterError, match=r"Gdnask.*Gdansk"):
        candidate_paths(load("polska"), "Gdnask", 2)


def design(cached, path, level):
    return torch.tensor([[*cached, *path, *level]], dtype=torch.float32)


def test_a_hand_worked_design():
    network = triangle()
    # A caches class 1; B's class 1 comes over A at 15 Mbit/s, its class 2 straight from O at 3; A's class 2 at 5.
    chosen = design([1, 0, 0, 0], [0, 0, 0, 1], [3, 2, 3, 1])
    delivery = network.simulate(CONTEXT, chosen)
    streams = [0.6, 0.5, 1.2, 1.0]  # 6/11 and 5/11 of 1.1 and 2.2 thousand
    assert delivery.streams.flatten().tolist() == pytest.approx(streams)
    assert delivery.hops.flatten().tolist() == [0, 1, 1, 1]
    assert delivery.hit.flatten().tolist() == [True, False, True, False]
    assert delivery.load[0].tolist() == pytest.approx([0.5 * 5, 1.0 * 3, 1.2 * 15])  # O-A, O-B, A-B
    assert delivery.latency.flatten().tolist() == pytest.approx([0, 1.5, 1.0, 2.5])
    worth = 0.6 * (1 + math.log(5)) + 0.5 * (1 + math.log(5 / 3)) + 1.2 * (1 + math.log(5)) + 1.0
    cost = 0.1 * 2.5 + 0.2 * 3 + 0.05 * 18 + 0.05 * 1  # 1 credit for 1 Gbit/s over 1000 km, and one title
    assert float(network.node_utility(CONTEXT, chosen).sum()) == pytest.approx((worth - cost) / 3.3)
    values = {name: float(value) for name, value in labels.measure(delivery, 30.0).items()}
    assert values == pytest.approx({
        "hit_ratio": 1.8 / 3.3, "max_load": 18 / 30, "served": 1.0, "cost": cost,
        "mean_latency": (0.5 * 1.5 + 1.2 * 1.0 + 1.0 * 2.5) / 3.3,
        "mean_bitrate": (0.6 * 15 + 0.5 * 5 + 1.2 * 15 + 1.0 * 3) / 3.3})


def test_what_crosses_an_overloaded_link_is_not_delivered_but_paid_for():
    network = triangle(capacity=17.9)
    delivery = network.simulate(CONTEXT, design([1, 0, 0, 0], [0, 0, 0, 1], [3, 2, 3, 1]))
    assert delivery.delivered.flatten().tolist() == [True, True, False, True]
    assert float(labels.measure(delivery, 17.9)["served"]) == pytest.approx(2.1 / 3.3)
    assert float(delivery.cost[0, 1]) == pytest.approx(0.05 * 18 + 0.2 * 3)


def test_nothing_served_has_no_means():
    network = triangle()
    values = labels.measure(network.simulate(CONTEXT, torch.zeros(1, 12)), 30.0)
    assert {name: float(value) for name, value in values.items()} == dict.fromkeys(values, 0.0)


# --- bitrates and rules -----------------------------------------------------------------------------------------------
def test_lowering_never_leaves_a_link_overloaded_and_touches_nothing_that_fits():
    network = triangle(capacity=9.0)
    designs = every_design(network)[::7]
    contexts = torch.tensor([[1.1, 2.2, 2.0]]).expand(len(designs), -1)
    before = network.split(designs)
    after = bitrates.lowered(network, contexts, before)
    load = network.simulate(contexts, after.designs()).load
    assert bool((load <= 9.0 * (1 + 1e-9)).all())
    fits = (network.simulate(contexts, designs).load <= 9.0).all(1)
    assert 0 < int(fits.sum()) < len(fits)
    assert torch.equal(after.level[fits], before.level[fits])
    assert torch.equal(after.cached, before.cached)
    assert bool((after.level <= before.level).all())


def test_raising_gains_and_stops_where_nothing_more_fits():
    network = triangle(capacity=9.0)
    designs = every_design(network)[::97]
    contexts = torch.tensor([[1.1, 2.2, 1.5]]).expand(len(designs), -1)
    start = bitrates.lowered(network, contexts, network.split(designs))
    end = bitrates.raised(network, contexts, start)
    before, after = (network.node_utility(contexts, each.designs()).sum(1) for each in (start, end))
    assert bool((after >= before - 1e-12).all())
    assert bool((network.simulate(contexts, end.designs()).load <= 9.0 * (1 + 1e-9)).all())
    for place in range(4):  # no single level can be raised with a gain
        more = end.level.flatten(1).clone()
        more[:, place] = (more[:, place] + 1).clamp_max(3)
        tried = network.node_utility(contexts, torch.cat([end.designs()[:, :8], more.float()], 1)).sum(1)
        assert bool((tried <= after + 1e-9).all())


def test_caches_hold_what_scores_most_and_still_fits():
    network = triangle(storage=2)
    scores = torch.tensor([[[1.0, 0.5], [0.5, 1.0]], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])
    assert rules.fitting(network, scores).tolist() == [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 0], [0, 0]]]


def test_a_cache_on_the_way_holds_what_the_one_before_it_missed():
    network = triangle(storage=1, titles=1)
    streams = torch.tensor([[[0.1, 3.0], [5.0, 1.0]]], dtype=torch.float64)
    cached = rules.least_recently_used(network, streams)
    assert cached.tolist() == [[[1, 0], [1, 0]]], "class 2 fits nowhere; what is left of class 1 at A is its own"
    roomy = triangle(storage=2)
    held = rules.least_recently_used(roomy, streams)
    assert held.tolist() == [[[0, 1], [1, 0]]], "B keeps class 1, so A is asked for class 2 by both"
