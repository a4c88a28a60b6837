import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import yaml
from smoke import POWER, WATER, aign, contents, flip_byte, jobs_here, write_params

from aign import __version__, params

STAGES = ("collect", "train", "sample", "evaluate")
DESIGN = ("design", "water-filling", "--count", "2")


def refused(outcome, *words):
    """Check that a command ended as it shall where the user can mend something: status 2 and one message alone."""
    assert outcome.code == 2, outcome
    assert outcome.err.startswith("error: ")
    assert "\nerror: " not in outcome.err
    assert "Traceback" not in outcome.err
    for word in words:
        assert str(word) in outcome.err


@pytest.fixture
def untouched(workplace):
    """The damaged workplace is the same after the command as before it."""
    def check(damage, *arguments):
        damage(workplace)
        before = contents(workplace)
        with jobs_here():
            outcome = aign(*arguments)
        assert contents(workplace) == before
        return outcome

    return check


def nothing(folder):
    pass


# --- what there is ---------------------------------------------------------------------------------------------------

def test_help_is_light_and_names_every_command():
    script = ("import sys\nfrom aign.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit as ended:\n"
              "    assert not ended.code\n"
              "heavy = {'torch', 'diffusers', 'datasets', 'pyarrow', 'numpy', 'matplotlib', 'stable_baselines3'}\n"
              "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for name in (*STAGES, "design", "scenarios"):
        assert name in run.stdout


@pytest.mark.slow
def test_the_installed_command_ends_with_two_and_no_traceback(tmp_path):
    command = Path(sys.executable).with_name("aign")
    run = subprocess.run([command, "sample", WATER], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("error: params.yaml: missing")
    assert "Traceback" not in run.stderr


def test_scenarios_are_listed_with_parameters_and_labels():
    outcome = aign("scenarios")
    assert outcome.code == 0
    for word in ("power-allocation", "water-filling", "channels", "total_power"):
        assert word in outcome.out


@pytest.mark.parametrize("arguments", [("nope",), ("collect",), ("design", "water-filling", "--count", "many"),
                                       (*DESIGN, "--seed", "-1"), (*DESIGN, "--seed", str(2**64)), (*DESIGN, "--what")])
def test_wrong_usage_ends_with_two(arguments):
    outcome = aign(*arguments)
    assert outcome.code == 2
    assert "Usage" in outcome.err
    assert "Traceback" not in outcome.err


def test_an_interrupt_says_how_to_go_on(workplace, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(params, "load", interrupt)
    outcome = aign("sample", WATER)
    assert outcome.code == 130
    assert outcome.err == "stopped; run the command again to resume\n"


def test_a_shortage_of_memory_is_one_message(workplace, monkeypatch):
    def ask(path):
        torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr(params, "load", ask)
    refused(aign("sample", WATER), "too little memory", "Ask for less")


# --- parameters ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("stage", STAGES)
def test_an_unknown_variant_is_refused_with_the_nearest(untouched, stage):
    refused(untouched(nothing, stage, "water-5"), "Unknown variant 'water-5'", f"Did you mean '{WATER}'?")


@pytest.mark.parametrize(("place", "value", "words"), [
    (f"variants.{WATER}.train.stepz", 3, ("train.stepz", "Did you mean 'steps'")),
    (f"variants.{WATER}.train.steps", 0, ("train.steps", "given 0")),
    (f"variants.{WATER}.train.steps", "many", ("train.steps", "'many'")),
    (f"variants.{WATER}.sample.sampling", {"guidance": 11}, ("sampling.guidance", "given 11")),
    (f"variants.{WATER}.evaluate.contexts", 1, ("evaluate.contexts", "given 1")),
    ("base.device", "tpu", ("base.device", "'tpu'")),
    ("base.seed", -1, ("base.seed", "given -1")),
    (f"variants.{WATER}.scenario", {"name": "water-fling"}, ("Unknown scenario", "Did you mean 'water-filling'")),
    (f"variants.{WATER}.scenario.channels", 1, ("channels", "greater than or equal to 2")),
    (f"variants.{WATER}.scenario.users", 3, ("users", "Parameters: channels")),
])
def test_a_parameter_out_of_place_or_range_is_named(untouched, place, value, words):
    refused(untouched(lambda folder: write_params(folder, {place: value}), "collect", WATER), *words)


@pytest.mark.parametrize(("text", "word"), [("a: [1", "not valid YAML"), ("", "must contain the blocks"),
                                            ("base: {}\nbase: {}", "duplicate key"), ("base: {}", "variants: missing"),
                                            ("- 1", "must contain the blocks"), ("base: {seed: .nan}", "base.seed")])
def test_a_broken_parameter_file_is_refused(untouched, text, word):
    refused(untouched(lambda folder: (folder / "params.yaml").write_text(text), "train", WATER), "params.yaml", word)


def test_a_parameter_file_elsewhere_can_be_named(untouched, tmp_path):
    refused(untouched(nothing, "sample", WATER, "--params", tmp_path / "none.yaml"), tmp_path / "none.yaml", "missing")
    (tmp_path / "folder").mkdir()
    refused(untouched(nothing, "sample", WATER, "--params", tmp_path / "folder"), "folder")


# --- requests --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("arguments", "words"), [
    (("--where", "totl_power<=1"), ("Unknown label 'totl_power'", "Did you mean 'total_power'")),
    (("--where", "total_power=1"), ("cannot be read", "LABEL<=NUMBER")),
    (("--where", "total_power<=1e999"), ("finite",)),
    (("--where", "total_power<=1", "--where", "total_power>=2"), ("contradict",)),
    (("--where", "total_power<=1", "--where", "total_power>1"), ("contradict",)),
    (("--preset", "lader"), ("Unknown preset 'lader'", "ladder")),
    (("--count", "0"), ("count = 0",)),
    (("--count", "1000000000"), ("count = 1000000000",)),
    (("--preset", "ladder", "--context", "context.json"), ("give one of them",)),
    (("--context", "none.json"), ("none.json", "missing")),
    (("--save", "."), ("--save .", "does not name a file")),
    (("--users", "3"), ("Scenario water-filling: users", "Parameters: channels")),
    (("--set", "channels=3"), ("no model for water-filling, channels=3", "models/water-4")),
    (("--set", "channels"), ("--set channels", "NAME=VALUE")),
])
def test_a_request_that_cannot_be_is_refused(untouched, arguments, words):
    refused(untouched(nothing, *DESIGN, *arguments, *(() if "--save" in arguments else ("--save", "out"))), *words)


@pytest.mark.parametrize(("name", "words"), [
    ("water-fling", ("Unknown scenario 'water-fling'", "Did you mean 'water-filling'")),
    (WATER, ("is a model, not a scenario", f"`aign design water-filling --model models/{WATER}`")),
    ("water_filling", ("no model for water-filling, channels=3",))])
def test_a_name_that_is_no_scenario_is_refused_and_underscores_are_read(untouched, name, words):
    further = ("--set", "channels=3") if name == "water_filling" else ()
    refused(untouched(nothing, "design", name, *further), *words)


@pytest.mark.parametrize(("content", "words"), [("[1, 1]", ("needs 4 context values", "given 2")),
                                                ("[1, .nan, 1, 1]", ("gain[1] = nan",)),
                                                ("[1, 1, -1, 1]", ("gain[2] = -1", "allowed")),
                                                ("[1, 1, 1, 1", ("YAML",)), ("{gian: [1, 1, 1, 1]}", ("'gain'",))])
def test_a_context_that_fits_no_network_is_refused(untouched, content, words):
    damage = lambda folder: (folder / "context.yaml").write_text(content)  # noqa: E731
    refused(untouched(damage, *DESIGN, "--context", "context.yaml", "--save", "out"), "context.yaml", *words)


def test_a_design_is_shown_and_saved(workplace):
    outcome = aign(*DESIGN, "--preset", "ladder", "--where", "total_power<=1", "--save", "new/green")
    assert (outcome.code, outcome.err) == (0, "")
    stored = json.loads((workplace / "new/green.json").read_text())
    assert len(stored["designs"]) == 2
    assert f"{stored['designs'][0]['utility']:.4f}" in outcome.out
    assert stored["where"] == ["total_power<=1"]
    for ending in (".json", ".parquet", ".png", "-why.png"):
        assert f"made new/green{ending}" in outcome.out
    assert len(list((workplace / "new").iterdir())) == 4
    assert "total_power<=1 binds" in outcome.out
    assert "Path: utility" in outcome.out
    assert len(stored["diversity"]["novelty"]) == 2  # the miniature data set of this network lies at hand


def test_any_sense_negation_and_a_spread_choice_through_the_command(workplace):
    outcome = aign("design", "power-allocation", "--users", 2, "--count", 6, "--where", "total_power<40", "--where",
                   "not jain_fairness<=0.9", "--spread", 3, "--save", "any")
    assert (outcome.code, outcome.err) == (0, "")
    stored = json.loads((workplace / "any.json").read_text())
    assert stored["where"] == ["total_power<40", "jain_fairness>0.9"]
    assert 1 <= len(stored["designs"]) <= 3
    assert all(row["feasible"] and row["total_power"] < 40 and row["jain_fairness"] > 0.9 for row in stored["designs"])


def test_an_infeasible_request_names_the_cause_and_the_nearest_design(workplace):
    outcome = aign("design", "power-allocation", "--users", 2, "--count", 2, "--where", "min_rate>=8000", "--where",
                   "total_power<=30", "--save", "none")
    assert (outcome.code, outcome.err) == (0, "")
    stored = json.loads((workplace / "none.json").read_text())
    assert stored["diagnosis"]["cause"] == "min_rate>=8000"
    assert stored["diagnosis"]["nearest_labels"]["total_power"] <= 30
    assert stored["explanation"] is None
    assert "because of min_rate>=8000" in " ".join(outcome.out.split())
    assert not (workplace / "none-why.png").exists()


def test_users_and_model_choose_the_model_and_the_seed_the_design(workplace):
    for number, arguments in enumerate([("--users", 2), ("--model", f"models/{POWER}"), ("--seed", 1)]):
        assert aign("design", "power-allocation", "--count", 2, *arguments, "--save", f"out-{number}").code == 0
    by_users, by_model, other = (Path(f"out-{number}.json").read_text() for number in range(3))
    assert by_users == by_model != other


@pytest.mark.slow
def test_a_process_of_its_own_opens_a_model_and_says_nothing_on_stderr(workplace):
    command = Path(sys.executable).with_name("aign")
    run = subprocess.run([command, *DESIGN, "--preset", "ladder"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "certified utility" in run.stdout


# --- models and datasets ---------------------------------------------------------------------------------------------

MODEL = f"models/{WATER}"
DAMAGES = {
    "missing": (lambda model: shutil.rmtree(model), "no such model folder"),
    "empty": (lambda model: [shutil.rmtree(model), model.mkdir()], "no model_index.json"),
    "foreign": (lambda model: [shutil.rmtree(model), model.mkdir(),
                               (model / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')],
                "manifest.json: missing"),
    "no JSON": (lambda model: (model / "meta/manifest.json").write_text("{"), "not readable as JSON"),
    "incomplete": (lambda model: (model / "unet/config.json").unlink(), "unet/config.json: missing"),
    "added": (lambda model: (model / "unet/extra.bin").write_text("x"), "unet/extra.bin: foreign"),
    "altered": (lambda model: flip_byte(model / "inverse/diffusion_pytorch_model.safetensors"), "altered"),
    "truncated": (lambda model: os.truncate(model / "unet/diffusion_pytorch_model.safetensors", 100), "truncated"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("arguments", [("sample", WATER), ("evaluate", WATER), (*DESIGN, "--model", MODEL)])
def test_a_model_that_is_not_whole_is_refused(untouched, damage, arguments):
    make, words = DAMAGES[damage]
    refused(untouched(lambda folder: make(folder / MODEL), *arguments), MODEL, words)


def test_a_strange_neighbour_does_not_hide_a_model(workplace):
    for number, text in enumerate(("[]", "{}", '{"design": null}', '{"design": {"scenario": 3}}')):
        (workplace / "models" / f"other-{number}").mkdir()
        (workplace / "models" / f"other-{number}" / "model_index.json").write_text(text)
    assert aign(*DESIGN).code == 0


def test_without_any_model_the_way_to_one_is_said(untouched):
    refused(untouched(lambda folder: shutil.rmtree(folder / "models"), *DESIGN), "Models there: none",
            f"Or train one: `aign collect {WATER} && aign train {WATER}`.")
    refused(aign("design", "water-filling", "--set", "channels=7"), "Or add that network to params.yaml and train it.")


@pytest.mark.parametrize(("group", "command"), [("variants", f"dvc repro train@{WATER}"),
                                                ("further", f"dvc repro pipeline/dvc.yaml:train@{WATER}")])
def test_in_a_checkout_the_command_for_a_model_is_that_of_its_group(workplace, monkeypatch, group, command):
    shutil.rmtree(workplace / "models")
    content = yaml.safe_load((workplace / "params.yaml").read_text())
    content.setdefault(group, {})[WATER] = content["variants"].pop(WATER)
    (workplace / "params.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr("aign.checkout.here", lambda: True)
    refused(aign(*DESIGN), f"Or train one: `{command}`.")


@pytest.mark.parametrize("stage", ["train", "evaluate"])
@pytest.mark.parametrize("pattern", ["*.arrow", "contexts.safetensors", "meta/info.json"])
def test_one_altered_byte_of_a_dataset_is_found(untouched, stage, pattern):
    dataset = Path("data/trajectories") / WATER
    refused(untouched(lambda folder: flip_byte(next((folder / dataset).glob(pattern))), stage, WATER), dataset,
            "altered")


@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_a_missing_dataset_is_named(untouched, stage):
    refused(untouched(lambda folder: shutil.rmtree(folder / "data/trajectories"), stage, WATER),
            f"data/trajectories/{WATER}: no such folder")


# --- disks -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("stage", "place"), [("collect", "data/agents"), ("collect", "data/trajectories"),
                                              ("collect", ".scratch"), ("train", "models"), ("train", ".scratch"),
                                              ("sample", "data/designs"), ("evaluate", "data/reports")])
def test_where_no_folder_can_be_made_it_is_said(workplace, stage, place):
    if (workplace / place).exists():
        shutil.rmtree(workplace / place)
    (workplace / place).write_text("in the way")
    with jobs_here():
        refused(aign(stage, WATER), place, "writable folder")
    assert (workplace / place).read_text() == "in the way"


def test_a_design_under_a_file_cannot_be_saved(untouched):
    refused(untouched(nothing, *DESIGN, "--save", "params.yaml/out"), "params.yaml/out.json", "cannot be written")


@contextmanager
def largest_file(size):
    """Let writing beyond a size fail in every library, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("stage", "size"), [("sample", 500), *((stage, 20_000) for stage in STAGES)])
def test_a_disk_that_fills_up_costs_no_result(workplace, stage, size):
    before = contents(workplace)
    with jobs_here(), largest_file(size):
        refused(aign(stage, WATER), "cannot be written", "Free some disk space")
    assert contents(workplace) == before
    with jobs_here():
        assert aign(stage, WATER).code == 0
    if stage != "evaluate":  # whose report holds times
        assert contents(workplace) == before


@pytest.mark.parametrize("arguments", [("sample", WATER), ("evaluate", WATER), (*DESIGN, "--save", "out")])
def test_a_disk_found_full_at_the_flush_costs_no_result(untouched, monkeypatch, arguments):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused(untouched(nothing, *arguments), "No space left on device", "Free some disk space")


def test_the_version_is_a_number():
    assert __version__.split(".")[0].isdigit()


def test_a_label_as_the_objective_and_changes_from_a_saved_design(workplace):
    assert aign(*DESIGN, "--preset", "ladder", "--save", "today").code == 0
    outcome = aign(*DESIGN, "--preset", "ladder", "--where", "max_power<=0.5", "--objective", "min total_power",
                   "--objective", "utility", "--start", "today.json", "--save", "two")
    assert (outcome.code, outcome.err) == (0, "")
    stored = json.loads((workplace / "two.json").read_text())
    assert stored["request"]["objective"] == ["min total_power", "utility"]
    assert stored["changes"]["start"]["design"] == json.loads((workplace / "today.json").read_text()
                                                              )["designs"][0]["design"]
    assert stored["changes"]["steps"][-1]["design"] == stored["designs"][0]["design"]
    assert stored["front"]["ranks"][0] == 1
    assert "made two-front.png" in outcome.out
    assert "Changes from the deployed design" in " ".join(outcome.out.split())


def test_suggestions_mend_a_deployed_design(workplace):
    (workplace / "start.yaml").write_text("{power: [40, 40]}\n")
    outcome = aign("design", "power-allocation", "--users", 2, "--count", 2, "--where", "total_power<=60", "--start",
                   "start.yaml", "--suggest", "--save", "mended")
    assert (outcome.code, outcome.err) == (0, "")
    suggestions = json.loads((workplace / "mended-suggestions.json").read_text())["suggestions"]
    assert min(suggestion["count"] for suggestion in suggestions) == 1
    assert all(suggestion["steps"][-1]["labels"]["total_power"] <= 60 for suggestion in suggestions)
    assert "Suggestion of 1 change, the fewest that do: user " in " ".join(outcome.out.split())
    kept = aign("design", "power-allocation", "--users", 2, "--count", 2, "--where", "total_power<=30", "--start",
                "start.yaml", "--suggest", "--keep", "user 1")
    assert "No suggestion" in kept.out, "user 1 alone spends more"


@pytest.mark.parametrize(("arguments", "words"), [
    (("--suggest",), "--suggest needs --start"), (("--keep", "user 1"), "--keep needs --suggest"),
    (("--objective", "total_pwer"), "Did you mean 'total_power'"), (("--start", "none.yaml"), "none.yaml: missing"),
    (("--objective", "min utility"), "only raised")])
def test_an_objective_or_start_that_cannot_be_is_refused(untouched, arguments, words):
    refused(untouched(nothing, *DESIGN, *arguments, "--save", "out"), words)
