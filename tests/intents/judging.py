"""Whether a reading is the right one: right, asked back where it need not, or wrong."""

from spoken_networks import network

from aign.designs.requests import Request
from aign.intents import read, refine
from aign.scenarios.core.constraints import parse

DEFAULTS = {name: getattr(Request(), name) for name in ("count", "spread", "seed", "preset", "context", "start")}


def read_as(sentence):
    """Return the reading of a sentence of the corpus, as a request or as a refinement."""
    scenario = network(sentence.network)
    if sentence.before is None:
        return read(sentence.text, scenario)
    return refine(Request(**sentence.before), sentence.text, scenario)


def verdict(sentence, reading, scenario):
    """Return "right", "asked" or "wrong"; a question where one is due is right, a request there is wrong."""
    if reading.request is None:
        return "right" if sentence.request is None else "asked"
    if sentence.request is None:
        return "wrong"
    request, due = reading.request, sentence.request
    same = (set(parse(request.where, scenario.labels)) == set(parse(due.get("where", ()), scenario.labels))
            and list(request.objective) == due.get("objective", [])
            and all(getattr(request, name) == due.get(name, default) for name, default in DEFAULTS.items()))
    return "right" if same else "wrong"
