"""What params.yaml names, checked against the networks it is for before any of them is explored.

Names of labels, presets, agents and files mean something to one network only, so this needs torch, which a stage needs
anyway; nothing is certified. All variants are checked, since what one stage leaves undone another needs hours later.
A network whose parameters name code of others is built for its own stages only: other networks do not need that code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aign import checked_yaml
from aign.agents import fit as agents_fit
from aign.agents.settings import ReplaySettings
from aign.designs.requests import Request
from aign.designs.settings import RequestSettings, SamplingSettings
from aign.diffusion import device
from aign.diffusion import fit as diffusion_fit
from aign.errors import AignError, ParameterError
from aign.params import Params, Variant
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.registry import scenario_class
from aign.scenarios.core.scenario import Scenario


class Problems(list[str]):
    """What is wrong, each with its place in the file."""

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Note the error that a block of code raises, behind its place."""
        try:
            yield
        except AignError as error:
            self.append(f"{place}{error}")


def check(params: Params, path: Path, running: str | None = None) -> None:
    """Check every name in a parameter file.

    Args:
        params: what the file holds.
        path: the file, for messages.
        running: the variant whose stage is to be run.

    Raises:
        ParameterError: the dotted place of each invalid value, the value, and what is allowed.
    """
    problems = Problems()
    with problems.at("base.device: "):
        device.choose(params.base.device)
    for group, variants in (("variants", params.variants), ("further", params.further)):
        for name, variant in variants.items():
            network = _network(variant, f"{group}.{name}.", name == running, problems)
            if network is not None:
                _check_variant(variant, network, f"{group}.{name}.", problems)
    if problems:
        raise ParameterError(checked_yaml.listed(path, problems))


def never_learning(variant: Variant) -> list[str]:
    """Return, for each agent of a variant that takes random actions to the end, what is wrong and what to do."""
    decision_makers, told = variant.create_scenario().agents, []
    for kind in variant.collect.agents:
        settings = variant.collect.of(kind)
        if isinstance(settings, ReplaySettings):
            transitions = settings.environment_steps * decision_makers
            if settings.learning_starts >= transitions:
                told.append(f"collect.{kind}: never learns, since learning_starts is {settings.learning_starts} and "
                            f"environment_steps bring {transitions} transitions. Lower learning_starts, or take more "
                            "steps.")
    return told


def _network(variant: Variant, place: str, running: bool, problems: Problems) -> Scenario[Any] | None:
    """Return a variant's network; None where it cannot be built, or is not to be."""
    with problems.at(f"{place}scenario: "):
        kind = scenario_class(variant.scenario.name)
        if running or not kind.runs_foreign_code:
            return variant.create_scenario()
        kind.checked(**variant.scenario.parameters)
    return None


def _check_variant(variant: Variant, network: Scenario[Any], place: str, problems: Problems) -> None:
    """Check the blocks of a variant against its network."""
    with problems.at(place):
        agents_fit.check(network, variant.collect)
    with problems.at(place):
        diffusion_fit.check(network, variant.train)
    usual, sampling = variant.train.denoising, variant.sample.sampling
    with problems.at(f"{place}train.denoising.steps: "):
        diffusion_fit.check_steps(SamplingSettings().scheduler, usual.steps, variant.train.noise_steps)
    with problems.at(f"{place}sample.sampling.steps: "):
        diffusion_fit.check_steps(sampling.scheduler, sampling.steps or usual.steps, variant.train.noise_steps)
    for number, request in enumerate(variant.sample.requests):
        _check_request(request, network, f"{place}sample.requests[{number}]", problems)


def _check_request(request: RequestSettings, network: Scenario[Any], place: str, problems: Problems) -> None:
    """Check one request: each constraint by itself, then all together, and the context."""
    before = len(problems)
    for number, text in enumerate(request.where):
        with problems.at(f"{place}.where[{number}]: "):
            parse([text], network.labels)
    if len(problems) == before:
        with problems.at(f"{place}.where: "):
            parse(request.where, network.labels)
    with problems.at(f"{place}: "):
        Request.of(request.model_copy(update={"where": ()})).resolve(network)
