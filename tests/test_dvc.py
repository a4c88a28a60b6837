"""The files that run the stages: what they run, watch and write."""

import subprocess
from pathlib import Path

import pytest
import yaml
from imports import closure, imported, is_empty, modules_of

from aign import params
from aign.scenarios.core.registry import package_of
from aign.stages import folders
from aign.stages.watched import PLACES, watched

ROOT = Path(__file__).parents[1]
GROUPS = {"dvc.yaml": "variants", "pipeline/dvc.yaml": "further"}
STAGES = ["collect", "train", "sample", "evaluate"]
CHANGES_NO_RESULT = {
    "aign": "the public face, whose names no stage uses: importing it loads none of them",
    "aign.errors": "messages",
    "aign.params": "reads params.yaml, of which DVC compares the values; hands each stage its own blocks",
    "aign.checked_yaml": "the same",
    "aign.settings": "the names and bounds of `base`, of which DVC compares the values",
    "aign.stages.folders": "where results lie, which dvc.yaml says too",
    "aign.engines.job": "runs what it is given",
    "aign.engines.jobs": "the same",
    "aign.engines.local": "the same, in processes of their own",
    "aign.engines.cluster": "the same, on other machines",
    "aign.engines.messages": "prints",
    "aign.engines.progress": "prints",
    "aign.engines.scratch": "keeps half-finished work for the same code and values only",
    "aign.engines.completion": "does damaged work again",
    "aign.stages.watched": "this list's counterpart",
    "aign.trust": "refuses or lets through",
}
"""Modules that stages load but that no result rests on, and why; what params.py imports is no stage's but its own."""


def stages(file):
    return yaml.safe_load((ROOT / file).read_text())["stages"]


def filled(text, name, variant):
    return text.replace("${key}", name) \
        .replace("${item.scenario.name}", package_of(variant.scenario.name)) \
        .replace("${item.collect.agents[0]}", variant.collect.agents[0])


@pytest.fixture(scope="module")
def known():
    return params.load(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def blocks():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize(("file", "group"), GROUPS.items())
def test_every_network_of_the_group_is_run_by_the_commands_of_this_program(file, group):
    assert list(stages(file)) == STAGES
    for name, stage in stages(file).items():
        assert stage["foreach"] == f"${{{group}}}"
        assert stage["do"]["cmd"] == f"python pipeline {name} ${{key}}"


def test_both_files_run_the_same():
    first, second = stages("dvc.yaml"), stages("pipeline/dvc.yaml")
    for stage in second.values():
        assert stage["do"].pop("wdir") == ".."
    assert yaml.safe_dump(first) == yaml.safe_dump(second).replace("further", "variants")


@pytest.mark.parametrize(("file", "group"), GROUPS.items())
def test_every_parameter_tracked_is_there(file, group, known, blocks):
    content = known.model_dump(mode="json")
    for stage in stages(file).values():
        for name, variant in getattr(known, group).items():
            for path in stage["do"]["params"]:
                for value in (content, blocks):  # DVC reads the file as it is: it knows no defaults
                    for part in filled(path, name, variant).split("."):
                        value = value[part]


@pytest.mark.parametrize("group", GROUPS.values())
def test_every_network_says_what_dvc_needs_and_where_its_code_is(group, known, blocks):
    for name, variant in getattr(known, group).items():
        assert (ROOT / "pipeline/aign/scenarios" / blocks[group][name]["scenario"]["name"]).is_dir(), name
        variant.create_scenario()
        assert list(variant.collect.agents) == blocks[group][name]["collect"]["agents"]


def networks(known, group):
    return getattr(known, group).items()


@pytest.mark.parametrize(("file", "group"), GROUPS.items())
@pytest.mark.parametrize("stage", STAGES)
def test_dvc_watches_the_same_code_as_half_finished_work(stage, file, group, known):
    for name, variant in networks(known, group):
        paths = [Path(filled(path, name, variant)) for path in stages(file)[stage]["do"]["deps"]]
        code = [path.with_suffix("") for path in paths if path.is_relative_to("pipeline")]
        assert sorted(code) == sorted(Path("pipeline/aign") / place for place in watched(stage, variant.scenario.name))


def unwatched(places, names):
    """Return the modules loaded by the named ones on which a result may rest, and that lie in none of the places."""
    loaded = {name for name, file in closure(names, beyond=["aign", "aign.params"]).items() if not is_empty(file)}
    return loaded - CHANGES_NO_RESULT.keys() - set().union(*map(modules_of, places))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_watches_all_code_that_it_and_its_network_import_and_no_other_network(stage, known):
    for variant in (known.variants | known.further).values():
        network = modules_of(f"scenarios/{package_of(variant.scenario.name)}")
        assert unwatched(watched(stage, variant.scenario.name), [f"aign.stages.{stage}", *network]) == set()


@pytest.mark.parametrize(("stage", "place"), [(stage, place) for stage in STAGES for place in PLACES[stage]])
def test_no_place_watched_is_in_vain(stage, place, known):
    places = set(watched(stage, "power-allocation")) - {place}
    assert unwatched(places, [f"aign.stages.{stage}"]), f"{stage} imports nothing of {place}"


@pytest.mark.parametrize("stage", STAGES)
def test_the_imports_read_from_the_sources_are_those_that_happen(stage, python):
    code = f"import sys, aign.stages.{stage}; print(*(name for name in sys.modules if name.split('.')[0] == 'aign'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    happened = set(done.stdout.split())
    assert len(happened) > 20
    assert happened <= closure([f"aign.stages.{stage}"]).keys()


def test_every_form_of_import_is_seen():
    text = ("import aign.files.writing\ndef later():\n    from aign.engines import jobs\n    from . import near\n"
            "    from ..up import x")
    assert imported(text, "aign.stages") == {"aign.files.writing", "aign.engines", "aign.engines.jobs", "aign.stages",
                                             "aign.stages.near", "aign.up", "aign.up.x"}


def test_only_the_registry_imports_code_of_the_package_by_a_computed_name():
    uses = {path.name for path in (ROOT / "pipeline/aign").rglob("*.py") if "import_module(" in path.read_text()}
    assert uses == {"registry.py", "making.py"}  # making.py: environments of others


@pytest.mark.parametrize("file", GROUPS)
def test_what_the_stages_write_is_tracked(file, known):
    def outputs(stage):
        entries = stages(file)[stage]["do"]
        found = [*entries.get("outs", []), *entries.get("metrics", []), *entries.get("plots", [])]
        return {filled(next(iter(one)) if isinstance(one, dict) else one, "power-2", known.variant("power-2"))
                for one in found}

    report = folders.REPORTS / "power-2"
    assert outputs("collect") == {str(folders.TRAJECTORIES / "power-2"), str(folders.AGENTS / "power-2")}
    assert outputs("train") == {str(folders.MODELS / "power-2"), str(folders.MODELS / "power-2-sac-only")}
    assert outputs("sample") == {str(folders.DESIGNS / "power-2")}
    assert outputs("evaluate") == {str(report / name) for name in ("metrics.json", "plots", "report.md")}


@pytest.mark.parametrize("file", GROUPS)
def test_files_watched_exist(file, known):
    for stage in stages(file).values():
        for path in stage["do"]["deps"]:
            if path.startswith("pipeline/"):
                assert (ROOT / filled(path, "power-2", known.variant("power-2"))).exists(), path
