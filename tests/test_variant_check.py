"""Every name in params.yaml is checked before any stage works, whichever variant it belongs to."""

import json
from pathlib import Path

import pytest
import yaml
from smoke import PARAMS, POWER, WATER, aign, inside

from aign import variant_check
from aign.errors import ParameterError
from aign.params import load

CHECKOUT = Path(__file__).parents[1]


def set_at(content, place, value):
    """Return a copy of a parameter file's content with one value replaced; the place is a path of keys."""
    copy = json.loads(json.dumps(content))  # shared blocks become blocks of their own
    block = copy
    for key in place[:-1]:
        block = block.setdefault(key, {}) if isinstance(block, dict) else block[key]
    block[place[-1]] = value
    return copy


def checked(folder, content, running=None):
    """Write a parameter file, read it and check it."""
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    variant_check.check(load(path), path, running)


REQUESTS = ("variants", WATER, "sample", "requests")
TASKS = {"scenario": {"name": "asp-selection", "providers": 3, "tasks": 8}}
MISTAKES = [
    ((*REQUESTS, 1, "where"), ["total_power<=1", "total_pwer<=1"],
     "variants.water-4.sample.requests[1].where[1]: ", "'total_pwer'", "total_power"),
    ((*REQUESTS, 0, "where"), ["total_power=1"], "variants.water-4.sample.requests[0].where[0]: ", "cannot be read"),
    ((*REQUESTS, 0, "where"), ["total_power<=1", "total_power>=2"], "variants.water-4.sample.requests[0].where: ",
     "contradict"),
    ((*REQUESTS, 1, "preset"), "lader", "variants.water-4.sample.requests[1]: ", "'lader'", "'ladder'"),
    ((*REQUESTS, 0, "context"), "none.json", "variants.water-4.sample.requests[0]: ", "none.json: missing"),
    ((*REQUESTS, 0, "count"), 10**6, "variants.water-4.sample.requests[0]: ", "count = 1000000", "100000"),
    (("variants", WATER, "sample", "sampling"), {"scheduler": "DDIMSchedular"},
     "variants.water-4.sample.sampling.scheduler: given 'DDIMSchedular'", "Did you mean 'DDIMScheduler'?"),
    (("variants", WATER, "sample", "sampling"), {"steps": 7}, "variants.water-4.sample.sampling.steps: ",
     "must divide 100"),
    (("variants", WATER, "sample", "sampling"), {"scheduler": "UniPCMultistepScheduler", "steps": 101},
     "variants.water-4.sample.sampling.steps: ", "from 1 to 100"),
    (("variants", WATER, "scenario"), {"name": "water-fillin"}, "variants.water-4.scenario: ", "'water-filling'"),
    (("variants", WATER, "scenario", "chanels"), 3, "variants.water-4.scenario: ", "chanels", "channels"),
    (("variants", WATER, "collect", "agents"), ["sac", "ucb"], "variants.water-4.collect.agents[1]: ", "ucb"),
    (("variants", WATER, "collect", "agents"), ["scam"], "variants.water-4.collect.agents[0]: given 'scam'", "'sac'"),
    (("variants", WATER, "collect", "sources", "solver"), 3, "variants.water-4.collect.sources.solver: ",
     "solver_guided"),
    (("variants", WATER, "train", "network", "kind"), "sets", "variants.water-4.train.network.kind: given 'sets'",
     "'temporal' or 'set'"),
    (("variants", WATER, "train", "stride"), 3, "variants.water-4.train.stride = 3", "horizon 8"),
    (("variants", WATER, "train", "window"), 2, "variants.water-4.train.window = 2", "Leave train.window out"),
    (("variants", WATER, "train", "never_together"), [["total_power", "rate"]],
     "variants.water-4.train.never_together[0][1]: ", "'rate'", "active_channels"),
    (("further",), {"tasks": {**TASKS, "collect": {"sources": {"label_guided": 1}}}},
     "further.tasks.collect.sources.label_guided: ", "Allowed: 0"),
    (("further",), {"tasks": {**TASKS, "train": {"network": {"kind": "set"}, "window": 1, "stride": 1}}},
     "further.tasks.train.network.kind = set: ", "Use kind: temporal"),
]


def test_what_is_right_passes(tmp_path):
    checked(tmp_path, PARAMS, WATER)
    with inside(CHECKOUT):
        variant_check.check(load(), Path("params.yaml"))


@pytest.mark.parametrize(("place", "value", "said", "words"), [(*one[:3], one[3:]) for one in MISTAKES])
def test_each_mistake_is_one_error_with_its_place_whichever_variant_runs(tmp_path, place, value, said, words):
    with pytest.raises(ParameterError) as caught:
        checked(tmp_path, set_at(PARAMS, place, value), POWER)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'params.yaml'}: {said}")
    assert "\n" not in message
    assert all(word in message for word in words)


def test_a_device_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ParameterError, match=r"params\.yaml: base\.device: device 'cuda'"):
        checked(tmp_path, set_at(PARAMS, ("base", "device"), "cuda"))


def test_all_mistakes_are_told_at_once(tmp_path):
    wrong = set_at(set_at(PARAMS, (*REQUESTS, 0, "where"), ["a<=1", "b<=1"]), (*REQUESTS, 1, "where"), ["c<=1"])
    with pytest.raises(ParameterError) as caught:
        checked(tmp_path, wrong)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        f"variants.water-4.sample.requests[{request}].where[{place}]" for request, place in ((0, 0), (0, 1), (1, 0))]


def test_code_of_others_is_needed_for_its_own_stages_only(tmp_path):
    block = {"scenario": {"name": "gymnasium", "environment": "Missing-v0", "module": "no_such_package"}}
    with_other = set_at(PARAMS, ("further",), {"other": block})
    checked(tmp_path, with_other, WATER)
    with pytest.raises(ParameterError, match=r"further\.other\.scenario: .*no_such_package"):
        checked(tmp_path, with_other, "other")
    with pytest.raises(ParameterError, match=r"further\.other\.scenario: .*enviroment"):
        checked(tmp_path, set_at(with_other, ("further", "other", "scenario", "enviroment"), "X"), WATER)


def test_a_stage_does_nothing_where_another_stage_could_not(tmp_path):
    wrong = set_at(PARAMS, (*REQUESTS, 1, "where"), ["total_pwer<=1"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(wrong))
    with inside(tmp_path):
        outcome = aign("collect", POWER)
    assert outcome.code == 2
    assert outcome.err.startswith("error: params.yaml: variants.water-4.sample.requests[1].where[0]: ")
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_an_agent_that_never_learns_is_told(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(set_at(
        PARAMS, ("variants", WATER, "collect", "sac", "learning_starts"), 128)))
    params = load(tmp_path / "params.yaml")
    told = variant_check.never_learning(params.variant(WATER))
    assert [problem.partition(":")[0] for problem in told] == ["collect.sac"]
    assert "learning_starts is 128 and environment_steps bring 128 transitions" in told[0]
    assert variant_check.never_learning(params.variant(POWER)) == []
