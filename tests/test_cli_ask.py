"""`aign ask` as people type it: what is understood, the command, questions, dialogues, and the run itself."""

import json
import shlex

import pytest
from smoke import aign

from aign.cli import ask
from aign.files.writing import read_json


def told(outcome):
    """Return the lines of an answer by their first word."""
    assert outcome.code == 0, outcome
    lines = {}
    for line in outcome.out.splitlines():
        first, _, rest = line.partition(": ")
        lines.setdefault(first, []).append(rest)
    return lines


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_request_is_confirmed_with_its_words_and_its_command(folder):
    lines = told(aign("ask", "--on", "water-filling", "at most 2 W in total, three options"))
    assert lines["request"] == ["3 designs; total power at most 2 W."]
    assert lines["command"] == ["aign design water-filling --set channels=10 --count 3 --where 'total_power<=2'"]
    assert "'at most 2 W in total' as total_power<=2" in lines["understood"]


def test_a_question_stops_a_run(folder):
    outcome = aign("ask", "--on", "power-allocation", "power at most 300")
    assert "total power | highest power of any user" in told(outcome)["question"][0]
    outcome = aign("ask", "--on", "power-allocation", "power at most 300", "--yes")
    assert outcome.code == 2
    assert outcome.err.startswith("error: Nothing was run")


def test_yes_designs_as_the_command_that_was_said_does(workplace):
    words = "for four channels, at most 1 W in total, two designs, seed 3"
    outcome = aign("ask", words, "--yes", "--save", "designs/said")
    lines = told(outcome)
    assert "channels=4" in lines["network"][0]
    program, *arguments = shlex.split(lines["command"][0])
    assert program == "aign"
    typed = aign(*arguments, "--save", "designs/typed")
    assert typed.code == 0, typed
    said, typed = (read_json(workplace / f"designs/{name}.json", ValueError) for name in ("said", "typed"))
    assert said == typed
    assert len(said["designs"]) == 2


def test_a_dialogue_goes_on_and_answers_questions(workplace):
    aign("ask", "--on", "water-4", "--dialogue", "d.json", "power at most 1 W, four designs")
    lines = told(aign("ask", "--dialogue", "d.json", "total power"))
    assert lines["request"] == ["4 designs; total power at most 1 W."]
    lines = told(aign("ask", "--dialogue", "d.json", "greener"))
    assert lines["request"] == ["4 designs; total power at most 0.9 W."]
    outcome = aign("ask", "--dialogue", "d.json", "what would one step more total power bring?")
    assert "certified again" in outcome.out
    outcome = aign("ask", "--dialogue", "d.json", "start from design 2")
    assert outcome.code == 0, outcome
    stored = json.loads((workplace / "d.json").read_text())
    assert len(stored["turns"][-1]["request"]["start"]) == 4
    assert aign("ask", "--dialogue", "d.json", "what do you dream of?").code == 2


def test_what_is_not_clear_is_asked_with_the_networks(folder):
    outcome = aign("ask", "fairness at least 0.9")
    assert outcome.code == 2
    assert "--on" in outcome.err
    assert aign("ask", "--on", "atlantis", "three designs").code == 2
    assert aign("ask", "--on", "water-filling", "--set", "chanels=3", "three designs").code == 2


PAPER = ("I want a {nodes} IP and optical topology with traffic matrix {matrix} and reliability {reliability}. To "
         "minimise the costs, what will the network look like?")


def test_the_sentence_of_the_paper_asks_for_what_is_missing(folder):
    lines = told(aign("ask", PAPER.format(nodes="forty-node", matrix="M", reliability="lambda")))
    assert "topology=pioro40" in lines["network"][0]
    assert any("traffic matrix M" in question for question in lines["question"])
    assert any("lambda" in question for question in lines["question"])


def test_the_sentence_of_the_paper_is_confirmed_and_planned(folder):
    (folder / "M.csv").write_text("source,target,demand\nWarsaw,Gdansk,100\n")
    words = PAPER.format(nodes="twelve-node", matrix="M.csv", reliability="lambda 0.9")
    lines = told(aign("ask", words))
    assert lines["command"] == ["aign plan polska --traffic M.csv"]
    assert "reliability at least 0.9" in lines["request"][0]
    outcome = aign("ask", words, "--yes", "--save", "plan.json")
    assert outcome.code == 0, outcome
    assert read_json(folder / "plan.json", ValueError)["cost"] > 0


def test_a_traffic_matrix_is_the_context_where_there_is_a_model(folder, monkeypatch):
    (folder / "M.csv").write_text("source,target,demand\nWarsaw,Gdansk,100\n")
    monkeypatch.setattr(ask, "_modelled", lambda *_: True)
    lines = told(aign("ask", "--on", "ip-optical-planning", "with traffic matrix M.csv, minimise the cost"))
    assert "--context M.csv" in lines["command"][0]


@pytest.mark.parametrize(("where", "channels"), [
    (("--on", "water-filling", "--set", "channels=6"), 6), (("--on", "water-4", "--set", "channels=6"), 6),
    (("--model", "models/water-4", "--set", "channels=4"), 4), (("--set", "channels=5"), 5)])
def test_parameters_say_which_network_is_meant(workplace, where, channels):
    lines = told(aign("ask", *where, "water filling with at most 2 W in total"))
    assert f"channels={channels}" in lines["network"][0]


def test_parameters_that_the_model_or_the_dialogue_does_not_serve_are_refused(workplace):
    outcome = aign("ask", "--model", "models/water-4", "--set", "channels=6", "at most 2 W in total")
    assert outcome.code == 2
    assert "channels" in outcome.err
    aign("ask", "--on", "water-4", "--dialogue", "d.json", "at most 1 W in total")
    outcome = aign("ask", "--dialogue", "d.json", "--set", "channels=6", "three options")
    assert outcome.code == 2
    assert "the dialogue is about another network" in outcome.err


def test_what_goes_wrong_is_asked_in_words(workplace):
    saved = aign("design", "water-filling", "--set", "channels=4", "--seed", "3", "--count", "2", "--save", "now")
    assert saved.code == 0, saved
    outcome = aign("ask", "--on", "water-4", "starting from now.json with seed 3: the gain of channel 2 drops by 40 %, "
                   "at most 1 W on each channel, two designs", "--yes")
    assert outcome.code == 0, outcome
    assert "--event 'gain of channel 2 -40%'" in outcome.out
    assert "deployed design" in outcome.out
    assert "Suggestion of" in outcome.out or "No suggestion" in outcome.out


def test_an_unknown_network_is_refused_with_the_models_there_are(workplace):
    outcome = aign("ask", "--on", "watr-4", "at most 1 W in total")
    assert outcome.code == 2
    assert "--on: Unknown network 'watr-4'" in outcome.err
    assert "Did you mean 'water-4'" in outcome.err
    assert "power-allocation" in outcome.err


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"designs": []}'])
def test_a_file_that_holds_no_dialogue_is_refused_and_kept(folder, content):
    (folder / "d.json").write_text(content)
    outcome = aign("ask", "--dialogue", "d.json", "--on", "water-filling", "at most 1 W in total")
    assert outcome.code == 2
    assert outcome.err.startswith("error: d.json: holds no dialogue")
    assert "does not exist yet" in outcome.err
    assert (folder / "d.json").read_text() == content
