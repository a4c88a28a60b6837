"""Cuts against enumeration by another library."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from planning_reference import SQUARE

from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning.cuts import MOST, Cuts


def bonds(topology):
    """Return the links of every cut with two connected sides, found one group of nodes at a time."""
    graph, found = nx.Graph(topology.ends.tolist()), set()
    for size in range(1, topology.size):
        for group in itertools.combinations(range(topology.size), size):
            rest = set(range(topology.size)) - set(group)
            if nx.is_connected(graph.subgraph(group)) and nx.is_connected(graph.subgraph(rest)):
                found.add(frozenset(link for link, (a, b) in enumerate(topology.ends.tolist())
                                    if (a in group) != (b in group)))
    return found


@pytest.mark.parametrize("topology", [SQUARE, load("polska")], ids=["square", "polska"])
def test_small_networks_have_all_cuts_that_matter_each_once(topology):
    cuts = Cuts.of(topology)
    sets = [frozenset(row.nonzero()[:, 0].tolist()) for row in cuts.crossing]
    assert len(sets) == len(set(sets)) == len(cuts)
    assert set(sets) == bonds(topology)
    assert [len(one) for one in sets] == sorted(len(one) for one in sets)


def test_a_link_that_crosses_no_cut_at_hand_is_said_to():
    crossing = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    made = Cuts.made(crossing, torch.ones(1, 2))
    assert made.covered.tolist() == [1.0, 1.0, 0.0]
    assert made.of_link.tolist() == [[0, 1], [0, 1], [0, 0]]


def test_demand_across_a_cut_is_the_sum_of_the_pairs_it_separates():
    cuts, demand = Cuts.of(SQUARE), torch.tensor([[3.0, 5.0, 2.0, 4.0]])
    around_a = [index for index, row in enumerate(cuts.crossing) if row.tolist() == [1, 0, 0, 1, 1]]
    assert cuts.demand(demand)[0, around_a].tolist() == [8.0]  # a-b 3 and a-c 5


def test_sums_do_not_depend_on_the_batch():
    cuts = Cuts.of(load("nobel-germany"))
    demand = torch.rand(33, 121, generator=torch.Generator().manual_seed(0)) * 50
    together = cuts.demand(demand)
    assert torch.equal(together, torch.cat([cuts.demand(row[None]) for row in demand]))
    backwards = (demand.double().flip(1) @ cuts.separated.flip(0))
    assert torch.equal(together, backwards)  # exact, whatever the order of summation


@pytest.mark.parametrize("name", ["nobel-us", "geant", "pioro40"])
def test_cuts_of_links_are_listed_and_large_networks_keep_to_the_limit(name):
    topology = load(name)
    cuts = Cuts.of(topology)
    assert 0 < len(cuts) <= MOST
    for link, listed in enumerate(cuts.of_link):
        assert set(listed.tolist()) == set(np.flatnonzero(cuts.crossing[:, link]).tolist())
    graph = nx.Graph(topology.ends.tolist())
    for row in cuts.crossing[:: max(1, len(cuts) // 20)]:
        left = graph.copy()
        left.remove_edges_from(topology.ends[row.numpy() > 0].tolist())
        assert nx.number_connected_components(left) == 2
