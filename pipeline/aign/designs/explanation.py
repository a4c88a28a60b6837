"""Why a design looks as it does, in words a network engineer can check: constraints, prices, who pays, the path.

Axes: X design values, P entities of the network (users, channels), T horizon, S state values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.best_value import BestValue, best_value
from aign.designs.bisection import TOLERANCE
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, written
from aign.scenarios.core.remembered import certificate_of
from aign.scenarios.core.scenario import Scenario, finite_or_none

STEP = 0.01
"""Where a label is not whole, "one unit more" is this share of the threshold."""
CLOSE = 0.005
"""A constraint binds where the label is within this share of its threshold."""
PRICELESS = 1e-6
"""Shadow prices below this count as zero: the barrier leaves every constraint a trace."""
SHOWN = 3
"""Entities named in the text."""


@dataclass(frozen=True)
class ConstraintEffect:
    """What one constraint does to the best design.

    Attributes:
        constraint: its text; value: the label of the design; binds: whether it holds the design back.
        price: utility gained by one more unit of threshold, from the multipliers; None where there are none.
        step: the loosening tried, in the label's unit and direction; loosened: the constraint after it.
        predicted: price times step; measured: what is gained by certifying again with the loosened constraint.
        gained: what `measured` is of: the utility, or the label that is the objective, in its unit.
    """

    constraint: str
    unit: str
    value: float
    binds: bool
    price: float | None
    step: float
    loosened: str
    predicted: float | None
    measured: float | None
    gained: str = "utility"

    def sentence(self) -> str:
        """Return this in words."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        value = f"{written(self.value, 5)}{unit}"
        text = f"{self.constraint} {'binds' if self.binds else 'is slack'} (the design has {value})"
        if not self.binds and not (self.measured and abs(self.measured) > PRICELESS):
            return f"{text}."
        if self.predicted is not None:
            way = "more" if self.step > 0 else "less"
            text += f"; by its shadow price {abs(self.step):.4g}{unit} {way} would add {self.predicted:.4f} utility"
        if self.measured is not None:
            gained = f"{self.measured:+.4f}" if self.gained == "utility" else f"{self.gained} {self.measured:+.4g}"
            text += f"; certified again with {self.loosened}: {gained}"
        return f"{text}."


@dataclass(frozen=True)
class EntityChange:
    """What one entity of the network (a user, a link) has here and in the unconstrained optimum, by figure; `number`
    counts from 1.
    """

    name: str
    number: int
    here: dict[str, float]
    free: dict[str, float]

    def sentence(self) -> str:
        """Return this in words."""
        figures = (f"{name.partition(' [')[0]} {self.free[name]:.4g} -> {value:.4g}{_unit(name)}"
                   for name, value in self.here.items())
        return f"{self.name}: {', '.join(figures)}"


def _unit(figure: str) -> str:
    """Return the unit in the name of a figure, such as "rate [Mbit/s]", after a space; nothing for pure numbers."""
    unit = figure.partition(" [")[2].removesuffix("]")
    return f" {unit}" if unit and unit != "1" else ""


@dataclass(frozen=True)
class Explanation:
    """Why the best design looks as it does.

    Attributes:
        effects: of each constraint.
        entities: those whose last figure (its benefit) differs from the unconstrained optimum, most affected first;
            none without constraints.
        utility: (T+1) utility along the executed path.
        settled: for each design value the step from which it keeps its final value.
        worth: utility of the design: another than the path's last where that ends beside the design.
    """

    effects: tuple[ConstraintEffect, ...]
    entities: tuple[EntityChange, ...]
    utility: list[float]
    settled: list[int]
    worth: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"constraints": [asdict(effect) for effect in self.effects],
                "affected": [asdict(entity) for entity in self.entities],
                "path_utility": self.utility, "settled_at_step": self.settled}

    def sentences(self) -> list[str]:
        """Return the lines for the terminal."""
        lines = [effect.sentence() for effect in self.effects]
        if self.entities:
            name = list(self.entities[0].here)[-1]
            lost = [entity for entity in self.entities if entity.here[name] < entity.free[name]]
            text = f"Against the unconstrained optimum {len(lost)} pay in {name.partition(' [')[0]}"
            gained = sum(entity.here[name] > entity.free[name] for entity in self.entities)
            worst = "; ".join(entity.sentence() for entity in lost[:SHOWN])
            lines.append(f"{text} and {gained} gain" + (f". Most affected: {worst}." if worst else "."))
        order = sorted(self.settled)
        lines.append(f"Path: utility {self.utility[0]:.4g} at the start, {self.utility[len(self.utility) // 2]:.4g} "
                     f"half way, {self.utility[-1]:.4f} at the end" + (
                         "." if order == list(range(1, len(order) + 1)) else  # one decision a step: nothing to tell
                         f"; half of the values are final after step {order[(len(order) - 1) // 2]}, all after step "
                         f"{order[-1]}."))
        if not math.isclose(self.worth, self.utility[-1], rel_tol=1e-6, abs_tol=1e-9):
            lines[-1] += f" It ends beside the design, whose utility is {self.worth:.4f}."
        return lines


