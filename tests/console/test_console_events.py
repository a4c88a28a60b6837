"""What goes wrong, through the API: what it does before any change, the changes that mend it, and accepting them."""

import json

import pytest
import torch
from running import designed, ended
from smoke import POWER, WATER

from aign.scenarios.core import registry

GAINS = [0.0028, 0.00035]
ASKED = {"context": GAINS, "start": [30, 30], "event": ["gain of user 1 -50%"], "where": ["min_rate>=1"]}
TWO = registry.create("power-allocation", users=2)


def impact(client, network=POWER, **request):
    return client.post("/api/impact", json={"network": network, "request": {**ASKED, **request}})


def test_the_catalogue_says_what_events_can_name(client):
    networks = {network["name"]: network for network in client.get("/api/networks").json()["networks"]}
    assert networks[POWER]["deployable"]
    assert networks[POWER]["events"][:2] == ["user 1 fails", "user 2 fails"]
    assert "gain of user 2 -20%" in networks[POWER]["events"]
    assert "channel 1 fails" in networks[WATER]["events"]
    assert networks[POWER]["labels"][2]["spoken"] == "rate of the worst user"


def test_an_event_is_shown_before_any_change(client):
    reply = impact(client, where=["min_rate>=90", "total_power<=60"]).json()
    rows = {row["label"]: row for row in reply["rows"]}
    start = torch.tensor([[30.0, 30.0]])
    for gains, time in ((GAINS, "before"), ([GAINS[0] / 2, GAINS[1]], "after")):
        labels = TWO.measure(torch.tensor([gains]), start)
        assert rows["min_rate"][time] == pytest.approx(float(labels["min_rate"]))
    assert rows["total_power"]["before"] == rows["total_power"]["after"] == 60
    assert reply["broken"] == ["min_rate>=90"]
    assert rows["min_rate"]["breaks"] == ["min_rate>=90"]
    assert "gain of user 1 -50%" in reply["sentence"]


@pytest.mark.parametrize(("request_", "said"), [
    ({"event": []}, "none is given"), ({"event": ["it rains"]}, "cannot be read"), ({"start": None}, "deployed design"),
    ({"event": ["user 7 fails"]}, "Unknown part of the design"), ({"event": ["gain +5%"] * 9}, "at most 8")])
def test_what_cannot_happen_is_refused(client, request_, said):
    reply = impact(client, **request_)
    assert reply.status_code == 422
    assert said in reply.json()["error"]


def test_what_mends_it_is_suggested_and_accepted(client, console):
    event = {"start": [30, 30], "event": ["total_power<=40"], "where": ["max_power<=40"], "count": 4}
    job = designed(client, POWER, preset="aign-two-users", **event)
    assert job["result"]["impact"]["broken"] == ["total_power<=40"]
    assert job["result"]["request"]["event"] == ["total_power<=40"]
    suggested = ended(client, client.post("/api/suggest", json={"job": job["job"]}).json()["job"])
    assert "about" not in suggested["result"]
    suggestion = suggested["result"]["suggestions"][0]
    accepted = client.post("/api/accept", json={"job": suggested["job"], "rank": 1}).json()
    kept = json.loads((console.folder / accepted["file"]).read_text())
    assert kept["design"]["design"] == suggestion["steps"][-1]["design"]
    assert sum(kept["design"]["design"]) <= 40
    assert kept["design"]["changes"] == [step["text"] for step in suggestion["steps"]]
    assert kept["request"]["event"] == ["total_power<=40"]
    assert kept["certificate"] == job["result"]["certificate"]
    again = client.post("/api/accept", json={"job": suggested["job"], "rank": 1}).json()
    assert again == accepted
    assert client.post("/api/accept", json={"job": suggested["job"], "rank": 99}).status_code == 404


def test_words_name_events_of_what_is_deployed(client):
    form = {"network": POWER, "text": "user 1's gain drops by 50 %, no user below 1 Mbit/s",
            "request": {"start": [30, 30], "context": GAINS}}
    reply = client.post("/api/read", json=form).json()
    assert reply["request"]["event"] == ["gain of user 1 -50%"]
    assert reply["request"]["start"] == [30, 30]
    confirmed = client.post("/api/confirm", json={"network": POWER, "request": reply["request"]}).json()
    assert "--event 'gain of user 1 -50%'" in confirmed["command"]
    form["request"]["start"] = None
    assert "Which design is deployed" in client.post("/api/read", json=form).json()["questions"][-1]["text"]


def test_designs_live_ones_and_their_explanation_leave_out_what_failed(client):
    struck = {"start": [0.5, 0.5, 0.5, 0.5], "event": ["channel 2 fails"], "where": ["total_power<=2"], "count": 3}
    job = designed(client, WATER, **struck)
    assert job["state"] == "done", job["error"]
    designs = job["result"]["designs"]
    assert [design["design"][1] for design in designs] == [0.0] * len(designs)
    live = client.post("/api/live", json={"network": WATER, "seed": 0, "request": struck}).json()
    assert [design["utility"] for design in live["designs"]] == [design["utility"] for design in designs]
    explained = ended(client, client.post("/api/explain", json={"job": job["job"], "rank": 1}).json()["job"])
    affected = [entity["name"] for entity in explained["result"]["affected"]]
    assert affected
    assert "channel 2" not in affected, "it has nothing here, nor in the best design of the network that is left"
