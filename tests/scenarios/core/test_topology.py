"""Topologies against networkx and the collection's own figures."""

import networkx as nx
import numpy as np
import pytest

from aign.errors import ParameterError
from aign.scenarios.core.topology import LARGEST, load, names


def graph(topology, failed=None):
    made = nx.Graph()
    made.add_nodes_from(range(topology.size))
    made.add_weighted_edges_from((a, b, topology.length[link]) for link, (a, b) in enumerate(topology.ends.tolist())
                                 if link != failed)
    return made


@pytest.mark.parametrize(("name", "nodes", "links", "demands", "total"), [
    ("polska", 12, 18, 66, 9943), ("nobel-germany", 17, 26, 121, 660), ("nobel-us", 14, 21, 91, 5420)])
def test_known_networks_have_their_published_sizes(name, nodes, links, demands, total):
    found = load(name)
    assert (found.size, found.links, len(found.pairs)) == (nodes, links, demands)
    assert found.demand.sum() == total
    assert bool((found.pairs[:, 0] < found.pairs[:, 1]).all())
    assert np.array_equal(found.length, found.length.round())
    assert found.bridges() == []


def test_demands_of_both_directions_become_the_larger():
    import topohub
    stored = topohub.get("sndlib/abilene")["graph"]["demands"]
    found = load("abilene")
    for (i, j), demand in zip(found.pairs.tolist(), found.demand.tolist(), strict=True):
        assert demand == max(stored.get(i, {}).get(j, 0.0), stored.get(j, {}).get(i, 0.0))


@pytest.mark.parametrize("failed", [None, 0, 7, 17])
def test_distances_and_paths_agree_with_another_library(failed):
    found = load("polska")
    lengths = dict(nx.all_pairs_dijkstra_path_length(graph(found, failed)))
    distance, paths = found.distances(found.length, failed), found.shortest_paths(failed)
    for row, (i, j) in enumerate(found.pairs.tolist()):
        assert distance[i, j] == lengths[i][j] == paths[row] @ found.length
        ends = np.bincount(found.ends[paths[row] > 0].flatten(), minlength=found.size) % 2
        assert ends.nonzero()[0].tolist() == [i, j]  # a walk from i to j: all other nodes are entered and left
    assert failed is None or not paths[:, failed].any()


def test_bridges_are_what_another_library_finds():
    found = load("abilene")
    bridges = {tuple(sorted(found.ends[link].tolist())) for link in found.bridges()}
    assert bridges == {tuple(sorted(pair)) for pair in nx.bridges(graph(found))} != set()
    assert found.link_name(found.bridges()[0]).count("-") >= 1


def test_every_network_of_up_to_65_nodes_loads_and_a_larger_one_is_refused():
    assert max(load(name).size for name in names() if name != "brain") == LARGEST
    with pytest.raises(ParameterError, match=f"up to {LARGEST}"):
        load("brain")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean 'polska'"):
        load("polskaa")
