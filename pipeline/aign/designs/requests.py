"""What an operator asks for: a context, what is deployed, objectives, constraints, a number of designs. Python,
params.yaml and the command line say it alike.

Axes: C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.designs import objectives, starts
from aign.designs.events import Incident, strike
from aign.designs.feature_values import FeatureReader, Values
from aign.designs.objectives import BY_UTILITY, Objective
from aign.designs.settings import RequestSettings
from aign.errors import ContextError, ParameterError, unknown_name
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.scenario import Scenario

MOST_DESIGNS = 100_000
"""Designs of one request: bounds memory."""
SEEDS = 2**31
EXAMPLE = "Write a list of numbers, such as [0.0014, 0.0017], or {gain: [0.0014, 0.0017]}."


@dataclass(frozen=True)
class Request:
    """What is wanted of a network, whichever it is: `resolve` reads it against one.

    Attributes:
        where: constraints on labels, such as "total_power<=300", also with >=, <, > or "not " before them; every design
            has to meet them all.
        preset: a context that the scenario knows by name.
        context: a context of one's own, as values by the names of context features or a file; see
            `feature_values.Values`. Where neither is given, one is drawn.
        seed: from 0 to 2**31 - 1, of a context drawn; None: the seed of the answer.
        count: designs to generate, from 1 to `MOST_DESIGNS`.
        start: the design that is deployed, as values or a file; see `starts.read_start`. The answer then says what to
            change.
        objective: what is wanted most, such as "utility", "cost" (in its better direction), "min cost" or "max
            min_rate"; none: the utility. Of several, the answer has the designs that no other beats in all of them.
        spread: return only so many good designs, as different as possible; None: all.
        event: what goes wrong in the deployed design, such as "link A-B fails", "demand +20%" or "gain of user 7 -50%";
            see `events`. The designs are for the situation after it.

    Raises:
        ParameterError: a value is out of range, or both preset and context are given.

    Example:
        >>> aign.Request(where=["total_power<=300", "min_rate>=6"], seed=1).count
        16
    """

    where: Sequence[str] = ()
    preset: str | None = None
    context: Values | None = None
    seed: int | None = None
    count: int = 16
    start: Values | None = None
    objective: Sequence[str] = ()
    spread: int | None = None
    event: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, kind in (("where", "constraints"), ("objective", "objectives"), ("event", "events")):
            text = getattr(self, name)
            if isinstance(text, str):
                raise ParameterError(f"{name} = {text!r}: give a list of {kind}, such as [{text!r}].")
        if self.spread is not None and self.spread < 1:
            raise ParameterError(f"spread = {self.spread}: allowed from 1.")
        if not 1 <= self.count <= MOST_DESIGNS:
            raise ParameterError(f"count = {self.count}: allowed from 1 to {MOST_DESIGNS} designs.")
        if self.seed is not None and not 0 <= self.seed < SEEDS:
            raise ParameterError(f"seed = {self.seed}: allowed from 0 to {SEEDS - 1}.")
        if self.preset is not None and self.context is not None:
            raise ParameterError(f"Both preset {self.preset!r} and context {self.context!r} were given; give one of "
                                 "them.")

    @classmethod
    def of(cls, settings: RequestSettings) -> Request:
        """Return a request of params.yaml."""
        return cls(**settings.model_dump(exclude={"name"}))

    def resolve(self, scenario: Scenario[Any], seed: int = 0) -> ResolvedRequest:
        """Return the request as tensors and bounds of one scenario; `seed` draws the context where none is said.

        Raises:
            ConstraintError: a malformed, unknown or contradictory constraint.
            ContextError: a context that cannot be read or does not fit the scenario.
            ParameterError: an unknown preset or objective, a start that is no design of the scenario, or an event that
                cannot happen to it.
        """
        seed = seed if self.seed is None else self.seed
        values, origin = self._context(scenario, seed)
        try:
            checked = scenario.check_contexts(values)[0]
        except ContextError as error:
            raise ContextError(f"{origin}: {error}") from None
        start, start_origin = (None, None) if self.start is None else starts.read_start(self.start, scenario, checked)
        constraints, incident = parse(self.where, scenario.labels), None
        if self.event:
            struck = strike(scenario, self.event, checked, start, self.where)
            checked, start, constraints, incident = struck.context, struck.start, struck.constraints, struck.incident
        return ResolvedRequest(checked, origin, constraints, self.count, self.preset, seed,
                               objectives.parse(self.objective, scenario.labels), start, start_origin, self.spread,
                               incident)

    def _context(self, scenario: Scenario[Any], seed: int) -> tuple[Tensor, str]:
        """Return the context values, not yet checked, and where they come from."""
        if self.preset is not None:
            if self.preset not in scenario.presets:
                raise ParameterError(unknown_name("preset", self.preset, scenario.presets))
            return scenario.presets[self.preset], f"preset {self.preset}"
        if self.context is None:
            values = scenario.draw_contexts(1, torch.Generator().manual_seed(seed))[0]
            return values, f"drawn with seed {seed}"
        if isinstance(self.context, str | Path):
            return read_context(Path(self.context), scenario), str(self.context)
        return context_reader(scenario).values(self.context, "context"), "the given context"


@dataclass(frozen=True)
class ResolvedRequest:
    """A request to the generator of one scenario.

    Attributes:
        context: (C,) float32, checked.
        origin: where the context comes from, for tables.
        constraints: what every design has to meet.
        count: candidates to generate.
        preset: the name of the context, where it has one.
        seed: with which the context was drawn, where it was.
        objectives: what is wanted most; several ask for a front.
        start: (X,) the deployed design, as it works in the context.
        start_origin: where it comes from.
        spread: how many of the good designs are wanted; None: all.
        incident: what went wrong; context, constraints and start are those after it.
    """

    context: Tensor
    origin: str
    constraints: tuple[Constraint, ...]
    count: int
    preset: str | None = None
    seed: int = 0
    objectives: tuple[Objective, ...] = BY_UTILITY
    start: Tensor | None = None
    start_origin: str | None = None
    spread: int | None = None
    incident: Incident | None = None

    @property
    def without_failed(self) -> Scenario[Any] | None:
        """The network without the parts that failed; None where none did."""
        return self.incident.network if self.incident is not None and self.incident.failed else None

    @property
    def by_utility(self) -> bool:
        """Whether the utility alone is wanted."""
        return len(self.objectives) == 1 and self.objectives[0].is_utility

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the constraints and objectives as a request writes them."""
        return {"where": [str(constraint) for constraint in self.constraints], "preset": self.preset,
                "origin": self.origin, "context": self.context.tolist(), "seed": self.seed, "count": self.count,
                "objective": [str(objective) for objective in self.objectives],
                "start": None if self.start is None else self.start.tolist(), "start_origin": self.start_origin,
                "spread": self.spread,
                **({} if self.incident is None else {"event": list(self.incident.events)})}


def read_context(path: Path, scenario: Scenario[Any]) -> Tensor:
    """Return the context values (C,), float32, in a file: of the network's own format, or JSON or YAML.

    Raises:
        AignError: the file is missing, unreadable, names other features, or holds anything but numbers.
    """
    values = scenario.context_from(path)
    if values is not None:
        return values
    reader = context_reader(scenario)
    return reader.values(reader.file(path), str(path))


def context_reader(scenario: Scenario[Any]) -> FeatureReader:
    """Return what reads contexts that are given as numbers, or raises `ContextError`."""
    return FeatureReader(scenario.context_features, "context feature", ContextError, EXAMPLE)
