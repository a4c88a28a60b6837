"""What a sentence says besides constraints and objectives: files, preset, seed, number of designs, size of the
network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aign.designs.requests import MOST_DESIGNS, SEEDS
from aign.intents import words
from aign.intents.draft import Draft
from aign.intents.items import Item
from aign.intents.sizes import bounded, size
from aign.intents.tokens import stem, stems
from aign.scenarios.core.scenario import Scenario

CUTS = ("cut", "soft cut")


def surroundings(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Read what is said of files, preset, seed, count and size into a draft; return the items that are left."""
    for step in (_files, _preset, _nameless, _seed, _count, size):
        items = step(items, draft, scenario)
    return items


def _files(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Read names of files: the words before one say whether it holds the context or what is deployed."""
    features = {part for feature in scenario.context_features for part in stems(feature.name)}
    for file in [item for item in items if item.kind == "file"]:
        place = items.index(file)
        begin = place
        while begin and items[begin - 1].kind in ("word", "range", "noun", "label") and _introduces(
                items[begin - 1], draft.text, features):
            begin -= 1
        after = place + 1
        while after < len(items) and items[after].kind == "word" and _introduces(items[after], draft.text, features):
            after += 1
        introduction = [part for item in items[begin:after] for part in stems(draft.text[item.start:item.end])]
        pieces = items[begin:after]
        if words.STARTS & set(introduction):
            draft.set(pieces, "start", file.value)
        elif (words.CONTEXTS | features) & set(introduction):
            draft.set(pieces, "context", file.value)
        else:
            name = draft.text[file.start:file.end]
            draft.ask([file], f"What does {file.value} hold: the context, or the design that is deployed now?",
                      (f"context {name}", f"starting from {name}"))
        items = items[:begin] + items[after:]
    return items


def _introduces(item: Item, text: str, features: set[str]) -> bool:
    parts = set(stems(text[item.start:item.end]))
    return item.kind in ("range", "noun") or (bool(parts) and parts <= words.STARTS | words.CONTEXTS | features)


def _nameless(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Ask for the file of "traffic matrix M": words for a context with no file."""
    kept: list[Item] = []
    place = 0
    while place < len(items):
        after = place
        while after < len(items) and items[after].kind == "word" and stem(str(items[after].value)) in words.CONTEXTS:
            after += 1
        if after == place:
            kept.append(items[place])
            place += 1
            continue
        run, letter = items[place:after], items[after:after + 1]
        named = bool(letter) and letter[0].kind == "word" and len(str(letter[0].value)) == 1
        question = f"Which file holds the {draft.words([*run, *letter] if named else run)}?"
        draft.ask(letter if named else run, question, after=not named)
        place = after + int(named)
    return kept


def _seed(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Read "seed 3"."""
    for mark in [item for item in items if item.kind == "seed"]:
        place = items.index(mark)
        number = next((item for item in items[place + 1:place + 2] if item.kind == "number"), None)
        if number is None or not 0 <= number.value < SEEDS or number.value != int(number.value):
            draft.ask([mark, *([number] if number else [])], f"Which seed? A whole number from 0 to {SEEDS - 1}.")
        else:
            draft.set([mark, number], "seed", int(number.value))
        items = [item for item in items if item not in (mark, number)]
    return items


def _count(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Read "three options" and "the four most different designs"."""
    spreads = [item for item in items if item.kind == "spread"]
    counted: list[tuple[list[Item], int]] = []
    for noun in [item for item in items if item.kind == "noun"]:
        place = items.index(noun)
        before = place - 1
        while before >= 0 and items[before].kind == "spread":
            before -= 1
        number = items[before] if before >= 0 and items[before].kind == "number" else None
        if number is not None and bounded(items, before):
            draft.ask([number, noun], "How many designs? Say one number.", (f"{number.value:g} designs",))
            items = [item for item in items if item is not items[before - 1] and item is not number]
        elif number is not None and number.factors is None:
            pieces, between = [number, *items[before + 1:place], noun], items[before + 1:place]
            if not 1 <= number.value <= MOST_DESIGNS or number.value != int(number.value):
                draft.ask(pieces, f"How many designs? From 1 to {MOST_DESIGNS}.", ("16 designs",))
            elif between:
                draft.set(pieces, "spread", int(number.value))
                spreads = [item for item in spreads if item not in between]
            else:
                counted.append((pieces, int(number.value)))
            items = [item for item in items if item is not number and item is not noun]
    for pieces, count in counted:
        draft.set([*pieces, *spreads], "spread" if spreads else "count", count)
        spreads = []
    if spreads:
        draft.ask(spreads, "How many designs that are as different as possible?", ("4 most different designs",))
    return [item for item in items if item.kind not in ("noun", "spread")]


def _preset(items: list[Item], draft: Draft, scenario: Scenario[Any]) -> list[Item]:
    """Read the name of a preset: of several words alone, of a single word only beside "preset", "context" and such."""
    marks = [item for item in items if item.kind == "preset"]
    for name in scenario.presets:
        parts = tuple(part for part in stems(name.replace("-", " ")) if part != "-")
        match = _run(items, draft.text, parts)
        if match is None:
            continue
        begin, after = match
        beside = items[max(begin - 1, 0):begin] + items[after:after + 1]
        named = [item for item in beside if item.kind == "preset" or (item.kind in ("word", "label") and set(
            stems(draft.text[item.start:item.end])) <= words.PRESETS)]
        if named or (len(parts) > 1 and not any(part.isdigit() for part in parts)):
            draft.set([*named, *items[begin:after]], "preset", name)
            taken = [*named, *items[begin:after]]
            items = [item for item in items if not any(item is piece for piece in taken)]
            marks = [mark for mark in marks if not any(mark is piece for piece in taken)]
    for mark in marks:
        place = items.index(mark)
        after = place + 1
        while after < len(items) and items[after].kind == "word":
            after += 1
        draft.ask(items[place:after], "Which preset?", [f"preset {name}" for name in scenario.presets])
        items = items[:place] + items[after:]
    return items


def _run(items: Sequence[Item], text: str, parts: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the places between which the items say a name, word for word."""
    for begin in range(len(items)):
        said: list[str] = []
        for after in range(begin, min(begin + len(parts), len(items))):
            said += [part for part in stems(text[items[after].start:items[after].end]) if part != "-"]
            if tuple(said) == parts:
                return begin, after + 1
    return None
