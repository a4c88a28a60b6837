"""The phrases that labels declare: readable, and no label is called what another one is."""

import pytest
from spoken_networks import NETWORKS, network

from aign.intents import read
from aign.intents.vocabulary import content, spoken, stems, vocabulary
from aign.scenarios.core.constraints import Label


@pytest.mark.parametrize("key", NETWORKS)
def test_the_words_of_confirmations_belong_to_one_label_each(key):
    scenario = network(key)
    words = vocabulary(scenario)
    for label in scenario.labels:
        phrases = words.phrases[content(stems(spoken(label)))]
        assert {phrase.label for phrase in phrases} == {label.name}
        assert not any(phrase.vague or phrase.value is not None for phrase in phrases)


@pytest.mark.parametrize("key", NETWORKS)
def test_a_shared_phrase_is_decided_by_unit_or_side_or_asked_about(key):
    scenario = network(key)
    words = vocabulary(scenario)
    for said, phrases in words.phrases.items():
        plain = {phrase.label for phrase in phrases if phrase.side is None and not phrase.vague}
        if len(plain) > 1:
            units = {words.label(name).unit for name in plain}
            reading = read(f"{' '.join(said)} at most 3", scenario)
            assert reading.request is None or len(units) == len(plain), said


@pytest.mark.parametrize("key", NETWORKS)
def test_labels_declare_how_they_are_called(key):
    assert all(label.phrases for label in network(key).labels if label.name != "monotonicity")


def test_units_are_told_apart_by_case_and_length():
    words = vocabulary(network("water"))
    assert words.unit_at(" mW", 0)[1]["total_power"] == 1e-3
    assert words.unit_at(" milliwatts of", 0) == (11, {"total_power": 1e-3, "max_power": 1e-3})
    assert words.unit_at(" MW", 0) is None
    assert words.unit_at(" Wh", 0) is None


def test_a_phrase_that_cannot_be_read_is_refused(monkeypatch):
    scenario = network("queue")
    monkeypatch.setattr(scenario, "labels", (Label("loss", "1", "lower", "Loss.", ("a<=b",)),))
    with pytest.raises(ValueError, match="cannot be read"):
        vocabulary(scenario)
