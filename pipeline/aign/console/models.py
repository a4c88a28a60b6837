"""The networks that can be designed here: models under a folder, opened when they are first asked for and then kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aign import checkout, params
from aign.designs import events
from aign.diffusion import store
from aign.diffusion.model import DesignModel
from aign.errors import AignError, ModelError, unknown_name
from aign.files import manifest
from aign.files.writing import read_json, sha256
from aign.intents import examples, vocabulary
from aign.scenarios.core.registry import recreate, scenarios
from aign.scenarios.core.scenario import Scenario

INDEX = "model_index.json"
COUNT, FEW = 16, 4
"""Designs that the page asks for where nothing else is said; few where each design is a whole episode."""


@dataclass(frozen=True)
class OpenModel:
    """A model in memory, and the digest of the manifest that names the digest of each of its files."""

    pipeline: DesignModel
    digest: str


class Models:
    """The models under a folder."""

    def __init__(self, folder: Path, trust_code: bool = False) -> None:
        """Look under a folder; `trust_code` as in `aign.load_model`."""
        self.folder, self.trust_code = folder, trust_code
        self.kept: dict[str, OpenModel] = {}
        self.scenarios: dict[str, tuple[str, Scenario[Any]]] = {}
        self._seen: dict[Path, tuple[tuple[int, int], bool]] = {}

    def names(self) -> list[str]:
        """Return the names of all models trained on everything, not those of an ablation."""
        return [index.parent.name for index in sorted(self.folder.glob(f"[!.]*/{INDEX}")) if self._listed(index)]

    def _listed(self, index: Path) -> bool:
        """Return whether a model was trained on everything; its index is read anew only where it has changed."""
        try:
            status = index.stat()
        except FileNotFoundError:  # removed in this moment
            return False
        version = status.st_mtime_ns, status.st_size
        if index not in self._seen or self._seen[index][0] != version:
            self._seen[index] = version, _whole(index)
        return self._seen[index][1]

    def open(self, name: str) -> OpenModel:
        """Return a model, read anew where its folder has changed.

        Raises:
            ModelError: there is none of that name, or it is damaged.
            TrustError: its scenario names code that is not trusted.
        """
        if name not in self.names():
            raise ModelError(f"{self.folder}: {unknown_name('model', name, self.names())}")
        digest = self.digest(name)
        if name not in self.kept or self.kept[name].digest != digest:
            self.kept[name] = OpenModel(store.load(self.folder / name, self.trust_code), digest)
        return self.kept[name]

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a model's manifest, which holds that of every file.

        Raises:
            ModelError: there is no manifest.
        """
        file = self.folder / name / manifest.NAME
        if not file.is_file():
            raise ModelError(f"{file}: missing, so nothing tells whether the model is whole. {store.REMEDY}")
        return sha256(file)

    def scenario(self, name: str) -> Scenario[Any]:
        """Return a model's network without its weights; see `open` for what it raises."""
        if name not in self.names():
            raise ModelError(f"{self.folder}: {unknown_name('model', name, self.names())}")
        digest, index = self.digest(name), self.folder / name / INDEX
        if name not in self.scenarios or self.scenarios[name][0] != digest:
            self.scenarios[name] = digest, recreate(_design(index)["scenario"], index, self.trust_code)
        return self.scenarios[name][1]

    def usable(self) -> dict[str, Scenario[Any]]:
        """Return the networks that can be built, which code that is not trusted prevents, by their models' names."""
        usable = dict[str, Scenario[Any]]()
        for name in self.names():
            with suppress(AignError):
                usable[name] = self.scenario(name)
        return usable


def _whole(index: Path) -> bool:
    """Return whether a model was trained on everything; a damaged one counts, so that it is listed as such."""
    try:
        return bool(_design(index).get("behaviours", "all") == "all")
    except ModelError:
        return True


def _design(index: Path) -> dict[str, Any]:
    content = read_json(index, ModelError)
    design = content.get("design") if isinstance(content, dict) else None
    if not isinstance(design, dict) or not isinstance(design.get("scenario"), dict):
        raise ModelError(f"{index}: describes no network. {store.REMEDY}")
    return design


def catalogue(models: Models) -> dict[str, Any]:
    """Return every network that has a model, described, and for each of the others the command that trains it."""
    described, refused = list[dict[str, Any]](), list[dict[str, str]]()
    for name in models.names():
        try:
            described.append({"name": name, "digest": models.digest(name), **described_scenario(models.scenario(name))})
        except AignError as error:
            refused.append({"name": name, "error": str(error)})
    described.sort(key=lambda network: not network["deployable"])  # the quick ones first
    return {"networks": described, "refused": refused, "others": untrained(models.names())}


def described_scenario(scenario: Scenario[Any]) -> dict[str, Any]:
    """Return what the page and assistants need to know of a network to ask for its designs."""
    deployable = scenario.designs_transfer
    return {
        "scenario": scenario.spec(), "summary": scenario.summary, "presets": list(scenario.presets),
        "labels": [{"name": label.name, "spoken": vocabulary.spoken(label), "unit": label.unit, "better": label.better,
                    "description": label.description, "whole": label.name in scenario.integer_labels}
                   for label in scenario.labels],
        "context": [{"name": feature.name, "unit": feature.unit, "size": feature.size, "low": feature.low,
                     "high": feature.high} for feature in scenario.context_features],
        "count": COUNT if deployable else FEW, "sentences": examples(scenario),
        "deployable": deployable, "events": events.examples(scenario),
    }


def untrained(trained: list[str]) -> list[dict[str, str]]:
    """Return the networks of params.yaml that have no model yet, and those it does not name, with how to train them."""
    variants = dict[str, params.Variant]()
    with suppress(AignError):  # no parameter file here: nothing to train from
        known = params.load()
        variants = known.variants | known.further
    others = [{"name": name, "summary": scenarios()[variant.scenario.name].summary, "note": "",
               "command": known.command("train", name) if checkout.here() else
               f"aign collect {name} && aign train {name}"}
              for name, variant in variants.items() if name not in trained]
    named = {variant.scenario.name for variant in variants.values()}
    return others + [{"name": name, "summary": kind.summary, "command": "",
                      "note": "add it to params.yaml, then train it"}
                     for name, kind in scenarios().items() if name not in named]
