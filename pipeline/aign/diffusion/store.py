"""Model folders: written whole, checked before use, opened without network, pickle and diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from aign.diffusion.model import DesignModel
from aign.diffusion.network import Network
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.opening import INDEX, NETWORKS, PARTS, SCHEDULER, UNOPENED, check_code, check_index
from aign.errors import REPRODUCE, ModelError
from aign.files import manifest
from aign.files.writing import building, read_json, write_json, write_text
from aign.scenarios.core import registry
from aign.trust import Trust

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

SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
REMEDY = f"Train the model again ({REPRODUCE}), or fetch it again (`dvc pull`)."


def save(model: DesignModel, folder: Path, history: Any) -> None:
    """Write a model folder, whole or not at all: networks, schedule, settings, history, card, manifest.

    `model_index.json` holds the training settings by their present names, for readers only: folders of earlier versions
    say `return_focus` for `return_weighting`, and open all the same.
    """
    design = model.design
    with building(folder) as aside:
        write(model, aside)
        write_json(aside / "history.json", list(history))
        text = CARD.format(scenario=design["scenario"]["name"], network=type(model.unet).__name__,
                           folder=folder.name, labels=", ".join(design["conditions"]["labels"]))
        write_text(aside / "README.md", text)
        manifest.build(aside)


def write(model: DesignModel, folder: Path) -> None:
    """Write what a model is opened from, and its manifest, into a folder."""
    networks: dict[str, Network] = {name: getattr(model, name) for name in NETWORKS}
    for name, network in networks.items():
        network.save_pretrained(folder / name)
    (folder / SCHEDULER_CONFIG).parent.mkdir(exist_ok=True)
    write_json(folder / SCHEDULER_CONFIG, model.schedule.config)
    parts = {name: [type(network).__module__, type(network).__name__] for name, network in networks.items()}
    write_json(folder / INDEX, {"_class_name": "DesignPipeline", **parts, "scheduler": SCHEDULER,
                                "design": model.design})
    manifest.build(folder)


def read(folder: Path, trust_code: Trust = False, **networks: nn.Module) -> DesignModel:
    """Open a model folder without looking at its manifest; networks that are given take the place of the stored ones.

    Raises:
        ModelError: no such folder, or it names or holds code that is not ours.
        TrustError: its scenario names code that is not trusted.
        OSError: a file is missing, or the weights are in another format.
    """
    check_index(folder)
    check_code(folder, trust_code)
    index = read_json(folder / INDEX, ModelError)
    missing = {*PARTS, "design"} - index.keys()
    if missing:
        raise ModelError(f"{folder / INDEX}: {UNOPENED}: it says nothing of {', '.join(sorted(missing))}.")
    for name, kinds in NETWORKS.items():
        if name not in networks:
            kind = {(kind.__module__, kind.__name__): kind for kind in kinds}[tuple(index[name])]
            networks[name] = kind.from_pretrained(folder / name)
    schedule = NoiseSchedule(read_json(folder / SCHEDULER_CONFIG, ModelError))
    return DesignModel(networks["unet"], networks["inverse"], schedule, index["design"])


def load(folder: str | Path, trust_code: Trust = False) -> DesignModel:
    """Open a model folder after checking every byte against its manifest.

    Args:
        folder: as `save`, or `DesignPipeline.save_pretrained`, wrote it.
        trust_code: True where the code that the model's scenario names, such as the module of somebody's environment,
            may be imported; or the one scenario whose code is trusted, by its specification.

    Raises:
        ModelError: the folder is missing, foreign, incomplete or damaged.
        TrustError: its scenario names code that is not trusted.
    """
    folder = Path(folder)
    check_index(folder)
    if not (folder / manifest.NAME).is_file():
        raise ModelError(f"{folder / manifest.NAME}: missing, so nothing tells whether the folder is whole. If it "
                         "was saved without one, save it again: DesignPipeline.from_pretrained(folder)"
                         f".save_pretrained(folder). Otherwise: {REMEDY}")
    manifest.check(folder, deep=True, error=ModelError, remedy=REMEDY)
    try:
        return read(folder, trust_code)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise ModelError(f"{folder}: {UNOPENED} ({error}).") from error


def find(folder: Path, scenario: str, parameters: Mapping[str, Any],
         trust_code: Trust = False, remedy: Callable[[], str] = str) -> DesignModel:
    """Open the model under `folder` that was trained on all data of a scenario with the given parameters; where there
    is none, the set model that can serve another number of decision makers.

    Raises:
        ModelError: there is none, or more than one; the message names what there is, with what those of the scenario
            were trained on, and where there is none, ends with what `remedy` returns. Or a model there is damaged, so
            that it cannot be told what it was trained on.
        TrustError: its scenario names code that is not trusted; see `load`.
    """
    matching, present, flexible = [], [], []
    for index in sorted(folder.glob("[!.]*/model_index.json")):  # hidden: half-written ones of a stopped process
        design = _design(read_json(index, ModelError))
        trained = design.get("scenario", {})
        values = f" ({', '.join(f'{key}={value}' for key, value in trained.items())})"
        present.append(f"{index.parent}{values if trained.get('name') == scenario else ''}")
        wanted = {"name": scenario, **parameters}
        if design.get("behaviours") == "all" and wanted.items() <= trained.items():
            matching.append(index.parent)
        elif design.get("behaviours") == "all" and trained.get("name") == scenario and _is_set_model(design):
            flexible.append(index.parent)
    if len(matching) == 1:
        return load(matching[0], trust_code)
    for file in sorted(folder.glob(f"[!.]*/{manifest.NAME}")):  # is it damage that makes a model look like another?
        _check_index(file.parent.parent)
    if not matching and len(flexible) == 1:
        return serving(load(flexible[0], trust_code), parameters)
    wanted_model = ", ".join([scenario, *(f"{key}={value}" for key, value in parameters.items())])
    models = "; ".join(present) or "none"
    problem = f"{len(matching)} models ({', '.join(map(str, matching))})" if matching else "no model"
    raise ModelError(f"{folder}: {problem} for {wanted_model}. Models there: {models}. Name one with --model."
                     f"{'' if matching else remedy()}")


def serving(model: DesignModel, parameters: Mapping[str, Any]) -> DesignModel:
    """Return a model for its scenario with some parameters changed; the model itself where that changes nothing.

    Raises:
        ParameterError: an unknown parameter, or a model that serves no such scenario; see `DesignModel.at`.
    """
    trained = model.scenario.spec()
    wanted = {**trained, **parameters}
    return model if wanted == trained else model.at(registry.create(**wanted))


def _check_index(folder: Path) -> None:
    """Check that the index of a model folder is the one that was written; reads little else."""
    files = manifest.check(folder, deep=False, error=ModelError, remedy=REMEDY)
    manifest.check_sum(folder, "model_index.json", files, ModelError, REMEDY)


def _is_set_model(design: Mapping[str, Any]) -> bool:
    """Return whether a model treats decision makers as a set."""
    settings = design.get("settings")
    network = settings.get("network") if isinstance(settings, dict) else None
    return isinstance(network, dict) and network.get("kind") == "set"


def _design(index: Any) -> Mapping[str, Any]:
    """Return what a model index says of the design; nothing where another program wrote it."""
    design = index.get("design") if isinstance(index, dict) else None
    return design if isinstance(design, dict) and isinstance(design.get("scenario"), dict) else {}
