"""Read again, a confirmation is the same request; and so is its command."""

import shlex

import pytest
import torch
from requests_drawn import drawn
from spoken_networks import NETWORKS, network

from aign.designs.requests import Request
from aign.errors import ConstraintError, ParameterError
from aign.intents import confirm, read
from aign.scenarios.core.constraints import Label


@pytest.mark.parametrize("key", NETWORKS)
def test_a_confirmation_reads_as_the_request(key):
    scenario = network(key)
    for seed in range(60):
        request = drawn(scenario, seed)
        assert read(confirm(request, scenario).sentence, scenario).request == request, seed


@pytest.mark.parametrize("key", ["power", "planning", "contract"])
def test_a_command_says_the_request(key):
    scenario = network(key)
    for seed in range(40):
        request = drawn(scenario, seed)
        program, verb, name, _, main, *options = shlex.split(confirm(request, scenario).command)
        said = {}
        for option, value in zip(options[::2], options[1::2], strict=True):
            said.setdefault(option.removeprefix("--"), []).append(value)
        assert (program, verb, name) == ("aign", "design", scenario.name)
        assert main.partition("=")[0] == next(iter(type(scenario.parameters).model_fields))
        assert tuple(said.get("where", ())) == request.where
        assert tuple(said.get("objective", ())) == request.objective
        for field in ("preset", "context", "start", "seed", "spread"):
            value = getattr(request, field)
            assert said.get(field) == (None if value is None else [str(value)]), field
        assert said.get("count", ["16"]) == [str(request.count)]


def test_a_sentence_is_plain():
    told = confirm(Request(["total_power<=300", "min_rate>6"], seed=3, objective=["total_power"]), network("power"))
    assert told.sentence == ("16 designs; with seed 3; minimise the total power; total power at most 300 levels; rate "
                             "of the worst user more than 6 Mbit/s.")
    assert told.command == ("aign design power-allocation --set users=20 --seed 3 --objective 'min total_power' "
                            "--where 'total_power<=300' --where 'min_rate>6'")


def test_the_first_parameter_and_those_that_differ_from_the_defaults_are_in_the_command():
    assert confirm(Request(), network("two-users")).command == "aign design power-allocation --set users=2"
    assert confirm(Request(), network("layers")).command.endswith("--set topology=polska --set layers=2")


def test_labels_called_like_words_of_the_language_are_confirmed_as_formulas(monkeypatch):
    scenario = network("water")
    odd = Label("at_most", "1", "lower", "A label of somebody's environment."), Label("seed", "1", "lower", "Another.")
    monkeypatch.setattr(scenario, "labels", odd)
    request = Request(("at_most<=3", "seed>=2"), objective=("min at_most",))
    assert read(confirm(request, scenario).sentence, scenario).request == request


def test_values_have_no_words():
    with pytest.raises(ParameterError, match="context: was given as values"):
        confirm(Request(context=torch.ones(20)), network("power"))
    with pytest.raises(ConstraintError):
        confirm(Request(["tempo<=3"]), network("power"))
