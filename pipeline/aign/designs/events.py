"""What goes wrong in a network that runs: a part of the design fails, its situation changes, or more is asked of it.

An event is written as `link Gdansk-Warsaw fails`, `demand +20%`, `gain of user 7 -50%`, `size of user 3 = 9`, or as a
constraint that holds from now on, such as `min_rate>=6`.

Axes: C context values, X design values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.errors import AignError, ContextError, ParameterError, unknown_name
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.failed_parts import without
from aign.scenarios.core.features import Feature, bounds
from aign.scenarios.core.scenario import Scenario

FAILS = re.compile(r"(?P<part>.+?)\s+(?:fails|failed|has failed|is down)", re.IGNORECASE)
CHANGES = re.compile(r"(?P<feature>\w+?)(?:\s+of\s+(?P<name>.+?))?\s*(?P<how>[-+*=])\s*"
                     r"(?P<amount>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)")
FORMS = '"NAME fails", "FEATURE +20%", "FEATURE of NAME -50%", also * and = with a number, or a constraint'
CHANGES_TRIED = ("+20%", "-20%")
"""Of each context feature, in examples."""


@dataclass(frozen=True, eq=False)
class Incident:
    """Events that struck a deployed design.

    Attributes:
        events: as written.
        context, start: (C,) and (X,), before them.
        asked: the constraints before them.
        intact, network: before them, and after: without the parts that failed.
        failed: names of those parts; they cannot be changed.
    """

    events: tuple[str, ...]
    context: Tensor
    start: Tensor
    asked: tuple[Constraint, ...]
    intact: Scenario[Any]
    network: Scenario[Any]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Struck:
    """A context (C,), the design (X,) that is left in it, and what is asked for, after an incident."""

    context: Tensor
    start: Tensor
    constraints: tuple[Constraint, ...]
    incident: Incident


def strike(scenario: Scenario[Any], events: Sequence[str], context: Tensor, start: Tensor | None,
           where: Sequence[str]) -> Struck:
    """Return what events leave of a deployed design.

    Args:
        scenario: the network.
        events: one after the other; see this module's text.
        context: (C,), checked.
        start: (X,), settled in the context; None where none was given.
        where: the constraints asked for until now.

    Raises:
        ParameterError: an event cannot be read, names what the network does not have, or cannot happen to it; no design
            is deployed.
        ContextError: the context after it is none of the network.
        ConstraintError: a constraint is unknown or contradicts another.
    """
    if start is None:
        reason = "give the deployed design as start" if scenario.designs_transfer else \
            f"a design of {scenario.name} is a sequence of decisions, so none is deployed; ask in the new context"
        raise ParameterError(f"event {events[0]!r}: happens to a deployed design; {reason}.")
    after, failed, further = context.clone(), list[str](), list[str]()
    for text in map(str.strip, events):
        failure = FAILS.fullmatch(text)
        if failure is not None:
            failed += _failing(scenario, failure["part"], text)
        elif "<" in text or ">" in text:
            further.append(text)
        else:
            after = _changed(scenario, after, text)
    parts = tuple(dict.fromkeys(failed))
    incident = Incident(tuple(map(str.strip, events)), context, start, parse(where, scenario.labels), scenario,
                        without(scenario, parts), parts)
    try:
        checked = scenario.check_contexts(after)[0]
    except ContextError as error:
        raise ContextError(f"after {', '.join(incident.events)}: {error}") from None
    return Struck(checked, _left(incident, checked, start), parse([*where, *further], scenario.labels), incident)


def failing(scenario: Scenario[Any]) -> Mapping[str, tuple[str, ...]]:
    """Return what can fail, by name, and which parts of the design fail with it."""
    names = dict.fromkeys(name for feature in scenario.state_features for name in scenario.entity_names(feature.size))
    return {name: (name,) for name in names} | dict(scenario.carriers)


def examples(scenario: Scenario[Any]) -> list[str]:
    """Return events that can happen to the network: what fails, what changes for all, and for a single name.

    They are tried, of names the first, on a design half way between the bounds, in the context of seed 0.
    """
    if not scenario.designs_transfer:
        return []
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(0))
    low, high = bounds(scenario.state_features)
    start = scenario.nearest_start(context, scenario.admissible(((low + high) / 2)[None]))[0].to(low.dtype)

    def possible(texts: Sequence[str]) -> list[str]:
        return [text for text in texts if _can_happen(scenario, text, context[0], start)]

    failures = possible([f"{name} fails" for name in failing(scenario)])
    changes, single = list[str](), list[str]()
    for feature in scenario.context_features:
        first, *others = dict.fromkeys(context_names(scenario, feature))
        changes += possible([f"{feature.name} {change}" for change in CHANGES_TRIED])
        for change in possible([f"{feature.name} of {first} {change}" for change in CHANGES_TRIED]):
            single += [change, *(change.replace(first, other) for other in others)]
    return [*(failures if len(failures) > 1 else []), *changes, *single]  # a single part is all of the design


def _can_happen(scenario: Scenario[Any], event: str, context: Tensor, start: Tensor) -> bool:
    """Return whether an event can strike a design (X,) in a context (C,)."""
    try:
        strike(scenario, [event], context, start, ())
    except AignError:
        return False
    return True


def context_names(scenario: Scenario[Any], feature: Feature) -> Sequence[str]:
    """Return whose each value of a context feature is, such as "user 7"."""
    return scenario.context_names(feature) or scenario.entity_names(feature.size)


def _failing(scenario: Scenario[Any], name: str, text: str) -> tuple[str, ...]:
    """Return the parts that fail with what is named."""
    known = failing(scenario)
    spoken = {_plain(each): each for each in known}
    if _plain(name) not in spoken:
        raise ParameterError(f"event {text!r}: {unknown_name('part of the design', name, list(known))}")
    return known[spoken[_plain(name)]]


def _plain(name: str) -> str:
    return re.sub(r"[\s_\u2013-]+", "-", name.strip().lower())


def _changed(scenario: Scenario[Any], context: Tensor, text: str) -> Tensor:
    """Return a context (C,) after a change of one feature, or of what one name has of it."""
    match = CHANGES.fullmatch(text)
    if match is None or (match["percent"] and match["how"] not in "+-"):
        raise ParameterError(f"event {text!r}: cannot be read. Write {FORMS}.")
    features = scenario.context_features
    names = [feature.name for feature in features]
    if match["feature"] not in names:
        raise ParameterError(f"event {text!r}: {unknown_name('context feature', match['feature'], names)}")
    place = names.index(match["feature"])
    first = sum(feature.size for feature in features[:place])
    columns = torch.arange(first, first + features[place].size)
    if match["name"] is not None:
        whose = [_plain(name) for name in context_names(scenario, features[place])]
        if _plain(match["name"]) not in whose:
            raise ParameterError(f"event {text!r}: " + unknown_name(
                "name", match["name"], list(dict.fromkeys(context_names(scenario, features[place])))))
        columns = columns[torch.tensor([name == _plain(match["name"]) for name in whose])]
    after = context.clone()
    after[columns] = _value(after[columns], match["how"], float(match["amount"]), bool(match["percent"]))
    return after


def _value(values: Tensor, how: str, amount: float, percent: bool) -> Tensor:
    """Return values after a change."""
    if percent:
        how, amount = "*", 1 + (amount if how == "+" else -amount) / 100
    return {"+": values + amount, "-": values - amount, "*": values * amount, "=": torch.full_like(values, amount)}[how]


def _left(incident: Incident, context: Tensor, start: Tensor) -> Tensor:
    """Return what is left (X,) of a deployed design where parts have failed: their values are the least there are."""
    network = incident.network
    left = network.nearest_start(context[None], start[None])[0].to(start.dtype)
    names = [name for feature in network.state_features for name in network.entity_names(feature.size)]
    lost = torch.tensor([name in incident.failed for name in names])
    if bool((left != bounds(network.state_features)[0].to(start.dtype))[lost].any()):
        raise ParameterError(f"event {f'{incident.failed[0]} fails'!r}: every design of {network.name} has to use it, "
                             "so it cannot fail. Change the situation instead: "
                             f"{', '.join(feature.name for feature in network.context_features)}.")
    return left
