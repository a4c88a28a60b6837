"""Opening a model folder: what is checked before it, and which of diffusers' options are heeded.

`model_index.json` names the class of each part by its module, and some versions of diffusers import what it names, or
run a Python file that lies in the folder. Only parts of ours are opened, and no folder that holds code. Light to
import: no diffusers here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aign.diffusion import forecasting, inverse_dynamics, set_network, unet
from aign.diffusion.network import Network
from aign.errors import REPRODUCE, ModelError, ParameterError
from aign.files.writing import read_json
from aign.scenarios.core import registry
from aign.trust import Trust

INDEX = "model_index.json"
UNOPENED = "cannot be opened as a design pipeline"
NETWORKS: Mapping[str, tuple[type[Network], ...]] = {
    "unet": (unet.TemporalUNet, set_network.SetDenoiser, forecasting.ForecastingUNet),
    "inverse": (inverse_dynamics.InverseDynamics, inverse_dynamics.ChoiceDynamics, set_network.SharedInverseDynamics),
}
"""The classes of each network of a model folder."""
SCHEDULER = ["diffusers", "DDPMScheduler"]
"""What a model folder says of its forward process."""
PARTS: Mapping[str, Sequence[list[str]]] = {
    **{name: [[part.__module__, part.__name__] for part in parts] for name, parts in NETWORKS.items()},
    "scheduler": [SCHEDULER]}
"""Library and class that each part of a model folder may have."""
PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""What the networks may compute in; everything around them is float32."""
HINTS = {
    "device_map": "move the pipeline with .to(device)",
    "custom_pipeline": "the pipeline is this class",
    "trust_remote_code": "say trust_code=True where the scenario's code is trusted",
    "subfolder": "give the model folder itself",
    "variant": "weights are stored once; choose how they are computed with by torch_dtype",
}


def check_index(folder: Path) -> None:
    """Check that there is a model folder.

    Raises:
        ModelError: naming what is missing.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder, and nothing is fetched by a name. Train one "
                         f"({REPRODUCE}), give the folder of one, or fetch one: `hf download OWNER/NAME --local-dir "
                         "FOLDER`.")
    if not (folder / INDEX).is_file():
        raise ModelError(f"{folder}: no {INDEX} in it, so it is no model folder of AIGN. Give the folder that `aign "
                         "train` wrote.")


def check_code(folder: Path, trust_code: Trust) -> None:
    """Check that opening a model folder runs no code but ours, and what is trusted.

    Raises:
        ModelError: it names parts that are not ours, or holds Python files.
        TrustError: its scenario names code that is not trusted.
    """
    file = folder / INDEX
    index = read_json(file, ModelError)
    if not isinstance(index, dict) or not isinstance(index.get("_class_name", ""), str):
        raise ModelError(f"{file}: {UNOPENED}: it names no class of ours.")
    code = next(iter(sorted(folder.rglob("*.py"))), None)
    if code is not None:
        raise ModelError(f"{code}: a model folder holds no code, and this one {UNOPENED}. Nothing was run.")
    for name, value in index.items():
        if isinstance(value, list):
            _check_part(file, name, value)
    design = index.get("design")
    if isinstance(design, dict):
        registry.check_code(design.get("scenario"), file, trust_code)


def _check_part(file: Path, name: str, value: list[Any]) -> None:
    allowed = PARTS.get(name, ())
    if value not in allowed:
        choices = ", ".join(".".join(names) for names in allowed) or f"no such part; parts are {', '.join(PARTS)}"
        raise ModelError(f"{file}: {UNOPENED}: {name} is {'.'.join(map(str, value))}; allowed: {choices}. Nothing was "
                         "imported. Use the version of aign that made the model.")


def precisions(options: dict[str, Any]) -> dict[str, torch.dtype]:
    """Take `torch_dtype` (or `dtype`, as newer versions of diffusers call it) out of options; return each network's.

    Raises:
        ParameterError: both, or something else than a floating-point type, or a mapping of them by network.
    """
    stated = [options.pop(name) for name in ("torch_dtype", "dtype") if options.get(name) is not None]
    if not stated:
        return {}
    asked = stated[0] if isinstance(stated[0], Mapping) else dict.fromkeys(NETWORKS, stated[0])
    wrong = [name for name, kind in asked.items() if name not in (*NETWORKS, "default") or kind not in PRECISIONS]
    if len(stated) > 1 or wrong:
        raise ParameterError(f"torch_dtype: given {' and '.join(map(str, stated))}; allowed: one of "
                             f"{', '.join(map(str, PRECISIONS))}, or a mapping of {', '.join(NETWORKS)}, default to "
                             "them.")
    return {name: asked.get(name, asked.get("default", torch.float32)) for name in NETWORKS}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options of `DiffusionPipeline.from_pretrained` that would be ignored here.

    Raises:
        ParameterError: naming the option, and what is allowed.
    """
    for name, value in options.items():
        if name == "use_safetensors" and value is False:
            raise ParameterError("use_safetensors=False: weights in other formats would be unpickled, which can run "
                                 "code. Only safetensors are opened; leave it out.")
        if name in NETWORKS and not isinstance(value, NETWORKS[name]):
            kinds = ", ".join(part.__name__ for part in NETWORKS[name])
            raise ParameterError(f"{name}: given a {type(value).__name__}; allowed: {kinds}.")
        if name not in (*PARTS, "use_safetensors", "local_files_only", "low_cpu_mem_usage") and value is not None:
            hint = f" Instead, {HINTS[name]}." if name in HINTS else ""
            raise ParameterError(f"from_pretrained: {name}={value!r} has no effect on a design pipeline, so it is not "
                                 f"accepted.{hint} Allowed: torch_dtype, scheduler, unet, inverse, low_cpu_mem_usage, "
                                 "trust_code.")


def check_saving(options: Mapping[str, Any]) -> None:
    """Refuse options of `DiffusionPipeline.save_pretrained` that have no effect here.

    Raises:
        ParameterError: naming them, and what to do.
    """
    stated = ", ".join(f"{name}={value}" for name, value in options.items() if value not in (None, False))
    if stated:
        raise ParameterError(f"save_pretrained: {stated}: a model folder holds its weights once, as safetensors. Leave "
                             "it out; `aign publish model` puts a model onto the hub.")


def precision(network: nn.Module) -> torch.dtype:
    """Return what a network computes in.

    Raises:
        ParameterError: nothing that the pipeline can work with.
    """
    kind = next(network.parameters()).dtype
    if kind not in PRECISIONS:
        raise ParameterError(f"{type(network).__name__} is in {kind}; designs can be made in "
                             f"{', '.join(map(str, PRECISIONS))}. Convert the pipeline with .to(dtype).")
    return kind
