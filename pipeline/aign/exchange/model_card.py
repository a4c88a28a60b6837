"""The card of a published model: what it is, how to use it, what it learned from, how good it is, where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.quality import merit
from aign.errors import ModelError
from aign.files.writing import json_text, read_json
from aign.scenarios.core import returns
from aign.trajectories.card import CITATION, table

TASK = "reinforcement-learning"
REPORTED = {"normalised_return_pooled": "pooled return", "utility_ratio_mean": "U / U*, mean"}
"""What of the training history goes on the card."""

TEMPLATE = Template("""---
$front_matter
---

# $title

A conditional Decision Diffuser ($network) that designs networks of the scenario `$scenario`: $summary. Given a context,
a wanted normalised return and optional constraints on labels, it generates a trajectory whose last state is the design.

## How to use it

```python
import torch
from aign.diffusion import store  # checks every byte, reads neither pickle nor the network

pipeline = store.load("path/to/this/folder")
contexts = pipeline.scenario.draw_contexts(4, torch.Generator().manual_seed(0))
plans = pipeline(contexts, torch.ones(4), generator=torch.Generator().manual_seed(0))
print(plans.designs)
```

Verified, ranked and explained designs: `aign design $scenario --model path/to/this/folder`.

Conditions: the normalised return (U - U_ref) / (U* - U_ref) of a context and each of these labels, alone,
together or not at all:

$labels

## What it learned from

$data

Settings, normaliser, conditions and provenance are in `model_index.json`; the size and SHA-256 of every file in
`meta/manifest.json`.

```json
$provenance```

## How good it is

The evaluation during training whose model was kept, on validation contexts, one design a context
(`history.json` has all of them):

$metrics

The pooled return, sum(U - U_ref) / sum(U* - U_ref) over contexts, is 0 for the cheap reference and 1 for the certified
optimum.
$report
## Limits

- It knows the distribution of contexts of the scenario `$scenario` that it was trained on; for other networks, and for
  real measurements, its designs may be poor.
- A generated design is a proposal: a label or return that was asked for is likely, not guaranteed. Verify it in the
  simulator, as `aign design` does, before use.
- Normalised and pooled returns are relative to a certificate of each context; where that is an upper bound that no
  design reaches, even the best design stays below 1.
- Results are bit-identical for one version of torch, one kind of device and one number of threads.

## Citation

```bibtex
$citation
```
""")

REPORT = Template("""
Compared with other methods on $contexts contexts of the $split split, sorted by pooled return.
$statement
$degenerate

What the learning agents were trained on:
$agents

$rows
""")


def card(pipeline: DesignPipeline, history: Sequence[Mapping[str, Any]], report: Mapping[str, Any] | None = None,
         datasets: Sequence[str] = ()) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        pipeline: the model.
        history: content of history.json.
        report: what `read_report` returned.
        datasets: names of its datasets on the hub.
    """
    design, scenario = pipeline.config.design, pipeline.scenario
    title, best = f"AIGN design model: {scenario.name}", _best(history)
    return TEMPLATE.substitute(
        front_matter=_front_matter(title, design, best, report, datasets), title=title, scenario=scenario.name,
        network=type(pipeline.unet).__name__, summary=scenario.summary.rstrip("."),
        labels=table(("label", "unit", "better", "meaning"),
                     [(f"`{label.name}`", label.unit, label.better, label.description)
                      for label in scenario.labels if label.name in design["conditions"]["labels"]]),
        data=_data(design), provenance=json_text(design["provenance"]), citation=CITATION,
        metrics=table(("figure", "value"), [("gradient steps", f"{best['step']:g}")] +
                      [(text, f"{best[key]:.5f}") for key, text in REPORTED.items() if best.get(key) is not None]),
        report=_compared(report) if report is not None else "")


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
        _compared(report)
        same = report["scenario"] == scenario
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelError(f"{path}: no report of methods. Give the metrics.json that `aign evaluate` wrote.") from None
    if not same:
        raise ModelError(f"{path}: about the scenario {report['scenario']}, the model is of {dict(scenario)}. Give the "
                         "report of this model.")
    found: dict[str, Any] = report
    return found


def digests(design: Mapping[str, Any]) -> list[str]:
    """Return the digests of the datasets that a model was trained on, as far as its provenance states them."""
    provenance = design["provenance"]
    return [str(one) for one in provenance.get("datasets_sha256", [provenance.get("dataset_sha256")]) if one]


def _best(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the evaluation whose model was kept."""
    return max(history, key=merit) if history else {"step": 0}


def _data(design: Mapping[str, Any]) -> str:
    scenarios = design.get("trained_on", [design["scenario"]])
    found = digests(design)
    known = found if len(found) == len(scenarios) else [""] * len(scenarios)
    who = design["behaviours"] if design["behaviours"] == "all" else ", ".join(design["behaviours"])
    rows = [(f"`{json_text(spec).replace(chr(10), '').strip()}`", who, f"`{digest}`" if digest else "not stated")
            for spec, digest in zip(scenarios, known, strict=True)]
    return ("The training split of trajectory datasets whose manifests have these digests (`meta/manifest.json` of the "
            "dataset; `aign dataset import` of a published one gives it again):\n\n"
            + table(("scenario", "behaviours", "digest of the dataset"), rows))


def _compared(report: Mapping[str, Any]) -> str:
    # Where U / U* says nothing, and the report therefore has none, the worst context is told by the pooled return.
    ratios = all("utility_ratio" in method for method in report["methods"].values())
    rows = []
    for name, method in sorted(report["methods"].items(), key=lambda item: -returns.rank(item[1])):
        pooled = method["normalised_return_pooled"]
        worst = "-" if pooled["worst"] is None else f"{pooled['worst']:.4f}"
        more = ((returns.shown(method["utility_ratio"], 5), f"{method['utility_ratio']['worst']:.5f}") if ratios else
                (worst,))
        rows.append((f"`{name}`", returns.shown(pooled), *more))
    head = ("method", "pooled return [95 %]", *(("U / U*, mean [95 %]", "worst") if ratios else ("worst",)))
    return REPORT.substitute(contexts=report["contexts"], split=report["split"], rows=table(head, rows),
                             statement=report["certificate_statement"],
                             degenerate=returns.degenerate_shown(report["degenerate_contexts"]),
                             agents="\n".join(f"- `{name}`: {text}" for name, text in report["trained_on"].items()))


def _front_matter(title: str, design: Mapping[str, Any], best: Mapping[str, Any], report: Mapping[str, Any] | None,
                  datasets: Sequence[str]) -> str:
    """Return the hub's metadata; its results carry the digest of the dataset as the dataset's revision."""
    from huggingface_hub import EvalResult, ModelCardData

    def result(split: str, kind: str, name: str, value: float) -> EvalResult:
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
