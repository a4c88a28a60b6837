"""How operators speak of a backbone, and the traffic matrix that they bring along."""

import numpy as np
import pytest

from aign.designs.requests import Request
from aign.errors import ParameterError
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.registry import create


@pytest.fixture(scope="module")
def polska():
    return create("ip-optical-planning")


def matrix_file(folder, scenario, demand):
    """Write a CSV matrix whose nodes stand in another order than the network's."""
    topology = scenario.problem.topology
    full = np.zeros((topology.size, topology.size))
    full[topology.pairs[:, 0], topology.pairs[:, 1]] = demand
    full += full.T
    order = np.random.default_rng(0).permutation(topology.size)
    names = [topology.nodes[node] for node in order]
    rows = [",".join([name, *(f"{value:.9g}" for value in full[node][order])])
            for name, node in zip(names, order, strict=True)]
    path = folder / "M.csv"
    path.write_text("\n".join([",".join(["", *names]), *rows]) + "\n")
    return path


def test_a_matrix_becomes_the_context_in_the_networks_own_order(polska, tmp_path):
    demand = np.arange(1.0, len(polska.problem.topology.pairs) + 1)
    path = matrix_file(tmp_path, polska, demand)
    assert polska.context_from(path).tolist() == demand.tolist()
    assert Request(context=path).resolve(polska).context.tolist() == demand.tolist()
    assert polska.context_from(tmp_path / "M.json") is None


def test_demands_that_a_matrix_leaves_out_are_zero(polska, tmp_path):
    path = tmp_path / "M.csv"
    path.write_text("source,target,demand\nWarsaw,Gdansk,100\n")
    context, topology = polska.context_from(path), polska.problem.topology
    pair = {topology.nodes[node] for node in topology.pairs[int(context.argmax())]}
    assert (float(context.sum()), pair) == (100.0, {"Warsaw", "Gdansk"})


def test_traffic_of_a_pair_that_the_network_does_not_know_is_refused(tmp_path):
    scenario = create("ip-optical-planning", topology="nobel-germany")
    topology = scenario.problem.topology
    known = {tuple(sorted(pair)) for pair in topology.pairs.tolist()}
    a, b = next((a, b) for a in range(topology.size) for b in range(a + 1, topology.size) if (a, b) not in known)
    path = tmp_path / "M.csv"
    path.write_text(f"source,target,demand\n{topology.nodes[a]},{topology.nodes[b]},100\n")
    with pytest.raises(ParameterError, match=r"M\.csv: has traffic between nodes that exchange none in nobel-germany"):
        scenario.context_from(path)


def test_sizes_and_names_tell_networks_apart(polska):
    assert polska.sizes["nodes"] == 12
    assert polska.proper_names == ("polska",)
    assert polska.resized({"nodes": 40}) == {"topology": "pioro40"}
    assert polska.resized({"nodes": 12}) is None
    assert polska.resized({"nodes": 7000}) is None
    power = create("power-allocation", users=20)
    assert power.sizes["users"] == 20
    assert power.resized({"users": 35}) is None
    assert power.context_from("gains.csv") is None


def test_the_planner_answers_least_cost_with_any_reliability_and_nothing_else(polska):
    def command(where, objectives=("min cost",), context=None):
        return polska.planner_command(parse(where, polska.labels), objectives, context)

    assert command(["reliability>=0.9", "ip>=1"]) == ["plan", "polska"]
    assert command([], context="M.csv") == ["plan", "polska", "--traffic", "M.csv"]
    assert command([], context="M.json") is None
    assert command([], objectives=("utility",)) is None
    assert command(["cost<=1e6"]) is None
    assert create("power-allocation", users=2).planner_command((), ("utility",), None) is None
