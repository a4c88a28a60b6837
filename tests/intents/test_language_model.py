"""A language model behind an endpoint: a server that answers, stays silent, errs or lies; nothing unchecked passes."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from spoken_networks import network

from aign.designs.requests import Request
from aign.intents import assisted, read
from aign.intents.model import Endpoint

TEXT = "kindly have the whole cell radiate at most 300 levels"
GOOD = {"constraints": [{"label": "total_power", "sense": "<=", "number": 300, "unit": "level"}], "objectives": [],
        "count": None}


class Server(ThreadingHTTPServer):
    """Answers with what the test says, one after the other, the last again and again; keeps what it was sent."""

    daemon_threads = True

    def __init__(self, *answers):
        self.answers, self.calls = list(answers), []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def endpoint(self, timeout=5.0):
        return Endpoint(f"http://127.0.0.1:{self.server_address[1]}/v1", "stub", "secret", timeout)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append((self.path, self.headers["Authorization"], body))
        answer = self.server.answers[min(len(self.server.calls), len(self.server.answers)) - 1]
        if answer is None:
            time.sleep(1.0)
        status, text = answer if isinstance(answer, tuple) else (200, json.dumps(
            {"choices": [{"message": {"content": answer if isinstance(answer, str) else json.dumps(answer)}}]}))
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", text)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.server.calls.append((self.path, self.headers["Authorization"], None))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *ignored):
        pass


def through(text, *answers, timeout=5.0):
    with Server(*answers) as server:
        reading = assisted(read(text, network("power")), network("power"), server.endpoint(timeout))
        server.shutdown()
    return reading, server.calls


def changed(**changes):
    return {**GOOD, "constraints": [{**GOOD["constraints"][0], **changes}]}


def test_a_right_answer_passes_and_says_that_a_model_read_it():
    reading, calls = through(TEXT, GOOD)
    assert reading.request == Request(("total_power<=300",))
    assert "read by a model" in reading.said[-1].meaning
    path, key, body = calls[0]
    assert (path, key, len(calls)) == ("/v1/chat/completions", "Bearer secret", 1)
    assert body["messages"][-1] == {"role": "user", "content": TEXT}
    assert body["response_format"]["json_schema"]["schema"]["additionalProperties"] is False


@pytest.mark.parametrize("answer", [
    changed(number=30), changed(number=3000), changed(unit="Mbit/s"), changed(label="tempo"), changed(sense="="),
    {**GOOD, "constraints": []}, {**GOOD, "count": 12}, {**GOOD, "note": "hello"}, {**GOOD, "count": 300},
    {**GOOD, "constraints": [*GOOD["constraints"], *GOOD["constraints"]]},
    {**GOOD, "objectives": [{"direction": "min", "label": "tempo"}]}, "", "Sure! Here is your JSON:", "[]", "null",
    (500, "broken"), (200, "no json"), (200, '{"choices": []}'), (200, '{"choices": [{"message": {"content": 3}}]}')])
def test_a_wrong_answer_is_tried_twice_and_leaves_the_question(answer):
    reading, calls = through(TEXT, answer)
    assert reading == read(TEXT, network("power"))
    assert len(calls) == 2


def test_the_second_try_counts():
    reading, calls = through(TEXT, "no json", GOOD)
    assert reading.request == Request(("total_power<=300",))
    assert len(calls) == 2


def test_a_silent_server_is_given_up():
    began = time.monotonic()
    reading, _ = through(TEXT, None, timeout=0.2)
    assert reading.request is None
    assert time.monotonic() - began < 10


def test_a_server_that_points_elsewhere_is_not_followed():
    with Server(GOOD) as elsewhere:
        reading, calls = through(TEXT, (302, elsewhere.endpoint().url))
        elsewhere.shutdown()
    assert reading.request is None
    assert len(calls) == 2
    assert elsewhere.calls == []


def test_nobody_there_is_no_error():
    assert assisted(read(TEXT, network("power")), network("power"), Endpoint("http://127.0.0.1:9/v1")).request is None


def test_what_the_rules_understood_is_not_asked_of_a_model():
    reading, calls = through("total power at most 300", GOOD)
    assert reading.request == Request(("total_power<=300",))
    assert calls == []


def test_where_rules_and_model_disagree_both_are_shown():
    text = "total power at most 300, and blue walls"
    reading, _ = through(text, changed(sense=">="))
    assert reading.request is None
    assert "total_power<=300" in reading.questions[0].text
    assert "at least 300" in reading.questions[0].choices[0]


def test_shares_and_units_are_converted():
    answer = {"constraints": [{"label": "jain_fairness", "sense": ">=", "number": 90, "unit": "%"},
                              {"label": "min_rate", "sense": ">=", "number": 6000, "unit": "kbit/s"}],
              "objectives": [{"direction": "min", "label": "total_power"}], "count": None}
    reading, _ = through("serve folks kindly: 90 % evenly dealt, 6000 kbit/s for the poorest, thrifty", answer)
    assert reading.request == Request(("jain_fairness>=0.9", "min_rate>=6"), objective=("min total_power",))


def test_it_is_off_unless_set(monkeypatch):
    for url in ("", "file:///etc/passwd", "ftp://127.0.0.1"):
        monkeypatch.setenv("AIGN_LLM_URL", url)
        assert Endpoint.of_environment() is None
    monkeypatch.setenv("AIGN_LLM_URL", "http://127.0.0.1:8000/v1")
    assert Endpoint.of_environment() == Endpoint("http://127.0.0.1:8000/v1")
