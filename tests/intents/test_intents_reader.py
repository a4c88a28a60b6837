"""Sentences become requests or questions: by the corpus that was written before the rules, and never a wrong number."""

from collections import Counter

import pytest
from corpus import sentences
from fuzzing import bent, passed_over
from judging import read_as, verdict
from spoken_networks import NETWORKS, network

from aign.designs.requests import Request
from aign.intents import answered, read, refine
from aign.intents.reader import LONGEST_TEXT
from aign.scenarios.core import registry


def verdicts(split):
    chosen = [sentence for sentence in sentences() if sentence.split == split]
    return Counter(verdict(sentence, read_as(sentence), network(sentence.network)) for sentence in chosen)


def test_no_sentence_of_the_development_split_is_read_wrongly_and_nearly_none_asked_about_in_vain():
    counts = verdicts("development")
    assert counts["wrong"] == 0
    assert counts["right"] >= 0.98 * counts.total()


def test_at_most_one_in_a_hundred_of_the_test_split_is_read_wrongly():
    counts = verdicts("test")
    assert counts.total() >= 100
    assert counts["wrong"] <= 0.01 * counts.total()


def test_the_corpus_speaks_to_the_networks_and_its_splits_share_no_sentence():
    texts = {split: {(each.network, each.text) for each in sentences() if each.split == split}
             for split in ("development", "test")}
    assert {key for key, _ in texts["development"] | texts["test"]} == set(NETWORKS)
    assert not texts["development"] & texts["test"]


def test_what_was_understood_is_shown_with_its_words():
    reading = read("At most 300 levels in total, and no user below 6 Mbit/s", network("power"))
    assert [(piece.text, piece.meaning) for piece in reading.said] == [
        ("At most 300 levels in total", "total_power<=300"), ("no user below 6 Mbit/s", "min_rate>=6")]
    assert all(reading.text[piece.start:piece.end] == piece.text for piece in reading.said)


@pytest.mark.parametrize(("name", "text", "where"), [
    ("power-allocation", "set transmit powers so that total power stays under 300", ("total_power<300",)),
    ("contract", "offer a menu of contracts that pays at most 3", ("payment<=3",)),
    ("stackelberg", "set prices with payment at most 15", ("payment<=15",)),
    ("offloading", "offload tasks with at most 2 late users", ("late_users<=2",)),
    ("offloading", "offload tasks at least 50 %", ("offloaded>=0.5",)),
    ("asp-selection", "choose a service provider for each task, at most 3 crashes", ("crashes<=3",)),
    ("video-streaming", "stream a video, no more than 2 s of stalls", ("rebuffer<=2",)),
])
def test_a_sentence_may_begin_with_what_the_network_is_for(name, text, where):
    assert read(text, registry.create(name)).request.where == where


@pytest.mark.parametrize(("text", "choice", "where"), [
    ("power at most 300 levels", "total power", ("total_power<=300",)),
    ("total power at most 3 kW", "3 level", ("total_power<=3",)),
    ("fairness at least 95", "95 %", ("jain_fairness>=0.95",)),
    ("total power 300", "at least 300", ("total_power>=300",)),
    ("at most 280", "280 of total power", ("total_power<=280",)),
])
def test_a_choice_answers_its_question(text, choice, where):
    reading = read(text, network("power"))
    assert reading.request is None
    question = reading.questions[0]
    assert choice in question.choices
    assert read(answered(reading, question, choice), network("power")).request.where == where


def test_every_choice_of_every_question_of_the_corpus_can_be_read_without_harm():
    for sentence in sentences():
        reading = read_as(sentence)
        for question in reading.questions[:1]:
            for choice in question.choices[:2]:
                text = answered(reading, question, choice)
                again = read(text, network(sentence.network)) if sentence.before is None else refine(
                    Request(**sentence.before), text, network(sentence.network))
                assert again.request is not None or again.questions


@pytest.mark.parametrize(("text", "where"), [("no provider crashes", ("crashes<=0",)), ("no crashes", ("crashes<=0",)),
                                             ("no provider below 0.5", None), ("no provider", None)])
def test_none_of_what_is_counted_may_say_whose_it_is(text, where):
    outcome = read(text, registry.create("asp-selection"))
    assert (None if outcome.request is None else tuple(outcome.request.where)) == where


def test_a_word_that_fits_a_single_label_loosely_is_asked_about_by_that_label():
    question, = read("rate of at least 5 Mbit/s", registry.create("power-allocation")).questions
    assert question.text == "'rate' is not clear. Is the rate of the worst user meant?"


def test_a_long_text_is_refused_in_one_question():
    reading = read("total power at most 300 " * LONGEST_TEXT, network("power"))
    assert reading.request is None
    assert len(reading.questions) == 1


@pytest.mark.parametrize("part", range(4))
def test_bent_sentences_end_in_no_traceback_and_drop_no_number(part):
    for seed in range(100 * part, 100 * part + 100):
        key, text, before = bent(seed)
        reading = read(text, network(key)) if before is None else refine(Request(**before), text, network(key))
        assert passed_over(reading) == [], (seed, text)


@pytest.mark.parametrize("text", ["total power at most 300 at most 5", "total power at most 300 400", "7 8 9",
                                  "300 total power at most 300 levels, 12", "seed 3 4, total power at most 300"])
def test_a_number_too_many_is_asked_about(text):
    reading = read(text, network("power"))
    assert reading.request is None
    assert reading.questions


def test_contradicting_bounds_are_asked_about_with_both():
    question = read("total power at most 300 and at least 400", network("power")).questions[0]
    assert "total_power<=300" in question.text
    assert "total_power>=400" in question.text


@pytest.mark.parametrize(("key", "text"), [
    ("contract", "at least one provider signs"), ("contract", "at least 1 of the providers signs"),
    ("stackelberg", "at least 1 layer offloaded"), ("planning", "at least one link failure survived"),
    ("power", "at most 3 users below 6 Mbit/s"), ("power", "min rate at least 6, at most 8 options"),
    ("power", "fairness below 0.9 is unacceptable"), ("power", "every user at most 6 Mbit/s"),
    ("power", "at least 90 % of the users get 6 Mbit/s"), ("power", "total power at most 300 levels per user"),
    ("power", "don't minimise the total power"), ("power", "total power at most 300, not 250"),
    ("asp", "no more than 1 provider fuller than 90 %"), ("power", "user 7 at least 6 Mbit/s"),
    ("power", "total power at most 80 % of the budget"), ("power", "not all users above 6 Mbit/s"),
    ("power", "min rate at least 6, at most 300"), ("planning", "at least 3 links, at most 20000")])
def test_what_sounds_like_a_bound_and_is_none_is_asked_about(key, text):
    assert read(text, network(key)).request is None
