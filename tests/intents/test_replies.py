"""Questions about an answer: the figures of a reply are those of the simulator and of a certificate computed anew."""

from types import SimpleNamespace

import pytest
import torch
from spoken_networks import network

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.intents import reply
from aign.scenarios.core.constraints import Constraint


@pytest.fixture(scope="module")
def powers(water):
    return answer(water, Request(("total_power<=1", "max_power<=0.4"), seed=1, count=4).resolve(water.scenario))


def test_without_a_constraint_the_certificate_is_computed_anew(powers):
    told = reply(powers, "what if the largest power bound goes?").sentences
    free = powers.scenario.certify(powers.request.context[None], [Constraint("total_power", "<=", 1.0)])
    assert len(told) == 1
    assert f"{float(free.utility[0]):.4f}" in told[0]
    assert f"{powers.optimum:.4f}" in told[0]


def test_one_step_more_is_what_the_explanation_measured(powers):
    told = reply(powers, "what would one step more total power bring?").sentences
    assert told == tuple(effect.sentence() for effect in powers.explanation.effects
                         if effect.constraint == "total_power<=1")


def test_an_entity_is_shown_with_its_place_and_its_free_value(powers):
    told = " ".join(reply(powers, "why is channel 4 so low?").sentences)
    assert told.startswith("Channel 4 has power")
    assert "Its gain is" in told
    assert "place 4 of 4" in told


@pytest.mark.parametrize(("text", "words"), [
    ("is this the best there is?", "certified"), ("what binds?", "total_power<=1"),
    ("how different are the designs?", "distinct designs of"), ("why?", "Path"), ("why is channel 99 so low", "Path")])
def test_questions_find_their_facts(powers, text, words):
    told = reply(powers, text)
    assert told.understood
    assert words in " ".join(told.sentences)


@pytest.mark.parametrize("text", ["who are you?", "what is the weather in Paris?", ""])
def test_other_questions_get_what_can_be_asked(powers, text):
    told = reply(powers, text)
    assert not told.understood
    assert "Ask, for example: " in told.sentences[0]


def test_an_impossible_request_is_diagnosed(water):
    none = answer(water, Request(("active_channels>=5",), seed=1, count=2).resolve(water.scenario))
    assert not none.feasible
    assert reply(none, "why can it not be met?").sentences == (f"{none.verdict}.",)


@pytest.mark.parametrize(("text", "gains", "lost"), [
    ("what if channel 2 fails?", 1.0, 1), ("what if the gain drops by 20 %?", 0.8, None)])
def test_what_an_event_does_to_the_best_design_is_simulated(powers, text, gains, lost):
    told = reply(powers, text).sentences
    design = powers.candidates.designs[0, :1].clone()
    if lost is not None:
        design[0, lost] = 0
    utility = float(powers.scenario.utility(gains * powers.request.context[None], design)[0])
    assert "breaks" in told[0] or "still meets" in told[0]
    assert f"utility {float(powers.candidates.utility[0, 0]):.5g} -> {utility:.5g}" in told[1]


def test_what_cannot_happen_is_said():
    scenario = network("offloading")
    best = scenario.certify(scenario.draw_contexts(1, torch.Generator().manual_seed(0))).design

    class Answered:
        request = Request(seed=0).resolve(scenario)
        candidates = SimpleNamespace(designs=best[None])
    Answered.scenario = scenario
    assert "has to use it, so it cannot fail" in reply(Answered, "what if user 3 fails?").sentences[0]
