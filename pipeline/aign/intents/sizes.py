"""The size of the network in a sentence, such as "for 20 users": it tells networks apart, and no request changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aign.intents.draft import Draft
from aign.intents.items import Item
from aign.intents.tokens import stems
from aign.scenarios.core.scenario import Scenario


def sizes(scenario: Scenario[Any]) -> dict[str, int]:
    """Return the numbers that operators tell networks apart by, by the stems of their names."""
    return {" ".join(stems(name)): value for name, value in scenario.sizes.items()}


def size(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Check "for 20 users" and proper names against the network; it cannot be changed by a request."""
    names = [name.lower() for name in scenario.proper_names]
    kept: list[Item] = []
    place = 0
    while place < len(items):
        taken = 0 if bounded(items, place) else _size_at(items[place:place + 3], draft, scenario)
        if taken:
            place += taken
            continue
        item = items[place]
        if item.kind == "word" and str(item.value).lower() in names:
            draft.understand([item], f"{scenario.name} {item.value}")
        else:
            kept.append(item)
        place += 1
    return kept


def _size_at(items: Sequence[Item], draft: Draft, scenario: Scenario[Any]) -> int:
    """Read the size that some items begin with; return how many of them say it, 0 where none does."""
    number, *rest = items
    if number.kind != "number" or number.share:
        return 0
    known, after_for = sizes(scenario), draft.text[:number.start].rstrip().lower().endswith("for")
    if number.factors is not None:  # its noun is also the unit of a label
        counts = bool(rest) and rest[0].kind in ("compare", "label") and not after_for
        if counts or known.get(stems(draft.text[number.start:number.end])[-1]) != number.value:
            return 0
        draft.understand([number], f"{scenario.name} has {draft.words([number])}")
        return 1
    noun = " ".join(stems(draft.text[rest[0].start:rest[0].end])) if rest else ""
    if noun not in known or (len(rest) > 1 and rest[1].kind == "compare" and not after_for):
        return 0
    plural = draft.text[rest[0].start:rest[0].end].removesuffix("s") + "s"
    if number.value == known[noun]:
        draft.understand([number, rest[0]], f"{scenario.name} has {known[noun]} {plural}")
    else:
        draft.ask([number, rest[0]], f"This network has {known[noun]} {plural}, not {number.value:g}. Is it meant, or "
                                     "another network?", (f"{known[noun]} {plural}",))
    return 2


def bounded(items: Sequence[Item], place: int) -> bool:
    """Return whether a comparison stands right before a place."""
    return place > 0 and items[place - 1].kind in ("compare", "move")
