"""Which network is meant, by its words and sizes; planning networks by their number of nodes."""

import pytest
from spoken_networks import network

from aign.designs.requests import Request
from aign.intents import choose
from aign.intents.networks import plan_command, resized

CATALOGUE = {"power-20": "power", "power-2": "two-users", "water-filling": "water", "contract-2": "contract",
             "stackelberg": "stackelberg", "planning-polska": "planning", "asp-selection": "asp",
             "queue-scheduling": "queue"}


@pytest.fixture(scope="module")
def catalogue():
    return {name: network(key) for name, key in CATALOGUE.items()}


@pytest.mark.parametrize(("text", "name"), [
    ("I want a forty-node IP and optical topology with traffic matrix M and reliability lambda. To minimise the costs, "
     "what will the network look like?", "planning-polska"),
    ("for 20 users, no user below 6 Mbit/s", "power-20"),
    ("two users, SINR at least 3 dB", "power-2"),
    ("no user below 6 Mbit/s", "power-20"),
    ("at least four active channels", "water-filling"),
    ("a menu with latency below 20 s where all providers sign", "contract-2"),
    ("offload at least half of the layers", "stackelberg"),
    ("no packet loss", "queue-scheduling"),
    ("at most two crashes of a provider", "asp-selection")])
def test_a_sentence_names_its_network(catalogue, text, name):
    assert choose(text, catalogue).name == name


@pytest.mark.parametrize("text", ["three designs", "", "fairness at least 0.9"])
def test_what_could_be_several_is_asked(catalogue, text):
    choice = choose(text, catalogue)
    assert choice.name is None
    assert len(choice.question.choices) > 1


def test_a_number_of_nodes_finds_the_public_topology_of_that_size():
    other = resized("a fifteen-node network", network("planning"))
    assert len(other.topology.nodes) == 15
    assert resized("a twelve-node network", network("planning")) is network("planning")
    assert resized("a 7000-node network", network("planning")) is network("planning")


@pytest.mark.parametrize(("request_", "arguments"), [
    (Request(("reliability>=0.9",), objective=("min cost",)), ["plan", "polska"]),
    (Request(("ip>=1",), context="M.csv", objective=("min cost",)), ["plan", "polska", "--traffic", "M.csv"]),
    (Request(objective=("max reliability",)), None), (Request(("cost<=3",), objective=("min cost",)), None),
    (Request(context="M.json", objective=("min cost",)), None),
    (Request(start="now.json", objective=("min cost",)), None),
    (Request(("reliability<=0.5",), objective=("min cost",)), None)])
def test_only_what_a_plan_meets_is_planned(request_, arguments):
    assert plan_command(request_, network("planning")) == arguments
