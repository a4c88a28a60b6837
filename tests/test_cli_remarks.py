"""What `aign design` says below the table: failed parts that designs use, designs that only the search knows."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from smoke import WATER, aign

from aign.cli.remarks import remarks
from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.diffusion import store


def answered(**request):
    pipeline = store.load(f"models/{WATER}")
    return answer(pipeline, Request(count=2, seed=3, **request).resolve(pipeline.scenario))


def test_designs_that_count_on_a_failed_part_are_named(workplace):
    arguments = ("design", "water-filling", "--seed", "3", "--count", "2")
    assert aign(*arguments, "--save", "now").code == 0
    design = json.loads(Path("now.json").read_text())["designs"][0]["design"]
    channel = max(range(4), key=design.__getitem__)
    outcome = aign(*arguments, "--start", "now.json", "--event", f"channel {channel + 1} fails", "--save", "after")
    assert outcome.code == 0, outcome
    using = [row["rank"] for row in json.loads(Path("after.json").read_text())["designs"] if row["design"][channel] > 0]
    named = "Designs 1, 2" if using == [1, 2] else f"Design {using[0]}"
    assert f"{named} and the certificate count on channel {channel + 1}, which has failed" in outcome.out


def test_nothing_is_said_of_an_event_without_a_failure_or_of_designs_that_meet_the_request(workplace):
    start = [0.25, 0.25, 0.25, 0.25]
    assert remarks(answered(where=["total_power<=1"], start=start, event=["gain +10%"])) == []
    assert remarks(answered(where=["total_power<=-1"])) == [], "none is known either"


def test_the_design_that_only_the_certificate_knows_is_printed(workplace):
    whole = answered(where=["total_power<=1"])
    none_met = replace(whole.candidates, feasible=torch.zeros_like(whole.candidates.feasible))
    sentence, = remarks(replace(whole, candidates=none_met))
    assert sentence.startswith("No generated design meets the request, but one is known that does:")
    values = [float(value) for value in sentence.split(": ")[1].split(";")[0].split()]
    assert sum(values) <= 1 + 1e-4
    assert f"utility {whole.best_known:.4f}" in sentence
