"""Which model of the folder `models` a command opens, and what it says where that is not clear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aign.cli.options import DEFAULT
from aign.errors import AignError, ModelError, ParameterError, unknown_name

if TYPE_CHECKING:
    from aign.diffusion.model import DesignModel
    from aign.scenarios.core.scenario import Scenario

MODELS = Path("models")


def scenario_name(name: str, trust_code: bool) -> str:
    """Return a scenario's name as models store it.

    Raises:
        ParameterError: there is none of that name; where a model has it, with the command for that model.
    """
    from aign.intents import networks
    from aign.scenarios.core import registry

    if registry.canonical(name) in registry.names():
        return registry.canonical(name)
    of_model = networks.of_models(MODELS, trust_code).get(name)
    if of_model is not None:
        raise ParameterError(f"{name} is a model, not a scenario. Give the scenario and the model: "
                             f"`aign design {of_model.name} --model {MODELS / name}`.")
    raise ParameterError(unknown_name("scenario", name, registry.names()))


def found_model(scenario: str, parameters: Mapping[str, Any], trust_code: bool) -> DesignModel:
    """Open the model of a scenario with these parameters; of several the one whose others are the defaults.

    Raises:
        ModelError: there is none, or which one is meant is not clear; see `store.find`.
    """
    from aign.diffusion import store
    from aign.intents import networks

    try:
        return store.find(MODELS, scenario, parameters, trust_code, lambda: how_to_train(scenario, parameters))
    except ModelError:
        matching = {name: network for name, network in networks.of_models(MODELS, trust_code).items()
                    if network.name == scenario and parameters.items() <= network.spec().items()}
        plain = [name for name, network in matching.items() if _others_are_defaults(network, parameters)]
        if len(matching) < 2:
            raise
        if len(plain) == 1:
            return store.load(MODELS / plain[0], trust_code)
        raise ModelError(f"{MODELS}: {len(matching)} models for {scenario}: {_told_apart(matching)}. Name one with "
                         "--model, or say by --set what the network is.") from None


def _told_apart(networks: Mapping[str, Scenario[Any]]) -> str:
    """Return models with those parameters in which their networks differ."""
    specs = {name: network.spec() for name, network in networks.items()}
    differing = [key for key in next(iter(specs.values())) if len({str(spec.get(key)) for spec in specs.values()}) > 1]
    told = {name: ", ".join(f"{key}={spec.get(key)}" for key in differing) for name, spec in specs.items()}
    return "; ".join(f"{MODELS / name}{f' ({text})' if text else ''}" for name, text in told.items())


def _others_are_defaults(network: Scenario[Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether a network has the default of every parameter that is not named."""
    fields, values = type(network.parameters).model_fields, network.spec()
    return all(values.get(name) == field.default for name, field in fields.items() if name not in parameters)


def how_to_train(scenario: str, parameters: Mapping[str, Any]) -> str:
    """Return a sentence on how to get a model for a scenario with these parameters."""
    from aign import checkout, params

    try:
        known = params.load(DEFAULT)
        variant = known.matching(scenario, parameters)
    except AignError:
        variant = None
    if variant is None:
        return f" Or add that network to {DEFAULT} and train it."
    command = known.command("train", variant) if checkout.here() else f"aign collect {variant} && aign train {variant}"
    return f" Or train one: `{command}`."
