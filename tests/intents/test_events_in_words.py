"""What goes wrong, in words: read as events, and confirmed so that it is read again."""

import pytest
from spoken_networks import network

from aign.designs.requests import Request
from aign.intents import confirm, read, refine


@pytest.mark.parametrize(("key", "text", "event", "where"), [
    ("planning", "starting from now.json, link Gdansk-Warsaw fails, all demands routed", "link Gdansk-Warsaw fails",
     ("ip>=1",)),
    ("planning", "Starting from now.json: the demand grows by 20 %, N-1 secure", "demand +20%",
     ("reliability>=1",)),
    ("planning", "starting from now.json if the demand of Gdansk-Krakow rises by 30 percent",
     "demand of Gdansk-Krakow +30%", ()),
    ("planning", "starting from now.json, Warsaw - Gdansk fails, all demands routed", "link Gdansk-Warsaw fails",
     ("ip>=1",)),
    ("layers", "when the fibre Gdansk-Warsaw is cut, all demands routed, starting from now.json",
     "fibre Gdansk-Warsaw fails", ("ip>=1",)),
    ("power", "starting from now.json, user 7's gain drops by 50 %, no user below 6 Mbit/s", "gain of user 7 -50%",
     ("min_rate>=6",)),
    ("power", 'at most 300 levels in total after "gain +2.5%", starting from now.json', "gain +2.5%",
     ("total_power<=300",)),
    ("offloading", "starting from now.json, sizes grow by 30 %, no late users", "size +30%", ("late_users<=0",)),
])
def test_an_event_is_read_beside_the_request(key, text, event, where):
    request = read(text, network(key)).request
    assert (request.event, request.where, request.start) == ((event,), where, "now.json")
    said = confirm(request, network(key))
    assert read(said.sentence, network(key)).request == request
    assert f"--event '{event}'" in said.command


def test_without_a_deployed_design_it_is_asked_for():
    reading = read("the gain of user 3 drops by 20 % and at most 300 levels in total", network("power"))
    assert reading.request is None
    assert "Which design is deployed" in reading.questions[-1].text
    assert refine(Request(), "demand grows by 10 %", network("planning")).request is None
    assert refine(Request(start="now.json"), "demand grows by 10 %", network("planning")).request.event == \
        ("demand +10%",)


def test_sequences_of_decisions_know_no_events():
    assert read("arrivals grow by 20 %, starting from now.json", network("queue")).request is None
