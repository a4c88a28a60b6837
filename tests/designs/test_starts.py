"""The deployed design: what is read, and what is refused."""

import json

import pytest
import torch
import yaml

from aign.designs.requests import Request
from aign.errors import AignError, ParameterError
from aign.scenarios.core import registry

SIX = registry.create("power-allocation", users=6)
LEVELS = [1, 2, 3, 4, 5, 6]


def start_of(scenario, source, **request):
    return Request(start=source, seed=1, **request).resolve(scenario)


@pytest.mark.parametrize("content", [LEVELS, {"power": LEVELS}])
@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump, None])
def test_lists_mappings_and_files_say_the_same(tmp_path, content, write):
    source = content
    if write is not None:
        source = tmp_path / "start.yaml"
        source.write_text(write(content))
    resolved = start_of(SIX, source)
    assert resolved.start.tolist() == LEVELS
    assert resolved.start_origin == ("start" if write is None else str(source))
    assert resolved.to_json()["start"] == LEVELS


def test_the_best_design_of_a_saved_answer_is_a_start(tmp_path):
    file = tmp_path / "answer.json"
    file.write_text(json.dumps({"scenario": SIX.spec(), "designs": [{"design": LEVELS}, {"design": [0] * 6}]}))
    assert start_of(SIX, file).start.tolist() == LEVELS
    with pytest.raises(ParameterError, match="is an answer for"):
        start_of(registry.create("power-allocation", users=5), file)
    for designs in ([], [3], None, [{}]):
        file.write_text(json.dumps({"scenario": SIX.spec(), "designs": designs}))
        with pytest.raises(ParameterError, match="answer without designs"):
            start_of(SIX, file)


@pytest.mark.parametrize(("source", "message"), [
    ([1, 2], "given 2 values; a design of power-allocation has 6"), ([1.5, 2, 3, 4, 5, 6], r"power\[0\] = 1.5"),
    ([1, 2, 3, 4, 5, 41], "nearest design has 40 level"), ([1, 2, float("nan"), 4, 5, 6], r"power\[2\] = nan"),
    ({"powr": LEVELS}, "Did you mean 'power'"), (["a"] * 6, "no numbers"), (3, "lists of numbers"),
    ("none.json", "none.json: missing")])
def test_what_is_no_design_says_why(source, message):
    with pytest.raises(ParameterError, match=message):
        start_of(SIX, source)


def test_answers_to_a_price_need_not_be_said_and_are_those_of_the_context():
    game = registry.create("stackelberg", devices=3)
    resolved = start_of(game, {"price": [0.3]})
    answers = game.nearest_start(resolved.context[None], torch.tensor([[0.3, 0, 0, 0]]))[0]
    assert torch.equal(resolved.start, answers)
    assert bool((answers[1:] > 0).any())
    stale = start_of(game, {"price": [0.3], "share": [0, 0, 0]})
    assert torch.equal(stale.start, answers), "the devices answer in this context, whatever they did in another"
    with pytest.raises(ParameterError, match="price is missing"):
        start_of(game, {"share": [0, 0, 0]})


@pytest.mark.parametrize("name", ["queue-scheduling", "asp-selection"])
def test_a_sequence_of_decisions_cannot_be_deployed(name):
    parameters = {"tasks": 5, "providers": 2} if name == "asp-selection" else {"slots": 5}
    with pytest.raises(AignError, match="sequence of decisions taken in one context"):
        start_of(registry.create(name, **parameters), [0] * 5)
