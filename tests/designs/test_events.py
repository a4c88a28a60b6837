"""What goes wrong: what is read, what it does to the deployed design, what is refused, and what mends it."""

import math

import pytest
import torch

from aign.designs.events import context_names, examples, failing
from aign.designs.impact import impact
from aign.designs.requests import Request
from aign.designs.settings import RequestSettings
from aign.errors import AignError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.features import bounds

SIX = registry.create("power-allocation", users=6)
WATER = registry.create("water-filling", channels=4)
POLSKA = registry.create("ip-optical-planning", topology="polska")
LAYERS = registry.create("ip-optical-planning", topology="polska", layers=2)
OFFLOADING = registry.create("offloading", users=6, servers=2)
GAINS, POWERS = [0.5, 0.4, 1.0, 1.5], [1.0, 0.5, 1.0, 0.5]


def struck(scenario, event, start, **request):
    event = [event] if isinstance(event, str) else event
    return Request(start=start, event=event, **request).resolve(scenario)


def certified(scenario, where=("reliability>=1", "ip>=1")):
    context = scenario.presets["published"]
    return scenario.certify(context[None], parse(where, scenario.labels)).design[0]


def test_a_weaker_channel_does_what_the_formula_says():
    request = struck(WATER, "gain of channel 2 -50%", POWERS, context=GAINS, where=["max_power<=1"])
    assert request.context.tolist() == pytest.approx([0.5, 0.2, 1.0, 1.5])
    done = impact(request)
    before, after = (sum(math.log2(1 + gain * power) for gain, power in zip(gains, POWERS, strict=True))
                     for gains in (GAINS, request.context.tolist()))
    row = done.rows()[0]
    assert (row["label"], row["worse"]) == ("utility", True)
    assert row["before"] == pytest.approx(before, rel=1e-5)
    assert row["after"] == pytest.approx(after, rel=1e-5)
    assert not done.broken
    assert "still meets the request" in done.sentence()


@pytest.mark.parametrize(("event", "expected"), [
    ("gain +20%", [0.6, 0.48, 1.2, 1.8]), ("gain - 50 %", [0.25, 0.2, 0.5, 0.75]), ("gain*0.5", [0.25, 0.2, 0.5, 0.75]),
    ("gain of channel 4 = 0.25", [0.5, 0.4, 1.0, 0.25]), ("gain of CHANNEL 1 + 1e-1", [0.6, 0.4, 1.0, 1.5]),
    (["gain *0.5", "gain of channel 1 *2"], [0.5, 0.2, 0.5, 0.75])])
def test_changes_of_the_situation_are_read(event, expected):
    assert struck(WATER, event, POWERS, context=GAINS).context.tolist() == pytest.approx(expected)


def test_a_bound_holds_from_now_on():
    request = struck(SIX, "total_power<=50", [10] * 6, where=["total_power<=80", "max_power<=20"], seed=1)
    assert {str(bound) for bound in request.constraints} == {"total_power<=50", "max_power<=20"}
    done = impact(request)
    assert done.before.labels == done.after.labels
    assert done.before.meets
    assert [str(bound) for bound in done.broken] == ["total_power<=50"]
    assert "breaks total_power<=50 (it has 60)" in done.sentence()


def test_what_was_broken_before_is_said_so():
    done = impact(struck(SIX, "gain of user 1 -10%", [10] * 6, where=["total_power<=50"], seed=1))
    assert "already before" in done.sentence()


def test_a_failed_link_carries_nothing_and_the_traffic_is_routed_without_it():
    start = certified(POLSKA)
    request = struck(POLSKA, "link Warsaw-Gdansk fails" if "link Warsaw-Gdansk" in failing(POLSKA) else
                     "link Gdansk-Warsaw is down", start, preset="published", where=["ip>=1", "reliability>=1"])
    place = POLSKA.entity_names(18).index(request.incident.failed[0])
    assert start[place] > 0
    assert request.start[place] == 0
    assert int((request.start != start).sum()) == 1
    done = impact(request)
    assert done.before.meets
    assert done.after.labels["ip"] == 1, "the plan survives every single failure"
    assert [str(bound) for bound in done.broken] == ["reliability>=1"]


def test_grown_demand_of_one_pair_and_of_all():
    names = context_names(POLSKA, POLSKA.context_features[0])
    assert len(set(names)) == 66
    start, before = certified(POLSKA), POLSKA.presets["published"]
    one = struck(POLSKA, f"demand of {names[5].lower()} +50%", start, preset="published").context
    assert [place for place in range(66) if one[place] != before[place]] == [5]
    assert float(one[5]) == pytest.approx(1.5 * float(before[5]))
    done = impact(struck(POLSKA, "demand +30%", start, preset="published", where=["reliability>=1"]))
    assert done.broken
    free = impact(struck(POLSKA, "demand +30%", start, preset="published")).sentence()
    assert "the request has no constraints" in free


