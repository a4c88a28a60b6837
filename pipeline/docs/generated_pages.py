"""Pages made at each build: one for each network and the API reference, from the code, so that they cannot drift; and
copies of pages that lie elsewhere in the repository, such as reports.
"""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from sphinx.pycode import ModuleAnalyzer

import aign
from aign.errors import AignError
from aign.scenarios.core import registry

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "data/reports"
ELSEWHERE = ("data/README.md", "data/reports", "tests/benchmarks/README.md")
"""Files and folders outside the documentation that its pages link to."""


def write(folder: Path) -> None:
    """Write api.md, networks/<scenario>.md and .png, and repository/<path> into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    networks = folder / "networks"
    networks.mkdir(parents=True)
    subprocess.run([sys.executable, ROOT / "pipeline", "scenarios", "--pictures", networks], check=True,
                   stdout=subprocess.DEVNULL)
    for name in registry.names():
        (networks / f"{name}.md").write_text(network(name, (networks / f"{name}.png").exists()))
    (folder / "api.md").write_text(api())
    for path in ELSEWHERE:
        copy(ROOT / path, folder / "repository" / path)


def copy(source: Path, target: Path) -> None:
    """Copy a page, or a folder with all its pages and pictures; no table of contents has to name them."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for page in target.rglob("*.md") if target.is_dir() else [target]:
        page.write_text(f"---\norphan: true\n---\n{page.read_text()}")


def network(name: str, drawn: bool) -> str:
    """Return the page of one network."""
    kind = registry.scenario_class(name)
    parts = [f"# {name}", f"{kind.summary}."]
    if drawn:
        parts += [f"![certified design]({name}.png)", "*The certified design of a drawn context.*"]
    parts += [inspect.cleandoc(kind.__doc__ or ""), parameters(kind.Parameters), *labels_and_certificate(kind)]
    parts += measured(name)
    if kind.published:
        parts.append(f"## What the paper printed\n\n{kind.published}")
    return "\n\n".join(parts) + "\n"


def parameters(kind: Any) -> str:
    """Return the section of the parameters: one row a field of the pydantic class."""
    schema = kind.model_json_schema()
    comments = ModuleAnalyzer.for_module(kind.__module__).find_attr_docs()
    rows = []
    for name, field in kind.model_fields.items():
        meaning = " ".join(comments.get((kind.__name__, name), [field.description or ""]))
        default = json.dumps(field.get_default(call_default_factory=True))
        rows.append((f"`{name}`", f"`{default}`", allowed(schema["properties"][name], schema), meaning.strip()))
    return "\n\n".join(["## Parameters", inspect.cleandoc(kind.__doc__ or ""),
                        table(("parameter", "default", "allowed", "meaning"), rows)])


def allowed(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """Return what a JSON schema allows, in words."""
    if "$ref" in schema:
        return allowed(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return " or ".join(allowed(part, whole) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    word = {"null": "nothing", "object": "mapping", "array": "list", "string": "text"}.get(schema.get("type", "any"),
                                                                                          schema.get("type", "any"))
    bounds = [f"{sign} {schema[key]:g}" for key, sign in
              (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
              if key in schema]
    return f"{word} {' and '.join(bounds)}".strip()


def labels_and_certificate(kind: Any) -> list[str]:
    """Return the sections that need a network with default parameters; none where there is no such network."""
    try:
        scenario = kind.create()
    except AignError:
        return []
    certificate = scenario.certify(scenario.draw_contexts(1, torch.Generator().manual_seed(0)))
    labels = [(f"`{label.name}`", label.unit, label.better, label.description) for label in scenario.labels]
    return ["## Labels", "What a request may bound, with `<=`, `>=`, `<`, `>` or `not`.",
            table(("label", "unit", "better", "meaning"), labels),
            "## Certificate",
            f"With default parameters and no constraints: {certificate.kind}. {certificate.statement}",
            f"Rules to compare with: {', '.join(f'`{rule}`' for rule in scenario.heuristics)}."]


def measured(name: str) -> list[str]:
    """Return the figures of every variant of params.yaml with this network whose report is there."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    variants = {**params["variants"], **params.get("further", {})}
    sections = []
    for variant, block in variants.items():
        file = REPORTS / variant / "metrics.json"
        if registry.canonical(block["scenario"]["name"]) == name and file.exists():
            sections += [f"### {variant}", _figures(json.loads(file.read_text())),
                         f"[The whole report](../repository/data/reports/{variant}/report.md)"]
    return ["## Measured", *sections] if sections else []


def _figures(metrics: dict[str, Any]) -> str:
    methods = {name: figures for name, figures in metrics["methods"].items()
               if figures["normalised_return_pooled"]["mean"] is not None}
    rows = []
    for name, figures in sorted(methods.items(), key=lambda item: -item[1]["normalised_return_pooled"]["mean"]):
        pooled, ratio = figures["normalised_return_pooled"], figures.get("utility_ratio")
        rows.append((f"`{name}`", f"{pooled['mean']:.4f} [{pooled['mean_low']:.4f}, {pooled['mean_high']:.4f}]",
                     f"{ratio['mean']:.5f}" if ratio else ""))
    fields = registry.scenario_class(metrics["scenario"]["name"]).Parameters.model_fields
    settings = ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in metrics["scenario"].items()
                         if key in fields and value != fields[key].default and not isinstance(value, dict))
    parts = [f"{metrics['contexts']} unseen contexts; {settings or 'default parameters'}.",
             table(("method", "pooled return [95 % interval]", "U/U* mean"), rows)]
    met = metrics.get("constraint_satisfaction", {}).get("all")
    if met and met["feasible"]:
        parts.append(f"Constraint satisfaction of {met['feasible']} feasible requests: raw "
                     f"{met['raw']['percent']:.1f} %, returned {met['returned']['percent']:.1f} %.")
    return "\n\n".join(parts)


def api() -> str:
    """Return the reference of the names that `import aign` gives."""
    entries = []
    for name in aign.__all__:
        directive = "autoclass" if inspect.isclass(getattr(aign, name)) else "autofunction"
        if callable(getattr(aign, name)):
            members = "\n   :members:" if directive == "autoclass" else ""
            entries.append(f"```{{eval-rst}}\n.. {directive}:: aign.{name}{members}\n```")
    head = ["# API reference", "Everything else in the package may change without notice; these names stay."]
    return "\n\n".join([*head, *entries]) + "\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
