"""Model folders: written whole, checked before use, opened without network and without pickle."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diffusers.utils.logging import disable_progress_bar

from aign import manifest
from aign.diffusion.pipeline import DesignPipeline
from aign.errors import REPRODUCE, ModelError
from aign.files import building, read_json, write_json
from aign.scenarios import registry

CARD = """---
license: apache-2.0
library_name: diffusers
tags: [aign, decision-diffuser, network-design]
---
# AIGN design model for {scenario}

A conditional Decision Diffuser ({network}) trained on trajectories of `{scenario}`; open it with

    from aign.diffusion.pipeline import DesignPipeline
    pipeline = DesignPipeline.from_pretrained("{folder}")

`model_index.json` holds scenario, normaliser, conditions, settings and provenance; `history.json` the held-out losses
and design quality during training. Conditions: normalised return, {labels}.
"""

REMEDY = f"Train the model again ({REPRODUCE}), or fetch it again (`dvc pull`)."


def save(pipeline: DesignPipeline, folder: Path, history: Any) -> None:
    """Write a model folder, whole or not at all: networks, schedule, settings, history, card, manifest."""
    design: Mapping[str, Any] = pipeline.config.design
    with building(folder) as aside:
        pipeline.save_pretrained(aside, safe_serialization=True)
        write_json(aside / "history.json", list(history))
        text = CARD.format(scenario=design["scenario"]["name"], network=type(pipeline.unet).__name__,
                           folder=folder.name, labels=", ".join(design["conditions"]["labels"]))
        (aside / "README.md").write_text(text)
        manifest.build(aside)


def load(folder: Path) -> DesignPipeline:
    """Open a model folder after checking every byte against its manifest.

    Raises:
        ModelError: the folder is missing, foreign, incomplete or damaged.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder. Give the folder of one, "
                         f"or train it ({REPRODUCE}).")
    if not (folder / "model_index.json").is_file():
        raise ModelError(f"{folder}: no model_index.json in it, so it is no model folder of AIGN. "
                         "Give the folder that `aign train` wrote.")
    manifest.check(folder, deep=True, error=ModelError, remedy=REMEDY)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        disable_progress_bar()
        pipeline = DesignPipeline.from_pretrained(folder, local_files_only=True, low_cpu_mem_usage=False)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise ModelError(f"{folder}: cannot be opened as a design pipeline ({error}).") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def find(folder: Path, scenario: str, parameters: Mapping[str, Any],
         remedy: Callable[[], str] = str) -> DesignPipeline:
    """Open the model under `folder` that was trained on all data of a scenario with the given parameters; where there
    is none, the one of users as a set that can serve another number of them.

    Raises:
        ModelError: there is none, or more than one; the message lists what there is, and where there is none, ends with
            what `remedy` returns. Or a model there is damaged, so that it cannot be told what it was trained on.
    """
    found, present, flexible = [], [], []
    for index in sorted(folder.glob("[!.]*/model_index.json")):  # hidden: half-written ones of a stopped process
        design = _design(read_json(index, ModelError))
        trained = design.get("scenario", {})
        present.append(f"{index.parent} ({', '.join(f'{key}={value}' for key, value in trained.items())})")
        wanted = {"name": scenario, **parameters}
        if design.get("behaviours") == "all" and wanted.items() <= trained.items():
            found.append(index.parent)
        elif design.get("behaviours") == "all" and trained.get("name") == scenario and _of_sets(design):
            flexible.append(index.parent)
    if len(found) == 1:
        return load(found[0])
    for sealed in sorted(folder.glob(f"[!.]*/{manifest.NAME}")):  # is it damage that makes one look like another?
        _check_index(sealed.parent.parent)
    if not found and len(flexible) == 1:
        return serving(load(flexible[0]), parameters)
    asked = ", ".join([scenario, *(f"{key}={value}" for key, value in parameters.items())])
    models = "; ".join(present) or "none"
    problem = "no model" if not found else f"{len(found)} models ({', '.join(map(str, found))})"
    raise ModelError(f"{folder}: {problem} for {asked}. Models there: {models}. Name one with --model."
                     f"{'' if found else remedy()}")


def serving(pipeline: DesignPipeline, parameters: Mapping[str, Any]) -> DesignPipeline:
    """Return a model for its scenario with some parameters changed; the model itself where that changes nothing.

    Raises:
        ParameterError: an unknown parameter, or a model that serves no such scenario; see `DesignPipeline.at`.
    """
    trained = pipeline.scenario.spec()
    wanted = {**trained, **parameters}
    return pipeline if wanted == trained else pipeline.at(registry.create(**wanted))


def _check_index(folder: Path) -> None:
    """Check that the index of a model folder is the one that was written; reads little else."""
    files = manifest.check(folder, deep=False, error=ModelError, remedy=REMEDY)
    manifest.check_sum(folder, "model_index.json", files, ModelError, REMEDY)


def _of_sets(design: Mapping[str, Any]) -> bool:
    """Return whether a model treats users as a set."""
    settings = design.get("settings")
    network = settings.get("network") if isinstance(settings, dict) else None
    return isinstance(network, dict) and network.get("kind") == "set"


def _design(index: Any) -> Mapping[str, Any]:
    """Return what a model index says of the design; nothing where another program wrote it."""
    design = index.get("design") if isinstance(index, dict) else None
    return design if isinstance(design, dict) and isinstance(design.get("scenario"), dict) else {}