@pytest.mark.parametrize("scenario", [SIX, WATER, LAYERS, OFFLOADING, registry.create("contract"),
                                      registry.create("stackelberg"), registry.create("queue-scheduling")])
def test_only_events_that_can_happen_are_proposed(scenario):
    proposed = examples(scenario)
    assert bool(proposed) == scenario.designs_transfer
    assert ("user 2 fails" in proposed) == (scenario is SIX)
    assert not [event for event in proposed if event.startswith(("share", "all "))]
    start = scenario.admissible(torch.stack(bounds(scenario.state_features)).mean(0, keepdim=True))[0]
    for event in proposed[::40]:
        impact(struck(scenario, event, start, seed=0))


def test_a_cut_fibre_takes_all_its_lightpaths():
    start = torch.full((LAYERS.action_size,), 1.0)
    request = struck(LAYERS, "fibre Gdansk-Warsaw fails", start, preset="published")
    names = LAYERS.entity_names(LAYERS.action_size)
    lost = {names[place] for place in (request.start == 0).nonzero()[:, 0].tolist()}
    assert lost == set(request.incident.failed)
    assert "lightpath Gdansk-Warsaw" in lost
    assert len(lost) > 1
    route = next(number for number in range(18) if LAYERS.topology.link_name(number) == "Gdansk-Warsaw")
    assert all(LAYERS.problem.over[names.index(name), route] == 1 for name in lost)


def test_all_values_of_one_user_change_together():
    request = struck(OFFLOADING, "gain of user 3 -50%", OFFLOADING.certify(OFFLOADING.draw_contexts(
        1, torch.Generator().manual_seed(2))).design[0], seed=2)
    before = OFFLOADING.draw_contexts(1, torch.Generator().manual_seed(2))[0]
    gains, first = OFFLOADING.context_features[-1], len(before) - OFFLOADING.context_features[-1].size
    each = gains.size // 6
    changed = (request.context != before).nonzero()[:, 0].tolist()
    assert set(changed) <= set(range(first + 2 * each, first + 3 * each))
    assert torch.allclose(request.context[changed], before[changed] / 2)


@pytest.mark.parametrize(("scenario", "event", "message"), [
    (SIX, "user 9 fails", "Unknown part of the design 'user 9'"),
    (SIX, "gian +5%", "Unknown context feature 'gian'"),
    (SIX, "gain of user 9 +5%", "Unknown name 'user 9'"),
    (SIX, "it rains", "cannot be read. Write"),
    (SIX, "gain *5%", "cannot be read. Write"),
    (SIX, "gain *5000", "after gain \\*5000: .*allowed: a finite number"),
    (SIX, "speed>=3", "Unknown label"),
    (OFFLOADING, "user 2 fails", "has to use it, so it cannot fail"),
])
def test_what_cannot_happen_is_refused(scenario, event, message):
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(0))
    with pytest.raises(AignError, match=message):
        struck(scenario, event, scenario.certify(context).design[0])


def test_an_event_needs_a_deployed_design():
    with pytest.raises(AignError, match="give the deployed design as start"):
        Request(event=["gain -5%"]).resolve(SIX)
    with pytest.raises(AignError, match="sequence of decisions, so none is deployed"):
        Request(event=["arrivals *2"]).resolve(registry.create("queue-scheduling"))
    with pytest.raises(AignError, match="give a list of events"):
        Request(event="gain -5%")
    with pytest.raises(AignError, match="none is given"):
        impact(Request(start=[1] * 6).resolve(SIX))


def test_requests_without_events_are_written_as_before():
    assert "event" not in Request(start=[1] * 6).resolve(SIX).to_json()
    assert struck(SIX, "gain -5%", [1] * 6).to_json()["event"] == ["gain -5%"]
    assert "event" not in RequestSettings(name="free").model_dump()
    settings = RequestSettings(name="weaker", event=("gain -5%",))
    assert Request.of(settings).event == ("gain -5%",)


def test_a_figure_that_is_none_is_null_in_json():
    start = [10.0] * 6
    done = impact(struck(SIX, "user 3 fails", start, seed=1, where=["min_rate>=1"]))
    row = next(row for row in done.to_json()["rows"] if row["label"] == "min_sinr_db")
    assert row["after"] is None or math.isfinite(row["after"])
    assert done.broken
