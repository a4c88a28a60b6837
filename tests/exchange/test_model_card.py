import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from publishing_model import DIGEST, make_model

from aign.diffusion import store
from aign.errors import ModelError
from aign.exchange import model_card
from aign.trajectories.card import CITATION


def method(ratio):
    figures = {"mean_low": ratio - 0.01, "mean_high": ratio + 0.01, "q05": 0.5, "worst": 0.4}
    return {"utility_ratio": {"mean": ratio, **figures}, "normalised_return_pooled": {"mean": ratio - 0.1, **figures}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def pipeline(folder):
    return store.load(folder)


@pytest.fixture(scope="module")
def history(folder):
    return json.loads((folder / "history.json").read_text())


@pytest.fixture
def report(pipeline):
    return {"scenario": pipeline.scenario.spec(), "contexts": 7, "split": "test", "certificate_statement": "Exact.",
            "degenerate_contexts": {"count": 1, "of": 7, "meaning": "No room."}, "trained_on": {"sac": "discount 0"},
            "methods": {"diffuser_single": method(0.9), "sac": method(0.95), "diffuser_single_sac_only": method(0.7)}}


def test_the_hub_reads_the_metadata(pipeline, history):
    data = ModelCard(model_card.card(pipeline, history, datasets=["me/aign-power"])).data
    assert data.license == "apache-2.0"
    assert data.library_name == "diffusers"
    assert data.pipeline_tag == "reinforcement-learning"
    assert data.datasets == ["me/aign-power"]
    assert "power-allocation" in data.tags


def test_metrics_are_those_of_the_evaluation_that_was_kept_with_the_digest_of_the_data(pipeline, history):
    data = ModelCard(model_card.card(pipeline, history)).data
    kept = max(history, key=lambda entry: entry["normalised_return_pooled"])
    assert {one.metric_type: one.metric_value for one in data.eval_results} == {
        name: kept[name] for name in model_card.REPORTED if name in kept}
    assert {one.dataset_revision for one in data.eval_results} == {DIGEST}
    assert {one.dataset_split for one in data.eval_results} == {"validation"}


def test_a_report_adds_a_table_and_the_results_of_this_model_only(pipeline, history, report):
    text = model_card.card(pipeline, history, report)
    added = {one.metric_name: one.metric_value for one in ModelCard(text).data.eval_results
             if one.dataset_split == "test"}
    assert added == {"pooled return, diffuser_single": 0.8, "U / U*, mean, diffuser_single": 0.9}
    assert "- `sac`: discount 0" in text
    assert "Degenerate are 1 of 7 contexts. No room." in text
    names = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `") and "0.40000" in line]
    assert names == ["sac", "diffuser_single", "diffuser_single_sac_only"]
    assert "on 7 contexts of the test split" in text


def test_the_text_says_how_to_use_it_what_from_and_its_limits(pipeline, history):
    text = model_card.card(pipeline, history)
    assert f"`{DIGEST}`" in text
    assert "aign design power-allocation --model" in text
    for label in pipeline.scenario.labels:
        assert f"| `{label.name}` | {label.unit} | {label.better} |" in text
    assert "## Limits" in text
    assert CITATION in text
    assert "$" not in text


def test_the_code_on_the_card_runs(pipeline, history, folder, capsys):
    code = model_card.card(pipeline, history).split("```python\n")[1].split("```")[0]
    exec(code.replace("path/to/this/folder", str(folder)).replace('load("', 'load(Path("').replace('")', '"))', 1),
         {"Path": type(folder)})
    assert "tensor" in capsys.readouterr().out


def test_several_datasets_and_an_ablation_are_named(tmp_path, pipeline, history):
    folder = make_model(tmp_path / "ablation", ["solver-guided"], {"datasets_sha256": ["a" * 64]})
    text = model_card.card(store.load(folder), history)
    assert f"| solver-guided | `{'a' * 64}` |" in text
    assert model_card.digests({"provenance": {"datasets_sha256": ["a", "b"]}}) == ["a", "b"]
    assert model_card.digests({"provenance": {}}) == []


@pytest.mark.parametrize("content", [[], {}, {"methods": {}}, {"methods": {"a": 1}}, {"methods": {"a": {}}}, 5, None])
def test_what_is_no_report_is_refused(tmp_path, pipeline, content):
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"metrics\.json: no report of methods"):
        model_card.read_report(tmp_path / "metrics.json", pipeline.scenario.spec())


def test_a_report_of_another_scenario_is_refused(tmp_path, pipeline, report):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(report))
    assert model_card.read_report(path, pipeline.scenario.spec()) == report
    with pytest.raises(ModelError, match="about the scenario"):
        model_card.read_report(path, {"name": "water-filling"})


def test_a_report_of_an_earlier_program_is_to_be_made_again(tmp_path, pipeline, report):
    """It averaged normalised returns, and stated the pooled return as a plain number."""
    report["methods"]["sac"] = {"utility_ratio": {"mean": 0.9}, "normalised_return": {"mean": -937104.0},
                                "normalised_return_pooled": 0.8}
    (tmp_path / "metrics.json").write_text(json.dumps(report))
    with pytest.raises(ModelError, match=r"by an earlier aign.*Run `aign evaluate` again"):
        model_card.read_report(tmp_path / "metrics.json", pipeline.scenario.spec())


def test_the_history_of_an_earlier_model_is_read(pipeline):
    history = json.loads((Path(__file__).parents[1] / "diffusion/golden/set/history.json").read_text())
    assert history[0]["normalised_return_mean"] < history[0]["normalised_return_pooled"] + 1
    text = model_card.card(pipeline, history)
    assert "| pooled return | -2.86198 |" in text
    assert "normalised_return_mean" not in text
