"""What travels with data or models names no code: nothing that a stranger's file names is imported unless trusted."""

import json
import shutil

import pytest
import typer
import yaml
from diffusers import DiffusionPipeline
from smoke import aign, contents, inside, jobs_here
from stranger import AGENT, CODE, MODULE, NAMING, PLAIN, SMALL, SPELLINGS, Stranger, made, respelled

from aign import cli
from aign.console.models import Models, catalogue
from aign.diffusion import store as models
from aign.diffusion.pipeline import DesignPipeline
from aign.errors import ModelError, TrustError
from aign.exchange.local_store import LocalStore
from aign.exchange.merge import merge
from aign.exchange.publish import publish_dataset
from aign.exchange.publish_model import publish_model
from aign.exchange.published import import_published
from aign.files import manifest
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.verification import verify

DATASET, MODEL, PUBLISHED = "data/trajectories/walk", "models/walk", "published"
COMMANDS = {
    "dataset info": (DATASET,),
    "dataset verify": (DATASET, "--replay"),
    "dataset export": (DATASET, "--as", "npz", "--to", "made.npz"),
    "dataset merge": (DATASET, "data/trajectories/again", "--to", "made"),
    "dataset import": (PUBLISHED, "--to", "made"),
    "publish dataset": (DATASET, "--to", "made"),
    "publish model": (MODEL, "--to", "made"),
    "design": ("gymnasium", "--model", MODEL, "--count", "1"),
    "ask": ("two designs", "--model", MODEL, "--yes"),
}
"""Every command that opens a dataset or model that may be a stranger's, with arguments."""
STAGES = {"train", "sample", "evaluate"}
"""Commands that open what earlier stages made of the user's parameters."""
NONE_OPENED = {"collect", "dataset copy", "plan", "scenarios", "survey"}
SERVING = {"console", "mcp"}
"""Commands that go on without what they may not open."""
CALLS = {
    "TrajectoryStore.open": lambda to, **trust: TrajectoryStore.open(DATASET, **trust).scenario,
    "TrajectoryStore.open, quick": lambda to, **trust: TrajectoryStore.open(DATASET, deep=False, **trust).scenario,
    "LocalStore.open": lambda to, **trust: LocalStore.open(to(DATASET), **trust),
    "verify": lambda to, **trust: list(verify(to(DATASET), **trust)),
    "merge": lambda to, **trust: merge([to(DATASET), to("data/trajectories/again")], to("made"), **trust),
    "import_published": lambda to, **trust: import_published(to(PUBLISHED), to("made"), **trust),
    "publish_dataset": lambda to, **trust: publish_dataset([to(DATASET)], "made", **trust),
    "publish_model": lambda to, **trust: publish_model(to(MODEL), "made", **trust),
    "store.load": lambda to, **trust: models.load(to(MODEL), **trust).scenario,
    "store.find": lambda to, **trust: models.find(to("models"), "gymnasium", {}, **trust).scenario,
    "from_pretrained": lambda to, **trust: DesignPipeline.from_pretrained(MODEL, **trust).scenario,
}
"""Every way in Python."""


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    """The stranger's folder; read-only."""
    folder = tmp_path_factory.mktemp("offered")
    (folder / "code").mkdir()
    (folder / "code" / f"{MODULE}.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "code")
        stranger = made(folder)
        assert stranger.imported, "a trusted module is imported"
        stranger.forget()
    return stranger


@pytest.fixture
def stranger(offered, tmp_path, monkeypatch):
    """A copy of it, in which the test stands, with the stranger's module at hand but not imported."""
    monkeypatch.syspath_prepend(tmp_path / "here" / "code")
    here = Stranger(shutil.copytree(offered.folder, tmp_path / "here"))
    shutil.copytree(here.dataset, here.dataset.with_name("again"))
    with inside(here.folder):
        yield here
    here.forget()


def refused(outcome, stranger, *words):
    assert outcome.code == 2, outcome
    assert outcome.err.startswith("error: ")
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err
    assert not stranger.imported


def leaves(command, name=""):
    """Return every command of the command line by its full name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return {name: command}
    return {full: leaf for key, value in inner.items() for full, leaf in leaves(value, f"{name} {key}".strip()).items()}


def test_every_command_that_opens_something_is_among_these():
    there = leaves(typer.main.get_command(cli.app))
    assert there.keys() == COMMANDS.keys() | STAGES | NONE_OPENED | SERVING
    assert {name for name, leaf in there.items() if "trust_code" in [one.name for one in leaf.params]} == \
        COMMANDS.keys() | SERVING


def test_the_console_lists_what_it_may_not_open_and_imports_nothing(stranger):
    listed = catalogue(Models(stranger.folder / "models"))
    assert "walk" in [model["name"] for model in listed["refused"]]
    assert f"module '{MODULE}'" in listed["refused"][0]["error"]
    assert listed["networks"] == []
    with pytest.raises(TrustError):
        Models(stranger.folder / "models").open("walk")
    assert not stranger.imported
    assert Models(stranger.folder / "models", trust_code=True).open("walk").pipeline.scenario.name == "gymnasium"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_to_import_what_a_file_names(stranger, name):
    before = contents(stranger.folder)
    outcome = aign(*name.split(), *COMMANDS[name])
    file = "model_index.json" if MODEL in COMMANDS[name] else "meta/info.json"
    refused(outcome, stranger, f"{file}: its scenario names code", f"module '{MODULE}'", f"rules '{MODULE}:keep_left'",
            "--trust-code")
    assert contents(stranger.folder) == before, "nothing is written either"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_obeys_who_trusts(stranger, name):
    outcome = aign(*name.split(), *COMMANDS[name], "--trust-code")
    assert outcome.code == 0, outcome.err
    assert stranger.imported or name == "dataset info", "which shows what is stored and builds no scenario"


@pytest.mark.parametrize("name", CALLS)
def test_every_call_refuses_and_obeys(stranger, name):
    with pytest.raises(TrustError, match=f"module '{MODULE}'"):
        CALLS[name](stranger.folder.joinpath)
    with pytest.raises(TrustError, match=r"not the scenario of your params\.yaml"):
        CALLS[name](stranger.folder.joinpath, trust_code={**NAMING, "module": "other"})
    assert not stranger.imported
    CALLS[name](stranger.folder.joinpath, trust_code=NAMING)
    assert stranger.imported
    stranger.forget()
    shutil.rmtree("made", ignore_errors=True)
    CALLS[name](stranger.folder.joinpath, trust_code=True)
    assert stranger.imported


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_parameter_that_names_code_is_overlooked(stranger, spelling):
    respelled(stranger, {**PLAIN, **SPELLINGS[spelling]})
    for place, opened in (("info.json", lambda: TrajectoryStore.open(stranger.dataset)),
                          ("model_index.json", lambda: models.load(stranger.model)),
                          ("model_index.json", lambda: DesignPipeline.from_pretrained(stranger.model))):
        with pytest.raises(TrustError, match=rf"{place}: .*{MODULE}.*--trust-code"):
            opened()
    assert not stranger.imported


def test_what_names_no_code_needs_no_trust(stranger):
    plain = {**PLAIN, "options": {"sutton_barto_reward": True}}
    respelled(stranger, plain)
    assert TrajectoryStore.open(stranger.dataset).scenario.parameters.options == plain["options"]
    assert models.load(stranger.model).scenario.parameters.environment == "CartPole-v1"
    assert not stranger.imported


def test_the_scenario_of_a_log_is_the_users_own_so_there_is_nothing_to_trust(stranger):
    refused(aign("dataset", "import", "log.csv", "--mapping", "log.yaml", "--scenario", "gymnasium", "--to", "made",
                 "--trust-code"), stranger, "--trust-code is for published datasets")


def test_the_model_found_under_models_is_a_strangers_too(stranger):
    refused(aign("design", "gymnasium", "--count", "1"), stranger, "model_index.json", "--trust-code")


# --- the user's own parameters ----------------------------------------------------------------------------------------
def write_parameters(scenario):
    settings = {"scenario": scenario, "train": SMALL.model_dump(mode="json", exclude_unset=True),
                "collect": {"agents": [AGENT]}, "sample": {"requests": [{"name": "free", "count": 1}]}}
    base = {"device": "cpu", "workers": 1}
    with open("params.yaml", "w") as file:
        yaml.safe_dump({"base": base, "variants": {"walk": settings}}, file)


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_refuses_code_that_its_parameters_do_not_name(stranger, stage):
    write_parameters(PLAIN)
    refused(aign(stage, "walk"), stranger, f"module '{MODULE}'", "not the scenario of your params.yaml", "dvc repro")


def test_evaluate_refuses_a_model_of_other_code(stranger):
    write_parameters(PLAIN)
    index = (stranger.model / "model_index.json").read_text()
    respelled(stranger, PLAIN)
    (stranger.model / "model_index.json").write_text(index)
    manifest.build(stranger.model)
    refused(aign("evaluate", "walk"), stranger, "model_index.json", "not the scenario of your params.yaml")


@pytest.mark.parametrize("stage", ["train", "sample"])
def test_a_stage_trusts_what_its_parameters_name(stranger, stage):
    write_parameters(NAMING)
    with jobs_here():
        outcome = aign(stage, "walk")
    assert outcome.code == 0, outcome.err
    assert stranger.imported


# --- parts of a model -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("part", [{"unet": [MODULE, "Net"]}, {"scheduler": [MODULE, "Net"]}, {"more": [MODULE, "Net"]},
                                  {"_class_name": [MODULE, "Net"]}, {"inverse": ["os", "system"]}])
def test_a_model_whose_parts_are_somebodys_code_is_refused_even_where_it_is_trusted(stranger, part):
    file = stranger.model / "model_index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | part))
    manifest.build(stranger.model)
    for opened in (models.load, DesignPipeline.from_pretrained):
        with pytest.raises(ModelError, match=r"model_index.json: cannot be opened as a design pipeline"):
            opened(stranger.model, trust_code=True)
    assert not stranger.imported


@pytest.mark.parametrize("place", [f"{MODULE}.py", "None.py", f"unet/{MODULE}.py"])
def test_a_model_folder_with_python_files_is_refused(stranger, place):
    (stranger.model / place).write_text("raise SystemExit('this was run')")
    manifest.build(stranger.model)
    for opened in (models.load, DesignPipeline.from_pretrained):
        with pytest.raises(ModelError, match=rf"{place}: a model folder holds no code"):
            opened(stranger.model, trust_code=True)


def test_diffusers_itself_imports_nothing_of_it(stranger):
    with pytest.raises(AttributeError, match="DesignPipeline"):
        DiffusionPipeline.from_pretrained(stranger.model, local_files_only=True)
    assert not stranger.imported
