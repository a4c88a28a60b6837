"""The card of a published model: what it is, how to use it, what it learned from, how good it is, where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aign.diffusion.model import DesignModel
from aign.diffusion.quality import merit
from aign.errors import ModelError
from aign.files.templates import render, table
from aign.files.writing import read_json
from aign.scenarios.core import returns
from aign.trajectories.card import CITATION

TASK = "reinforcement-learning"
REPORTED = {"normalised_return_pooled": "pooled return", "utility_ratio_mean": "U / U*, mean"}
"""What of the training history goes on the card."""


def card(pipeline: DesignModel, history: Sequence[Mapping[str, Any]], report: Mapping[str, Any] | None = None,
         datasets: Sequence[str] = ()) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        pipeline: the model.
        history: content of history.json.
        report: what `read_report` returned.
        datasets: names of its datasets on the hub.
    """
    design, scenario = pipeline.design, pipeline.scenario
    title, best = f"AIGN design model: {scenario.name}", _best(history)
    trained_on, sums = design.get("trained_on", [design["scenario"]]), digests(design)
    behaviours = design["behaviours"] if design["behaviours"] == "all" else ", ".join(design["behaviours"])
    return render(
        "exchange/model_card.md.jinja", title=title, scenario=scenario, network=type(pipeline.unet).__name__,
        front_matter=_front_matter(title, design, best, report, datasets), citation=CITATION, best=best,
        labels=[label for label in scenario.labels if label.name in design["conditions"]["labels"]],
        behaviours=behaviours, provenance=design["provenance"], reported=REPORTED,
        datasets=list(zip(trained_on, sums if len(sums) == len(trained_on) else [""] * len(trained_on), strict=True)),
        comparison=_comparison(report) if report is not None else None)


def read_report(path: Path, scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Read the metrics.json that `aign evaluate` wrote.

    Raises:
        ModelError: it is missing or something else, by an earlier aign, or about another scenario.
    """
    report = read_json(path, ModelError)
    try:
        if any(isinstance(method["normalised_return_pooled"], float) for method in report["methods"].values()):
            raise ModelError(f"{path}: written by an earlier aign, which averaged normalised returns otherwise. Run "
                             "`aign evaluate` again and give the metrics.json that it writes.")
        _comparison(report)
        same = report["scenario"] == scenario
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelError(f"{path}: no report of methods. Give the metrics.json that `aign evaluate` wrote.") from None
    if not same:
        raise ModelError(f"{path}: about the scenario {report['scenario']}, the model is of {dict(scenario)}. Give the "
                         "report of this model.")
    return dict(report)


def digests(design: Mapping[str, Any]) -> list[str]:
    """Return the digests of the datasets that a model was trained on, as far as its provenance states them."""
    provenance = design["provenance"]
    return [str(digest) for digest in provenance.get("datasets_sha256", [provenance.get("dataset_sha256")]) if digest]


def _best(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the evaluation whose model was kept."""
    return max(history, key=merit) if history else {"step": 0}


def _comparison(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the card takes from a report: the methods, the best first, and on what they were compared."""
    # Where U / U* says nothing, and the report therefore has none, the worst context is told by the pooled return.
    ratios = all("utility_ratio" in method for method in report["methods"].values())
    rows = []
    for name, method in sorted(report["methods"].items(), key=lambda item: -returns.rank(item[1])):
        pooled, ratio = method["normalised_return_pooled"], method.get("utility_ratio")
        worst = "-" if pooled["worst"] is None else f"{pooled['worst']:.4f}"
        rows.append([f"`{name}`", returns.shown(pooled),
                     *([returns.shown(ratio, 5), f"{ratio['worst']:.5f}"] if ratios else [worst])])
    head = ["method", "pooled return [95 %]", *(["U / U*, mean [95 %]", "worst"] if ratios else ["worst"])]
    return {"contexts": report["contexts"], "split": report["split"], "statement": report["certificate_statement"],
            "degenerate": returns.degenerate_shown(report["degenerate_contexts"]), "table": table(head, rows),
            "agents": dict(report["trained_on"].items())}


def _front_matter(title: str, design: Mapping[str, Any], best: Mapping[str, Any], report: Mapping[str, Any] | None,
                  datasets: Sequence[str]) -> str:
    """Return the hub's metadata; its results carry the digest of the dataset as the dataset's revision."""
    from huggingface_hub import EvalResult, ModelCardData

    def result(split: str, kind: str, name: str, value: float) -> EvalResult:
        """Return one figure in the hub's words."""
        return EvalResult(task_type=TASK, dataset_type="aign-trajectories", dataset_split=split, metric_type=kind,
                          dataset_name=f"AIGN trajectories: {design['scenario']['name']}", metric_name=name,
                          dataset_revision=", ".join(digests(design)) or None, metric_value=value)

    alone = design["behaviours"] != "all" and len(design["behaviours"]) == 1
    results = [result("validation", key, text, float(best[key])) for key, text in REPORTED.items()
               if best.get(key) is not None]
    for name, method in sorted(report["methods"].items() if report else ()):
        # The report also has the ablation, a model of its own, which learned from one agent's episodes alone.
        if name.startswith("diffuser") and name.endswith("_only") == alone:
            for kind, figure in (("normalised_return_pooled", "normalised_return_pooled"),
                                 ("utility_ratio_mean", "utility_ratio")):
                if method.get(figure, {}).get("mean") is not None:
                    results.append(result(report["split"] if report else "", kind, f"{REPORTED[kind]}, {name}",
                                          float(method[figure]["mean"])))
    data = ModelCardData(
        license="apache-2.0", library_name="diffusers", pipeline_tag=TASK, datasets=list(datasets) or None,
        tags=["aign", "decision-diffuser", "network-design", "offline-reinforcement-learning",
              design["scenario"]["name"]],
        model_name=title, eval_results=results or None)
    return str(data.to_yaml(line_break="\n")).strip()
