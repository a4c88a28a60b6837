import json
import shutil

import pytest

from aign.errors import ParameterError
from aign.params import Params
from aign.stages import collect as stage
from aign.studies import repetitions
from aign.studies.settings import SizeSettings, StudySettings, TablesSettings


@pytest.fixture
def made(workplace, monkeypatch):
    """The miniature dataset of power allocation as repetition 2-3; calls of the stage are counted, not run."""
    from smoke import POWER

    from aign import params

    variant = params.load(workplace / "params.yaml").variant(POWER)
    for room in ("trajectories", "agents"):
        shutil.copytree(workplace / "data" / room / POWER, workplace / "data" / room / "study-2-3")
    called = []
    monkeypatch.setattr(stage, "collect", lambda name, given: called.append((name, given)))
    tables = TablesSettings(sizes=(SizeSettings(users=2, collect=variant.collect),))
    given = Params(variants={"any": variant}, studies=StudySettings(seeds=(3,), tables=tables))
    return given, called, workplace / "data/trajectories/study-2-3/meta/info.json"


def test_what_is_there_is_not_collected_again(made):
    params, called, _ = made
    found = repetitions.everyone(params)
    assert called == []
    assert [(one.name, str(one.dataset), str(one.agents)) for one in found] == [
        ("2-3", "data/trajectories/study-2-3", "data/agents/study-2-3")]
    assert set(found[0].digests()) == {"dataset", "sac", "ppo"}


@pytest.mark.parametrize("change", [
    lambda info: info["provenance"].update(seed=4),
    lambda info: info["provenance"]["collect"].update(train_contexts=5),
    lambda info: info["provenance"]["collect"].update(unheard_of=5),
    lambda info: info["scenario"].update(gains="preset"),
    lambda info: info.pop("provenance"),
])
def test_what_was_made_otherwise_is_collected_again(made, change):
    params, called, path = made
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    repetitions.collected(params, 2, 3)
    [(name, given)] = called
    assert name == "study-2-3"
    assert given.base.seed == 3
    assert given.variant(name).scenario.parameters == {"users": 2, "gains": "general"}
    assert given.variant(name).collect == params.studies.tables.sizes[0].collect


def test_a_setting_added_since_at_its_default_voids_nothing(made):
    params, called, path = made
    info = json.loads(path.read_text())
    assert info["provenance"]["collect"].pop("held_out_share") == 0.05
    path.write_text(json.dumps(info))
    repetitions.collected(params, 2, 3)
    assert called == []


@pytest.mark.parametrize("lost", ["data/agents/study-2-3/sac.safetensors", "data/trajectories/study-2-3"])
def test_what_is_incomplete_is_collected_again(made, workplace, lost):
    params, called, _ = made
    path = workplace / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    repetitions.collected(params, 2, 3)
    assert len(called) == 1


def test_a_number_of_users_the_study_does_not_have_is_refused(made):
    with pytest.raises(ParameterError, match="9 users are not among them; there are 2"):
        repetitions.collected(made[0], 9, 3)


def test_a_number_of_users_stands_once():
    size = TablesSettings().sizes[0]
    with pytest.raises(ValueError, match="20 users stand twice"):
        TablesSettings(sizes=(size, size))
