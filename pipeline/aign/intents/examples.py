"""Sentences to begin with: what an operator can say of a network, each of which the reader understands."""

from __future__ import annotations

from typing import Any

from aign.intents.reader import read
from aign.intents.vocabulary import spoken
from aign.scenarios.core.constraints import Label
from aign.scenarios.core.scenario import Scenario


def examples(scenario: Scenario[Any]) -> list[str]:
    """Return up to four sentences without numbers, which would need to fit the situation: the best of a label, two
    labels against each other, and designs that differ.
    """
    lower, higher = ([label for label in scenario.labels if label.better == better] for better in ("lower", "higher"))
    texts = [f"three designs with the {_least(lower[0], scenario)} {spoken(lower[0])}"] if lower else []
    texts += [f"three designs with the highest {spoken(higher[-1])}"] if higher else []
    texts += [f"trade-off between {spoken(lower[0])} and {spoken(higher[-1])}"] if lower and higher else []
    return [text for text in [*texts, "the four most different designs"] if read(text, scenario).request is not None]


def _least(label: Label, scenario: Scenario[Any]) -> str:
    return "fewest" if label.name in scenario.integer_labels and spoken(label).endswith("s") else "lowest"
