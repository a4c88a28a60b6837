"""Dialogues: requests in a row, answers to questions, undo, and replay from JSON without words."""

import json

import pytest
from spoken_networks import network

from aign.designs.requests import Request
from aign.errors import ParameterError
from aign.intents import Dialogue
from aign.intents.dialogue import from_json, to_json


def said(*texts, key="power", designs=()):
    dialogue = Dialogue(network(key).spec())
    for text in texts:
        dialogue, _ = dialogue.say(text, network(key), designs)
    return dialogue


def test_a_dialogue_refines_its_request():
    dialogue = said("total power at most 300", "greener", "and no user below 5 Mbit/s", "three options")
    assert dialogue.request == Request(("total_power<=270", "min_rate>=5"), count=3)
    assert len(dialogue.turns) == 4


def test_undo_takes_the_last_turn_back():
    assert said("total power at most 300", "greener", "undo").request == Request(("total_power<=300",))
    assert said("total power at most 300", "undo", "undo").request is None


def test_a_bare_answer_answers_the_first_question():
    assert said("power at most 300 levels", "total power").request == Request(("total_power<=300",))
    assert said("total power at most 3 kW", "300 levels").request == Request(("total_power<=300",))
    refined = said("min rate at least 6", "relax the minimum rate", "5 %")
    assert refined.request == Request(("min_rate>=5.7",))


def test_a_new_sentence_after_a_question_stands_for_itself():
    assert said("power at most 300 levels", "fairness at least 0.9").request == Request(("jain_fairness>=0.9",))


def test_a_design_of_the_last_answer_becomes_what_is_deployed():
    dialogue = said("fairness at least 0.9", "start from design 2", designs=[[1.0] * 20, [2.0] * 20])
    assert dialogue.request.start == (2.0,) * 20
    with pytest.raises(ParameterError, match="has 2 designs"):
        said("fairness at least 0.9", "start from design 3", designs=[[1.0] * 20, [2.0] * 20])


def test_a_saved_dialogue_is_the_same(tmp_path):
    dialogue = said("total power at most 300 with seed 3", "power", "greener", "from what stands in now.json")
    dialogue.save(tmp_path / "dialogue.json")
    assert Dialogue.load(tmp_path / "dialogue.json") == dialogue
    stored = json.loads((tmp_path / "dialogue.json").read_text())
    assert [turn["said"] for turn in stored["turns"]] == [turn.said for turn in dialogue.turns]


@pytest.mark.parametrize("content", ["[]", "{}", '{"network": {}, "turns": 3}', "nonsense", '{"turns": [{"said": 1}]}',
                                     '{"network": {}, "turns": [{"said": "a", "request": {"wher": []}}]}',
                                     '{"network": {}, "turns": [{"said": "a", "request": {"count": "3"}}]}'])
def test_what_is_no_dialogue_is_refused_with_its_file(tmp_path, content):
    file = tmp_path / "dialogue.json"
    file.write_text(content)
    with pytest.raises(ParameterError, match=r"dialogue\.json"):
        Dialogue.load(file)


def test_requests_survive_json():
    request = Request(("total_power<=300",), seed=3, count=4, start=(1.0, 2.0), objective=("utility",), spread=2)
    assert from_json(json.loads(json.dumps(to_json(request)))) == request