def explain(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint], design: Tensor, path: Tensor,
            certificate: Certificate, best: BestValue | None = None) -> Explanation:
    """Explain a design.

    Args:
        scenario: whose design it is.
        context: (C,).
        constraints: of the request.
        design: (X,) the best design.
        path: (T+1, Z) the executed path towards it, with what is hidden.
        certificate: of the request, for this one context.
        best: of the label that is the objective; None where that is the utility.
    """
    contexts = context[None]
    labels = scenario.measure(contexts, design[None])
    effects = tuple(_effect(scenario, contexts, constraints, number, float(labels[constraint.label][0]), certificate,
                            best) for number, constraint in enumerate(constraints))
    entities = _changes(scenario, contexts, design) if constraints else ()
    utility = scenario.outcome(contexts.expand(len(path), -1), path)[0].tolist()
    worth = float(scenario.utility(contexts, design[None])[0])
    return Explanation(effects, entities, utility, settled(scenario.design_of(path)), worth)


def settled(path: Tensor) -> list[int]:
    """Return for each design value of a path (T+1, X) the first step from which it keeps its final value."""
    same = (path == path[-1]).flip(0).int().cumprod(dim=0).sum(dim=0)
    return (len(path) - same).tolist()


def _effect(scenario: Scenario[Any], contexts: Tensor, constraints: Sequence[Constraint], number: int, value: float,
            certificate: Certificate, best: BestValue | None) -> ConstraintEffect:
    """Explain one constraint: price and measured gain of loosening it by one unit."""
    constraint = constraints[number]
    whole = constraint.label in scenario.integer_labels
    size = 1.0 if whole else STEP * (abs(constraint.threshold) or 1.0)
    step = size if constraint.upper else -size
    loosened = constraint.at(constraint.threshold + step)
    request = [loosened if place == number else other for place, other in enumerate(constraints)]
    distance = constraint.slack(torch.tensor(value, dtype=torch.float64)).item()
    near = distance < 1 if whole else distance <= CLOSE * (abs(constraint.threshold) or 1.0)
    unit = scenario.label(constraint.label).unit
    if best is not None:
        after = best_value(scenario, contexts[0], request, best.objective, best.design[None])
        measured = None if after is None else after.value - best.value
        eased = measured is not None and abs(measured) > TOLERANCE * abs(best.value)
        return ConstraintEffect(str(constraint), unit, value, near or eased, None, step, str(loosened), None, measured,
                                best.objective.name)
    priced = certificate.prices.get(constraint)
    price = None if priced is None else finite_or_none(float(priced[0]))
    if price is not None and abs(price * step) < PRICELESS:
        price = 0.0
    measured = gain(scenario, contexts, certificate, certificate_of(scenario, contexts, request), price is not None)
    return ConstraintEffect(str(constraint), unit, value, near or bool(price), price, step, str(loosened),
                            None if price is None else price * step, measured)


def gain(scenario: Scenario[Any], contexts: Tensor, before: Certificate, after: Certificate,
         bound: bool) -> float | None:
    """Return the utility gained from one certificate to another: of their bounds, or of the best designs known."""
    if bound:
        return finite_or_none(float(after.utility[0] - before.utility[0]))
    if not (bool(before.feasible[0]) and bool(after.feasible[0])):
        return None
    return float(scenario.utility(contexts, after.design)[0] - scenario.utility(contexts, before.design)[0])


def _changes(scenario: Scenario[Any], contexts: Tensor, design: Tensor) -> tuple[EntityChange, ...]:
    """Return who is affected by the request, most affected first."""
    here = scenario.per_entity(contexts, design[None])
    if not here:
        return ()
    free = scenario.per_entity(contexts, certificate_of(scenario, contexts).design)
    name = list(here)[-1]
    scale = float(free[name].abs().amax()) or 1.0
    names = scenario.entity_names(here[name].shape[1])
    change = ((here[name] - free[name]) / free[name].abs().clamp_min(1e-9 * scale))[0]
    changes = []
    for index in change.argsort(stable=True).tolist():
        if not math.isclose(float(here[name][0, index]), float(free[name][0, index]), rel_tol=1e-6, abs_tol=1e-9):
            # A figure of another number of entities (a second state feature, say) does not belong to this one.
            belongs = [key for key in here if here[key].shape == here[name].shape]
            changes.append(EntityChange(names[index], index + 1, {key: float(here[key][0, index]) for key in belongs},
                                        {key: float(free[key][0, index]) for key in belongs}))
    return tuple(changes)
