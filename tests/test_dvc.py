"""The files that run the stages: what they run, watch and write."""

from pathlib import Path

import pytest
import yaml

from aign import params
from aign.scenarios import registry
from aign.stages import collect, evaluate, sample, train

ROOT = Path(__file__).parents[1]
GROUPS = {"dvc.yaml": "variants", "pipeline/dvc.yaml": "further"}
STAGES = ["collect", "train", "sample", "evaluate"]


def stages(file):
    return yaml.safe_load((ROOT / file).read_text())["stages"]


def filled(text, name, variant):
    return text.replace("${package}", "pipeline/aign").replace("${key}", name) \
        .replace("${item.code}", variant.code).replace("${item.collect.agents[0]}", variant.collect.agents[0])


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
        assert stage["do"]["cmd"] == f"aign {name} ${{key}}"


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
        assert variant.code, name
        assert (ROOT / "pipeline/aign/scenarios" / variant.code).exists()
        variant.create_scenario()
        assert list(variant.collect.agents) == blocks[group][name]["collect"]["agents"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_watches_all_code_its_network_depends_on_and_no_other_network(stage, known):
    watched = {Path(path) for path in stages("dvc.yaml")[stage]["do"]["deps"] if "/scenarios/" in path}
    for name, variant in known.variants.items():
        found = {Path(filled(str(path), name, variant)).with_suffix("") for path in watched}
        assert found == {Path("pipeline/aign") / place for place in registry.sources(variant.scenario.name)}


@pytest.mark.parametrize("file", GROUPS)
def test_what_the_stages_write_is_tracked(file, known):
    def outputs(stage):
        entries = stages(file)[stage]["do"]
        found = [*entries.get("outs", []), *entries.get("metrics", []), *entries.get("plots", [])]
        return {filled(next(iter(one)) if isinstance(one, dict) else one, "power-2", known.variant("power-2"))
                for one in found}

    report = evaluate.REPORTS / "power-2"
    assert outputs("collect") == {str(collect.TRAJECTORIES / "power-2"), str(collect.AGENTS / "power-2")}
    assert outputs("train") == {str(train.MODELS / "power-2"), str(train.MODELS / "power-2-sac-only")}
    assert outputs("sample") == {str(sample.DESIGNS / "power-2")}
    assert outputs("evaluate") == {str(report / name) for name in ("metrics.json", "plots", "report.md")}


@pytest.mark.parametrize("file", GROUPS)
def test_files_watched_exist(file, known):
    for stage in stages(file).values():
        for path in stage["do"]["deps"]:
            if path.startswith("${package}"):
                assert (ROOT / filled(path, "power-2", known.variant("power-2"))).exists(), path
